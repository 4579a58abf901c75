"""From upload to image set.

Untrusted pictures become a checked ``ImageSet`` and a report, or a ``UserError`` is raised and
nothing is left behind.

The way of a picture: found (``files``), placed (``layout``), then read, decoded and hashed by a
few threads with a bounded number under way, so that memory stays flat; written in order; compared
with all others (``duplicates``); reported on (``report``). The set is built beside its place and
moved there in one rename.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.core.files import MIB, is_full
from training.core.messages import Message, UserError
from training.data.imageset import NO_LABEL, REST_LONG, REST_SHORT, ImageSet, ImageSetWriter
from training.intake.decode import Unreadable, at_rest, decode, read_picture
from training.intake.duplicates import Look, Looks, look
from training.intake.files import Reader, file_entry, opened, refuse_missing_or_large, unique
from training.intake.layout import Place, recognise
from training.intake.limits import Limits
from training.intake.names import class_name, natural_key, shown
from training.intake.report import Report, Skipped, write_report

__all__ = [
    "Item",
    "Limits",
    "Progress",
    "Report",
    "Skipped",
    "read_picture",
    "store",
    "take_in",
    "take_in_labelled",
]

Progress = Callable[[int, int], None]  # (pictures done, pictures in all)

_MAX_REST_BYTES = REST_SHORT * REST_LONG * 3
# A file of n bytes is seldom a picture of more than this many bytes: flat drawings reach it.
_PIXELS_PER_BYTE = 64
_SPARE_BYTES = 64 * MIB  # left free for all else that the machine does


@dataclass(frozen=True)
class Item:
    """One picture to take in: its name, class, given split and how to get it.

    ``read`` gives the bytes of a file, or a picture that is decoded already; it may raise
    ``Unreadable``. ``size`` is about how many bytes it takes in its file.
    """

    file: str
    place: Place
    read: Callable[[], bytes | Image.Image]
    size: int = _MAX_REST_BYTES


def take_in(
    source: Path | Sequence[Path],
    folder: Path,
    *,
    limits: Limits | None = None,
    name: str | None = None,
    per_class: int | None = None,
    progress: Progress | None = None,
) -> tuple[ImageSet, Report]:
    """Make a set of a zip, a folder, or a list of files (pictures, and at most one zip).

    Args:
        source: where the pictures are; nothing in it is changed.
        folder: where the set will be; must not exist, or be empty.
        limits: bounds of the upload; ``None``: the defaults.
        name: what to call the set; ``None``: as the zip or folder is called.
        per_class: at most this many pictures of a class and given split; ``None``: all.
        progress: called after each picture with how many are done, and of how many.

    Raises:
        UserError: nothing could be taken in, or the upload breaks a limit.
    """
    limits = limits or Limits()
    with opened(source, limits) as found:
        layout = recognise([entry.path for entry in found.entries])
        reader, items, skipped = Reader(limits), [], list(found.skipped)
        for entry, place in zip(found.entries, layout.places, strict=True):
            file = shown(entry.path)
            if place is None:
                skipped.append(Skipped(file, Message("intake.skip.stray")))
            else:
                items.append(Item(file, place, partial(reader.read, entry), entry.size))
        return store(
            capped(items, per_class),
            folder,
            name=name or class_name(found.name),
            layout=layout.kind,
            skipped=skipped,
            limits=limits,
            progress=progress,
        )


def take_in_labelled(
    pictures: Sequence[tuple[Path, str]],
    folder: Path,
    *,
    limits: Limits | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> tuple[ImageSet, Report]:
    """Make a set of pictures collected one by one, as (file, class name); otherwise ``take_in``.

    Raises:
        UserError: as ``take_in``.
    """
    limits = limits or Limits()
    refuse_missing_or_large([path for path, _ in pictures], limits)
    if len(pictures) > limits.files:
        raise UserError("intake.too_many_files", limit=limits.files)
    labels = [class_name(label) for _, label in pictures]
    files = unique(
        f"{label}/{path.name}" for (path, _), label in zip(pictures, labels, strict=True)
    )
    reader, items = Reader(limits), []
    for file, label, (path, _) in zip(files, labels, pictures, strict=True):
        entry = file_entry(path, file)
        items.append(Item(shown(file), Place(label, 0), partial(reader.read, entry), entry.size))
    return store(
        items, folder, name=name or "pictures", layout="folders", limits=limits, progress=progress
    )


def store(
    items: Sequence[Item],
    folder: Path,
    *,
    name: str,
    layout: str,
    skipped: Iterable[Skipped] = (),
    class_names: Sequence[str] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> tuple[ImageSet, Report]:
    """Decode ``items`` into a new set at ``folder``.

    ``class_names`` gives the order of the classes; ``None``: natural order. Classes of which no
    picture could be read are left out and reported.

    Raises:
        UserError: no picture could be read, or the disk is full.
    """
    limits = limits or Limits()
    with staged(folder) as temporary:
        _require_space(temporary, sum(_rest_bytes(item.size) for item in items))
        writer, left_out = ImageSetWriter(temporary), list(skipped)
        try:
            kept, looks = _write(items, writer, left_out, limits, progress)
            if not kept:
                raise UserError("intake.none_readable", count=len(left_out))
            wanted = {item.place.label for item in items if item.place.label is not None}
            present = {item.place.label for item in kept}
            order = class_names or sorted(wanted, key=natural_key)
            names = [each for each in order if each in present]
            images = writer.finish(
                name=name,
                class_names=names,
                labels=_numbers(kept, names),
                given_splits=[item.place.split for item in kept],
                groups=looks.groups().tolist(),
            )
        finally:
            writer.close()  # before the folder is moved or removed: Windows holds open files
        report = write_report(images, layout, left_out, wanted - present)
        report.save(temporary)
    return ImageSet.open(folder), report


def capped(items: Sequence[Item], per_class: int | None) -> list[Item]:
    """At most ``per_class`` items of each class and given split, picked at even distances."""
    if per_class is None:
        return list(items)
    places: Mapping[Place, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        places[item.place].append(index)
    chosen: set[int] = set()
    for indices in places.values():
        count = min(per_class, len(indices))
        chosen.update(indices[i * len(indices) // count] for i in range(count))
    return [items[index] for index in sorted(chosen)]


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes ``folder`` at the end, or is gone with all it held.

    Raises:
        FileExistsError: there is something in ``folder`` already.
        UserError: the disk is full.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield temporary
        if folder.exists():
            folder.rmdir()  # Windows renames to a free name only
        temporary.rename(folder)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        for parent in made:
            with suppress(OSError):  # somebody else has put something there by now
                parent.rmdir()
        if isinstance(error, OSError) and is_full(error):
            raise UserError("intake.disk_filled") from error
        raise


def _write(
    items: Sequence[Item],
    writer: ImageSetWriter,
    skipped: list[Skipped],
    limits: Limits,
    progress: Progress | None,
) -> tuple[list[Item], Looks]:
    """Append every readable picture, in order; the others go to ``skipped``."""
    kept, looks = [], Looks(len(items))
    for done, (item, result) in enumerate(_prepared(items, limits), start=1):
        if isinstance(result, Message):
            skipped.append(Skipped(item.file, result))
        else:
            pixels, seen = result
            writer.add(pixels, item.file)
            kept.append(item)
            looks.add(seen)
        if progress:
            progress(done, len(items))
    return kept, looks


_Result = tuple[NDArray[np.uint8], Look] | Message


def _prepared(items: Sequence[Item], limits: Limits) -> Iterator[tuple[Item, _Result]]:
    """The items with their pixels, in order, with a few under way at any time."""
    threads = max(2, min(8, os.cpu_count() or 2))  # Pillow lets go of the GIL while it decodes
    under_way: deque[tuple[Item, Future[_Result]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="intake")
    try:
        for item in items:
            under_way.append((item, pool.submit(_prepare, item, limits)))
            if len(under_way) >= 4 * threads:
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(item: Item, limits: Limits) -> _Result:
    """Pixels (H, W, 3) uint8, hash and thumbnail of one picture; the reason if that fails."""
    try:
        got = item.read()
        image = decode(got, limits) if isinstance(got, bytes) else at_rest(got)
    except Unreadable as error:
        return error.reason
    return np.asarray(image), look(image)


def _numbers(kept: Iterable[Item], names: Collection[str]) -> list[int]:
    number: dict[str | None, int] = {name: index for index, name in enumerate(names)}
    return [number.get(item.place.label, NO_LABEL) for item in kept]


def _rest_bytes(size: int) -> int:
    """About how many bytes a picture file of ``size`` bytes takes at rest, rather too many."""
    return min(_MAX_REST_BYTES, _PIXELS_PER_BYTE * size)


def _require_space(folder: Path, needed: int) -> None:
    if shutil.disk_usage(folder).free < needed + _SPARE_BYTES:
        raise UserError("intake.disk_full", needed=(needed + _SPARE_BYTES) // MIB)
