"""Shipped and downloadable data sets.

Pictures that need no upload: the project's examples, and well-known sets through torchvision.
"""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.core.files import MIB
from training.core.messages import Message, UserError
from training.core.paths import ASSETS
from training.data.imageset import ImageSet
from training.intake.layout import Place
from training.intake.limits import Limits
from training.intake.report import Report
from training.intake.take_in import Item, Progress, capped, store, take_in

EXAMPLES = ASSETS / "examples"
DIGIT_SIDE = 32  # px; the 8 px originals would be a blur on the page and too small for a GAN
_POLL_SECONDS = 0.5
_REACH_SECONDS = 10.0


@dataclass(frozen=True)
class Source:
    """A set by name: ``kind`` is "example" (shipped) or "download" (of ``download_mb`` MB)."""

    name: str
    title: Message
    kind: str
    classes: int
    pictures: int
    download_mb: int
    licence: str


@dataclass(frozen=True)
class _Download:
    """How torchvision gets a set: its splits, what it fetches, and where from."""

    parts: Callable[[Path, bool], Sequence[tuple[Any, int]]]  # (data set, given split)
    archives: tuple[str, ...]  # below the root; with these here, no network is needed
    site: str


def _source(name: str, kind: str, classes: int, pictures: int, mb: int, licence: str) -> Source:
    return Source(name, Message(f"source.{name}.title"), kind, classes, pictures, mb, licence)


_SOURCES = (
    _source("garden", "example", 6, 420, 0, "Apache-2.0 (drawn by this project)"),
    _source("digits", "example", 10, 1797, 0, "CC BY 4.0 (UCI, Alpaydin and Kaynak)"),
    _source("fashion-mnist", "download", 10, 70_000, 30, "MIT"),
    _source("mnist", "download", 10, 70_000, 12, "CC BY-SA 3.0"),
    _source("cifar-10", "download", 10, 60_000, 163, "none stated; research and teaching"),
    _source("flowers-102", "download", 102, 8189, 329, "none stated; research and teaching"),
    _source("oxford-pets", "download", 37, 7349, 774, "CC BY-SA 4.0"),
)


def list_sources() -> tuple[Source, ...]:
    """All sets that ``open_data`` knows by name, those that need no network first."""
    return _SOURCES


def default_root() -> Path:
    """Where downloads are kept: ``SEEDLING_DATA``, else a cache folder in the home folder."""
    given = os.environ.get("SEEDLING_DATA")
    return Path(given) if given else Path.home() / ".cache" / "seedling" / "datasets"


def open_data(
    data: str,
    folder: Path,
    *,
    limits: Limits | None = None,
    per_class: int | None = None,
    progress: Progress | None = None,
    root: Path | None = None,
) -> tuple[ImageSet, Report]:
    """Make a set at ``folder`` of what DATA names on the command line.

    Args:
        data: the path of a zip, a folder or a picture, or the name of a source. A name comes
            first: write ``./digits`` for a folder that is called as a source is.
        folder: where the set will be.
        limits: bounds of an upload; ``None``: the defaults.
        per_class: at most this many pictures of a class and given split; ``None``: all.
        progress: called with (bytes here, bytes in all) during a download, then with (pictures
            done, pictures in all).
        root: where downloads are kept; ``None``: ``default_root()``.

    Raises:
        UserError: there is no such data, or it cannot be had.
    """
    source = next((each for each in _SOURCES if each.name == data.casefold()), None)
    if source is None:
        if not data or not Path(data).exists():
            known = ", ".join(each.name for each in _SOURCES)
            raise UserError("datasets.unknown", name=data, known=known)
        return take_in(Path(data), folder, limits=limits, per_class=per_class, progress=progress)
    if source.name == "garden":
        path = EXAMPLES / "garden.zip"
        return take_in(path, folder, name="garden", per_class=per_class, progress=progress)
    if source.name == "digits":
        items, names, layout = _digits(), [str(digit) for digit in range(10)], "folders"
    else:
        items, names = _downloaded(source, root or default_root(), progress)
        layout = "splits"
    return store(
        capped(items, per_class),
        folder,
        name=source.name,
        layout=layout,
        class_names=names,
        progress=progress,
    )


def _digits() -> list[Item]:
    """The UCI digits of scikit-learn: 8x8 counts of 0..16, shown as 32 px greys."""
    from sklearn.datasets import load_digits

    found = load_digits()
    items = []
    for number, (grid, digit) in enumerate(zip(found.images, found.target, strict=True)):
        grey = Image.fromarray(np.rint(grid * (255 / 16)).astype(np.uint8))
        large = grey.resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC)
        items.append(Item(f"{digit}/{number:04d}", Place(str(digit), 0), partial(_same, large)))
    return items


def _same(image: Image.Image) -> Image.Image:
    return image


def _downloaded(
    source: Source, root: Path, progress: Progress | None
) -> tuple[list[Item], list[str]]:
    """The pictures of a torchvision set, fetched if need be, and its class names in order."""
    parts = _fetched(source, root, progress)
    names = [str(name) for name in parts[0][0].classes]
    items = []
    for part, split in parts:
        labels = getattr(part, "targets", None)
        if labels is None:  # Flowers-102 and Pet have their labels under this name only
            labels = part._labels
        for number, label in enumerate(int(each) for each in labels):
            file = f"{('train', 'val', 'test')[split]}/{names[label]}/{number:05d}"
            read = partial(_read_part, part, number)
            items.append(Item(file, Place(names[label], split), read))
    return items, names


def _read_part(part: Any, number: int) -> Image.Image:
    image: Image.Image = part[number][0]
    return image


def _fetched(source: Source, root: Path, progress: Progress | None) -> Sequence[tuple[Any, int]]:
    download = _DOWNLOADS[source.name]
    try:
        return download.parts(root, False)
    except (RuntimeError, OSError):
        pass  # not here yet, or not unpacked: torchvision says so with these
    offline_works = ", ".join(each.name for each in _SOURCES if each.kind == "example")
    here = all((root / archive).exists() for archive in download.archives)
    if not here and not _reachable(download.site):
        raise UserError("datasets.no_network", name=source.name, works=offline_works)
    root.mkdir(parents=True, exist_ok=True)
    try:
        return _watched(partial(download.parts, root, True), root, source, progress)
    except urllib.error.URLError as error:
        raise UserError("datasets.no_network", name=source.name, works=offline_works) from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise UserError(
            "datasets.broken",
            name=source.name,
            detail=str(error),
            folder=str(root),
            works=offline_works,
        ) from error


def _watched(
    fetch: Callable[[], Sequence[tuple[Any, int]]],
    root: Path,
    source: Source,
    progress: Progress | None,
) -> Sequence[tuple[Any, int]]:
    """Run ``fetch`` while telling how much has arrived.

    torchvision prints its own bar and offers no callback, so the growth of its folder is watched.
    The download stays in this thread, so that Ctrl-C ends it at once.
    """
    before, total, over = _folder_bytes(root), source.download_mb * MIB, threading.Event()

    def watch() -> None:
        while True:
            last = over.wait(_POLL_SECONDS)
            if progress:
                progress(min(max(0, _folder_bytes(root) - before), total), total)
            if last:
                return

    with ThreadPoolExecutor(1, thread_name_prefix="download") as pool:
        # In this thread's context: a page finds its progress bar through a context variable.
        watching = pool.submit(copy_context().run, watch)
        try:
            parts = fetch()
        finally:
            over.set()
        watching.result()
    return parts


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # torchvision has just renamed a temporary file
    return total


def _reachable(site: str) -> bool:
    """Whether the site answers at all; torchvision itself would wait for minutes."""
    try:
        urllib.request.urlopen(
            urllib.request.Request(site, method="HEAD"), timeout=_REACH_SECONDS
        ).close()
    except urllib.error.HTTPError:
        return True  # it answered
    except OSError:
        return False
    return True


def _fashion_mnist(root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    from torchvision.datasets import FashionMNIST

    return _train_and_test(FashionMNIST, root, download)


def _mnist(root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    from torchvision.datasets import MNIST

    return _train_and_test(MNIST, root, download)


def _train_and_test(kind: Any, root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    return [(kind(root, train, download=download), 0 if train else 2) for train in (True, False)]


def _cifar10(root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    from torchvision.datasets import CIFAR10

    return _train_and_test(CIFAR10, root, download)


def _flowers102(root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    from torchvision.datasets import Flowers102

    return [
        (Flowers102(root, split, download=download), number)
        for number, split in enumerate(("train", "val", "test"))
    ]


def _oxford_pets(root: Path, download: bool) -> Sequence[tuple[Any, int]]:
    from torchvision.datasets import OxfordIIITPet

    return [
        (OxfordIIITPet(root, split, download=download), number)
        for number, split in ((0, "trainval"), (2, "test"))
    ]


_MNIST_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
_DOWNLOADS = {
    "fashion-mnist": _Download(
        _fashion_mnist,
        tuple(f"FashionMNIST/raw/{stem}-ubyte.gz" for stem in _MNIST_FILES),
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "mnist": _Download(
        _mnist,
        tuple(f"MNIST/raw/{stem}-ubyte.gz" for stem in _MNIST_FILES),
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    "cifar-10": _Download(
        _cifar10, ("cifar-10-python.tar.gz",), "https://www.cs.toronto.edu/~kriz/cifar.html"
    ),
    "flowers-102": _Download(
        _flowers102,
        ("flowers-102/102flowers.tgz", "flowers-102/imagelabels.mat", "flowers-102/setid.mat"),
        "https://thor.robots.ox.ac.uk/",
    ),
    "oxford-pets": _Download(
        _oxford_pets,
        ("oxford-iiit-pet/images.tar.gz", "oxford-iiit-pet/annotations.tar.gz"),
        "https://www.robots.ox.ac.uk/~vgg/data/pets/",
    ),
}
