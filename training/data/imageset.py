"""Decoded pictures, memory-mapped from disk.

A set is a folder of three files: ``pixels.bin`` (every picture's uint8 RGB rows, one picture
after the other), ``pictures.safetensors`` (one row per picture: place, size, label, given
split, near-duplicate group) and ``imageset.json`` (names). Pictures keep their shape; they are
only scaled down so that the short side is at most ``REST_SHORT`` and the long side at most
``REST_LONG``: enough for a 224 px crop, as in the usual Resize(256) and CenterCrop(224).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

REST_SHORT, REST_LONG = 256, 512  # px
GIVEN_SPLITS = ("train", "val", "test")  # the numbers 0, 1, 2 in ImageSet.given_splits
NO_LABEL = -1
SET_FILES = ("pixels.bin", "pictures.safetensors", "imageset.json")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one data set, N of them.

    ``labels`` (N,) int64 index ``class_names`` or are ``NO_LABEL``; ``given_splits`` (N,) uint8
    index ``GIVEN_SPLITS`` and say which folder of the upload a picture came from (0 where the
    upload had none); ``groups`` (N,) int64 are equal for near-duplicates, which must stay on one
    side of any split. ``offsets``, ``heights``, ``widths`` (N,) locate pictures in ``pixels``.
    """

    folder: Path
    name: str
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    labels: NDArray[np.int64]
    given_splits: NDArray[np.uint8]
    groups: NDArray[np.int64]
    offsets: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """All pixels, flat, mapped from disk and read-only."""
        return np.memmap(self.folder / "pixels.bin", dtype=np.uint8, mode="r")

    def picture(self, index: int) -> NDArray[np.uint8]:
        """One picture, (H, W, 3) uint8, a read-only view of the map."""
        start, height, width = self.offsets[index], self.heights[index], self.widths[index]
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)

    def square(self, index: int, side: int) -> NDArray[np.uint8]:
        """The picture's central square, resized to (side, side, 3) uint8."""
        return centre_square(self.picture(index), side)

    def counts(self) -> dict[str, int]:
        """How many pictures each class has, in the order of ``class_names``."""
        known = self.labels[self.labels != NO_LABEL]
        counted = np.bincount(known, minlength=len(self.class_names))
        return {name: int(count) for name, count in zip(self.class_names, counted, strict=True)}

    def given(self, split: str) -> NDArray[np.int64]:
        """The rows, (K,) in ascending order, that the upload had put in ``split``.

        ``split`` is one of ``GIVEN_SPLITS``; without split folders all are in "train".
        """
        return np.flatnonzero(self.given_splits == GIVEN_SPLITS.index(split))

    def edited(self, edits: Mapping[str, str | None]) -> ImageSet:
        """The same pictures with classes renamed, merged (two names to one) or dropped (``None``).

        Classes that ``edits`` does not name stay as they are. The files on disk do not change.

        Raises:
            KeyError: ``edits`` names a class that the set does not have.
        """
        if unknown := set(edits) - set(self.class_names):
            raise KeyError(f"no such classes: {sorted(unknown)}")
        wanted = [edits.get(name, name) for name in self.class_names]
        names = tuple(dict.fromkeys(name for name in wanted if name is not None))
        # NO_LABEL is -1 and picks the last entry, whatever it is; so there has to be one.
        renumber = np.array([names.index(w) if w is not None else NO_LABEL for w in wanted] or [0])
        unlabelled = self.labels == NO_LABEL
        labels = np.where(unlabelled, NO_LABEL, renumber[self.labels])
        kept = self.take(np.flatnonzero(unlabelled | (labels != NO_LABEL)))
        return dataclasses.replace(
            kept, class_names=names, labels=labels[unlabelled | (labels != NO_LABEL)]
        )

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        """The set of the given pictures only, in the given order, on the same files."""
        chosen = np.asarray(indices, dtype=np.int64)
        return dataclasses.replace(
            self,
            files=tuple(self.files[i] for i in chosen),
            **{name: getattr(self, name)[chosen] for name in _COLUMNS},
        )

    @classmethod
    def open(cls, folder: Path) -> ImageSet:
        """Map the set that ``ImageSetWriter`` left in ``folder``.

        Raises:
            FileNotFoundError: there is none.
        """
        about = json.loads((folder / "imageset.json").read_text(encoding="utf-8"))
        columns = load_file(folder / "pictures.safetensors")
        return cls(
            folder=folder,
            name=about["name"],
            class_names=tuple(about["class_names"]),
            files=tuple(about["files"]),
            **{name: columns[name] for name in _COLUMNS},
        )


_COLUMNS = ("labels", "given_splits", "groups", "offsets", "heights", "widths")


class ImageSetWriter:
    """Writes a set picture by picture; only ``finish`` makes it one that ``open`` accepts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._pixels = (folder / "pixels.bin").open("wb")
        self._files: list[str] = []
        self._shapes: list[tuple[int, int]] = []

    def add(self, picture: NDArray[np.uint8], file: str) -> None:
        """Append one (H, W, 3) uint8 picture, already at its size at rest."""
        self._pixels.write(np.ascontiguousarray(picture).data)
        self._files.append(file)
        self._shapes.append((picture.shape[0], picture.shape[1]))

    def finish(
        self,
        *,
        name: str,
        class_names: Iterable[str],
        labels: Sequence[int],
        given_splits: Sequence[int],
        groups: Sequence[int],
    ) -> ImageSet:
        """Close the files and write the tables; one entry per picture added, in that order.

        ``labels`` index ``class_names`` or are ``NO_LABEL``, ``given_splits`` index
        ``GIVEN_SPLITS``.
        """
        self.close()
        shapes = np.array(self._shapes, dtype=np.int64).reshape(-1, 2)
        sizes = shapes.prod(axis=1) * 3
        # int64, since the offsets of large sets do not fit in 32 bits.
        columns: dict[str, NDArray[Any]] = {
            "labels": np.asarray(labels, dtype=np.int64),
            "given_splits": np.asarray(given_splits, dtype=np.uint8),
            "groups": np.asarray(groups, dtype=np.int64),
            "offsets": np.cumsum(sizes) - sizes,
            "heights": shapes[:, 0].copy(),
            "widths": shapes[:, 1].copy(),
        }
        save_file(columns, self.folder / "pictures.safetensors")
        about = {"name": name, "class_names": list(class_names), "files": self._files}
        (self.folder / "imageset.json").write_text(
            json.dumps(about, ensure_ascii=False), encoding="utf-8"
        )
        return ImageSet.open(self.folder)

    def close(self) -> None:
        """Close the pixel file, once or more often; an unfinished set stays unreadable."""
        self._pixels.close()


def rest_size(width: int, height: int) -> tuple[int, int]:
    """The (width, height) that a picture of this size is stored at; never larger than it is."""
    scale = min(1.0, REST_SHORT / min(width, height), REST_LONG / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def centre_square(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The central square of an (H, W, 3) uint8 picture, resized to (side, side, 3) uint8.

    Bilinear with anti-aliasing, as torchvision's own preprocessing; torch does on uint8 what
    Pillow does, in a third of the time.
    """
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = np.ascontiguousarray(picture[top : top + edge, left : left + edge])
    if not square.flags.writeable:  # a square picture's rows are still the map's own
        square = square.copy()
    x = torch.from_numpy(square).permute(2, 0, 1)[None]  # (1, 3, edge, edge)
    resized = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
    result: NDArray[np.uint8] = resized[0].permute(1, 2, 0).contiguous().numpy()
    return result
