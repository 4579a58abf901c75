"""The files of an upload.

Those of a zip, a folder or a list, told apart by what they hold and not by their names.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from training.core.messages import Message, UserError
from training.intake.archive import HEAD_BYTES, ZIP_ERRORS, Archive, Entry, archive_kind
from training.intake.decode import Unreadable, file_too_large, picture_format
from training.intake.limits import Limits
from training.intake.names import is_junk, natural_key, shown
from training.intake.report import Skipped


@dataclass(frozen=True)
class Candidates:
    """The files that begin like pictures, the others with the reason, and a name for all."""

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    name: str


@contextmanager
def opened(source: Path | Sequence[Path], limits: Limits) -> Iterator[Candidates]:
    """The pictures among the files of ``source``, to be read until the context ends.

    Raises:
        UserError: there is no such file, it breaks a limit, or it holds no picture.
    """
    skipped: list[Skipped] = []
    with ExitStack() as stack:
        if isinstance(source, Path) and source.is_dir():
            name, entries = source.resolve().name, _folder(source, limits, skipped)
        else:
            paths = [source] if isinstance(source, Path) else list(source)
            name, entries = _files(paths, limits, skipped, stack)
        pictures = _sift(entries, skipped)
        if not pictures:
            _refuse_nothing(skipped)
        yield Candidates(tuple(pictures), tuple(skipped), name)


class Reader:
    """Reads entries into memory, and counts: what a zip says of its sizes need not be true.

    One reader serves all threads of one intake.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._read = 0
        self._lock = threading.Lock()

    def read(self, entry: Entry) -> bytes:
        """All bytes of one entry, ``Limits.picture_bytes`` at most.

        Raises:
            Unreadable: the file is damaged or larger than any picture.
            UserError: all files together are larger than the limit.
        """
        most = self._limits.picture_bytes
        if entry.size > most:
            raise Unreadable(file_too_large(self._limits))
        try:
            with entry.open() as file:
                data = file.read(most + 1)  # one more, to notice a file that goes on
        except ZIP_ERRORS as error:
            raise Unreadable(_damaged(error)) from error
        with self._lock:
            self._read += len(data)
            if self._read > self._limits.unpacked_bytes:
                raise UserError("intake.unpacked_too_big", limit=self._limits.unpacked_mb)
        if len(data) > most:
            raise Unreadable(file_too_large(self._limits))
        return data


def unique(names: Iterable[str]) -> list[str]:
    """The same names, repeated ones numbered as in "a (2).png": webcams call all pictures alike."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        stem, dot, suffix = name.rpartition(".")
        number = f" ({seen[name]})" if seen[name] > 1 else ""
        result.append(f"{stem}{number}{dot}{suffix}" if dot else f"{name}{number}")
    return result


def _folder(root: Path, limits: Limits, skipped: list[Skipped], outer: str = "") -> list[Entry]:
    """All files below ``root`` in natural order; links are named, not followed."""
    found: list[Entry] = []
    waiting, total = [root], 0
    while waiting:
        for item in _listing(waiting.pop(), skipped, root):
            path = outer + Path(item.path).relative_to(root).as_posix()
            if is_junk(path.removeprefix(outer)):
                continue
            if item.is_symlink():
                skipped.append(Skipped(shown(path), Message("intake.skip.link")))
            elif item.is_dir(follow_symlinks=False):
                waiting.append(Path(item.path))
            elif item.is_file(follow_symlinks=False):  # not a pipe, which would never end
                found.append(file_entry(Path(item.path), path))
                total += found[-1].size
            if len(found) > limits.files:
                raise UserError("intake.too_many_files", limit=limits.files)
            if total > limits.unpacked_bytes:
                raise UserError("intake.unpacked_too_big", limit=limits.unpacked_mb)
    return sorted(found, key=lambda entry: natural_key(entry.path))


def _listing(folder: Path, skipped: list[Skipped], root: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError:
        name = shown(folder.relative_to(root).as_posix())
        skipped.append(Skipped(name, Message("intake.skip.no_access")))
        return []


def file_entry(path: Path, name: str) -> Entry:
    """An entry for a file on disk, shown as ``name``.

    Raises:
        OSError: there is none.
    """
    return Entry(name, path.stat().st_size, lambda: path.open("rb"))


def _files(
    paths: list[Path], limits: Limits, skipped: list[Skipped], stack: ExitStack
) -> tuple[str, list[Entry]]:
    """Pictures and at most one zip, in the given order; what the zip holds comes last."""
    refuse_missing_or_large(paths, limits)
    zips = [path for path in paths if path.is_file() and _is_zip(path)]
    if len(zips) > 1:
        raise UserError("intake.two_archives", first=zips[0].name, second=zips[1].name)
    if len(paths) == 1 and not zips and not paths[0].is_dir():
        _refuse_odd_file(paths[0])
    plain = [path for path in paths if path.is_file() and path not in zips]
    names = unique(path.name for path in plain)
    entries = [file_entry(path, name) for path, name in zip(plain, names, strict=True)]
    for path in paths:
        if path.is_dir():
            entries += _folder(path, limits, skipped, outer=f"{path.resolve().name}/")
    for path in zips:
        archive = stack.enter_context(Archive(path, limits))
        entries += sorted(archive.entries, key=lambda entry: natural_key(entry.path))
    if len(entries) > limits.files:
        raise UserError("intake.too_many_files", limit=limits.files)
    return (zips or paths)[0].stem if zips or len(paths) == 1 else "pictures", entries


def refuse_missing_or_large(paths: list[Path], limits: Limits) -> None:
    """Check that every file is there, and all together are within the upload limit.

    Folders do not count: what they hold is measured against the limit of unpacked files.

    Raises:
        UserError: there are no files, one is missing, or they are too large.
    """
    if not paths:
        raise UserError("intake.no_files")
    for path in paths:
        if not path.exists():
            raise UserError("intake.no_such_file", file=str(path))
    if sum(path.stat().st_size for path in paths if path.is_file()) > limits.upload_bytes:
        raise UserError("intake.upload_too_big", limit=limits.upload_mb)


def _refuse_odd_file(path: Path) -> None:
    """A single file that is neither a zip nor a picture gets an answer of its own."""
    head = _head(path)
    if not head:
        raise UserError("intake.empty_file", file=path.name)
    if kind := archive_kind(head):
        raise UserError("intake.not_a_zip", file=path.name, kind=kind)
    if picture_format(head) is None:
        raise UserError("intake.neither", file=path.name)


def _is_zip(path: Path) -> bool:
    head = _head(path)
    # Self-extracting archives begin with a program; pictures may end in a zip by trickery.
    return archive_kind(head) == "zip" or (
        picture_format(head) is None and archive_kind(head) is None and zipfile.is_zipfile(path)
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise UserError("intake.file_unreadable", file=path.name) from error


def _sift(entries: Iterable[Entry], skipped: list[Skipped]) -> list[Entry]:
    """The entries that begin like pictures; all others are added to ``skipped``."""
    pictures = []
    for entry in entries:
        try:
            head = entry.head()
        except ZIP_ERRORS as error:
            skipped.append(Skipped(shown(entry.path), _damaged(error)))
            continue
        if picture_format(head):
            pictures.append(entry)
        else:
            key = "nested_archive" if archive_kind(head) else "not_a_picture"
            key = key if head else "empty"
            skipped.append(Skipped(shown(entry.path), Message(f"intake.skip.{key}")))
    return pictures


def _damaged(error: BaseException) -> Message:
    """Why a file could not be read at all."""
    if isinstance(error, NotImplementedError):
        return Message("intake.skip.compression")
    if isinstance(error, PermissionError):
        return Message("intake.skip.no_access")
    return Message("intake.skip.damaged_file")


def _refuse_nothing(skipped: list[Skipped]) -> None:
    if any(each.reason.key == "intake.skip.nested_archive" for each in skipped):
        raise UserError("intake.only_nested")
    raise UserError("intake.no_pictures", count=len(skipped))
