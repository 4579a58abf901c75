"""What an upload's folders mean.

Classes, given splits, or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from training.intake.names import class_name

SPLIT_FOLDERS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}
_TRAIN = 0
# Below folders that have neighbours, split folders count only if nearly all pictures are in them.
_NEARLY_ALL = 0.9


class Place(NamedTuple):
    """Where a picture belongs: its class (``None``: no label), an index of ``GIVEN_SPLITS``."""

    label: str | None
    split: int


@dataclass(frozen=True)
class Layout:
    """What the folders mean: ``kind`` is "flat", "folders" or "splits".

    ``places`` has one entry per picture; ``None`` for one that lies outside all class folders.
    """

    kind: str
    places: tuple[Place | None, ...]


@dataclass
class _Folder:
    """A folder that holds pictures (by number), directly or further down."""

    pictures: list[int] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)

    def everything(self) -> Iterator[int]:
        yield from self.pictures
        for folder in self.folders.values():
            yield from folder.everything()

    def splits(self) -> list[tuple[int, _Folder]]:
        """The train, val and test folders directly inside."""
        known = ((SPLIT_FOLDERS.get(name.casefold()), at) for name, at in self.folders.items())
        return [(split, folder) for split, folder in known if split is not None]


def recognise(paths: Sequence[str]) -> Layout:
    """The layout of pictures at these paths, with ``/`` between folders.

    Split folders win over class folders, and class folders over a flat list.
    """
    root = _Folder()
    for number, path in enumerate(paths):
        at = root
        for part in path.split("/")[:-1]:
            at = at.folders.setdefault(part, _Folder())
        at.pictures.append(number)
    kind, places = _splits(root, len(paths)) or _folders(root) or _flat(root)
    return Layout(kind, tuple(places.get(number) for number in range(len(paths))))


_Found = tuple[str, dict[int, Place]]


def _splits(root: _Folder, total: int) -> _Found | None:
    """train/ and val/ or test/ below any outer folders; what lies beside them is a stray."""
    found = _find_splits(root, total)
    if found is None:
        return None
    classes = {
        number: Place(class_name(name), split)
        for split, folder in found
        for name, inside in folder.folders.items()
        for number in inside.everything()
    }
    loose = any(folder.pictures for _, folder in found)
    # One class folder among loose pictures is no class: there is nothing to tell it from.
    if classes and (not loose or len({place.label for place in classes.values()}) > 1):
        return "splits", classes
    every = ((split, number) for split, folder in found for number in folder.everything())
    return "flat", {number: Place(None, split) for split, number in every}


def _find_splits(root: _Folder, total: int) -> list[tuple[int, _Folder]] | None:
    """The nearest folders named train, val and test that lie side by side."""
    level: Iterable[_Folder] = [root]
    outer = True  # so far, every folder had been the only one beside its pictures
    while level := list(level):
        for folder in level:
            splits = folder.splits()
            inside = sum(1 for _, each in splits for _ in each.everything())
            if _are_splits(folder, splits) and (outer or inside >= _NEARLY_ALL * total):
                return splits
        level = [inside for folder in level for inside in folder.folders.values()]
        outer = outer and len(level) == 1
    return None


def _are_splits(folder: _Folder, splits: list[tuple[int, _Folder]]) -> bool:
    numbers = {split for split, _ in splits}
    if _TRAIN not in numbers or len(numbers) < 2:
        return False
    # A class may be called "train" (of toys, say): then its neighbours are classes, too.
    holds_classes = any(split == _TRAIN and each.folders for split, each in splits)
    return holds_classes or len(splits) == len(folder.folders)


def _folders(root: _Folder) -> _Found | None:
    """One folder per class, below any outer folders; loose pictures beside them are strays."""
    at = root
    # Zips often hold everything in one outer folder, which names no class.
    while len(at.folders) == 1:
        at = next(iter(at.folders.values()))
    if len(at.folders) < 2:
        return None
    return "folders", {
        number: Place(class_name(name), _TRAIN)
        for name, folder in at.folders.items()
        for number in folder.everything()
    }


def _flat(root: _Folder) -> _Found:
    return "flat", {number: Place(None, _TRAIN) for number in root.everything()}
