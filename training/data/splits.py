"""Training, validation and test splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.core.messages import UserError
from training.data.imageset import NO_LABEL, ImageSet

MIN_PER_CLASS = 4  # two for training, one for validation, one for the test
TEST_SHARE, VAL_SHARE = 0.2, 0.15  # of what the upload did not put aside itself
VAL_MAX = 400  # pictures; more only cost time in every validation

# For a generator: below the first number all are for training, below the second the validation
# and the test pictures are the same.
GAN_MIN, GAN_PLENTY = 50, 500
GAN_HELD_OUT, GAN_VAL_MAX, GAN_TEST_MAX = 0.2, 1000, 2000

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Indices into an ImageSet, disjoint, with every near-duplicate group on one side.

    ``val`` serves every choice made while training; ``test`` is used once, at the end.
    ``origin`` names where ``test`` came from: the upload's own ``test`` or ``val`` folder, or
    ``held_out``. ``leaked`` counts training pictures left out because they look like one of
    the upload's own test pictures.
    """

    train: Indices
    val: Indices
    test: Indices
    origin: str
    leaked: int = 0

    def without(self, rows: Indices) -> Split:
        """The same split less ``rows``, in whichever part they are; every part comes out sorted."""
        train, val, test = (np.setdiff1d(part, rows) for part in (self.train, self.val, self.test))
        return replace(self, train=train, val=val, test=test)

    def to_json(self) -> dict[str, Any]:
        """Indices as lists, for the checkpoint: a resumed run must learn from the same pictures."""
        parts = {name: getattr(self, name).tolist() for name in ("train", "val", "test")}
        return {**parts, "origin": self.origin, "leaked": self.leaked}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Split:
        """The reverse of ``to_json``, int64 again."""
        parts = {name: np.array(data[name], dtype=np.int64) for name in ("train", "val", "test")}
        return cls(**parts, origin=data["origin"], leaked=data["leaked"])


def split_images(images: ImageSet, seed: int) -> Split:
    """A split stratified by class; the upload's own val and test folders stay what they are.

    Pictures without a class are in no part.

    Raises:
        UserError: no classes, a single class, or a class too small or too alike to be divided.
    """
    check_trainable(images)
    train, val, test = (_labelled(images, images.given(name)) for name in ("train", "val", "test"))
    rng = np.random.default_rng(seed)
    known = train.size
    if test.size:
        origin = "test"
    elif val.size:
        origin, test, val = "val", val, test
    else:
        origin, test = "held_out", carve(images, train, TEST_SHARE, rng)
        train = np.setdiff1d(train, test)
        known = train.size
    # A picture that resembles a test picture would make the test easier than new pictures are.
    train, val = _without_groups(images, train, test), _without_groups(images, val, test)
    leaked = known - train.size
    if val.size:
        train = _without_groups(images, train, val)
        val = rng.permutation(val)[:VAL_MAX]
    else:
        val = carve(images, train, min(VAL_SHARE, VAL_MAX / max(1, train.size)), rng)
        train = np.setdiff1d(train, val)
    split = Split(train, val, test, origin, leaked)
    _check_parts(images, split)
    return split


def split_for_generator(images: ImageSet, seed: int) -> Split:
    """Pictures for a GAN: classes may be missing, single or tiny.

    ``val`` and ``test`` are empty for fewer than ``GAN_MIN`` pictures, and the same pictures
    below ``GAN_PLENTY`` or where the upload put only one of them aside.

    Raises:
        UserError: there are fewer than two pictures to learn from.
    """
    rng = np.random.default_rng(seed)
    train, val, test = (images.given(name) for name in ("train", "val", "test"))
    if train.size < 2:
        raise UserError("gan.too_few", name=images.name, count=train.size)
    origin, known = "held_out", train.size
    if val.size or test.size:
        origin = "test" if test.size else "val"
        if val.size and test.size:
            val = _without_groups(images, val, test)
        val, test = (val if val.size else test), (test if test.size else val)
        train = _without_groups(images, train, np.union1d(val, test))
    elif train.size >= GAN_MIN:
        # Pictures without a class are one more class here.
        names = ("", *images.class_names)
        named = replace(images, labels=images.labels - NO_LABEL, class_names=names)
        if train.size < GAN_PLENTY:
            val = test = carve(named, train, GAN_HELD_OUT, rng)
        else:
            test = carve(named, train, min(GAN_HELD_OUT / 2, GAN_TEST_MAX / train.size), rng)
            rest = np.setdiff1d(train, test)
            val = carve(named, rest, min(GAN_HELD_OUT / 2, GAN_VAL_MAX / rest.size), rng)
        train = np.setdiff1d(train, np.union1d(val, test))
    val, test = rng.permutation(val)[:GAN_VAL_MAX], rng.permutation(test)[:GAN_TEST_MAX]
    leaked = known - train.size if origin != "held_out" else 0
    if train.size < 2:
        raise UserError("gan.all_alike", name=images.name)
    return Split(train, val, test, origin, leaked)


def _check_parts(images: ImageSet, split: Split) -> None:
    # Near-duplicates stay together, so a class that is too much alike may be missing in a part.
    taught = np.bincount(images.labels[split.train], minlength=len(images.class_names))
    for name, count in zip(images.class_names, taught, strict=True):
        if not count or not split.val.size or not split.test.size:
            raise UserError("train.all_alike", name=name)


def check_trainable(images: ImageSet) -> None:
    """Refuse pictures that no classifier can be trained on.

    Raises:
        UserError: no classes, a single class, or a class with too few pictures to learn from.
    """
    if not images.class_names or not (images.labels != NO_LABEL).any():
        raise UserError("train.no_classes", name=images.name)
    if len(images.class_names) == 1:
        raise UserError("train.one_class", name=images.class_names[0])
    teaching = images.take(images.given("train")).counts()
    for name, count in teaching.items():
        if count < MIN_PER_CLASS:
            raise UserError(
                "train.small_class",
                name=name,
                count=count,
                least=MIN_PER_CLASS,
                missing=MIN_PER_CLASS - count,
            )


def carve(images: ImageSet, rows: Indices, share: float, rng: np.random.Generator) -> Indices:
    """About ``share`` of every class among ``rows``, in whole near-duplicate groups; sorted.

    Every class gives at least one picture if it can keep at least one and has a group that is
    small enough. Each of ``rows`` needs a label.
    """
    by_group: dict[int, list[int]] = {}
    for row in rng.permutation(rows):
        by_group.setdefault(int(images.groups[row]), []).append(int(row))
    labels = images.labels[rows]
    total = np.bincount(labels, minlength=len(images.class_names))
    quota = np.where(total > 1, np.maximum(1, np.round(total * share)), 0)
    carved: list[int] = []
    for members in by_group.values():
        wanted = np.bincount(images.labels[members], minlength=len(images.class_names))
        # A group that is too large for what is left is passed over, not cut in two.
        if (wanted <= quota).all():
            carved += members
            quota -= wanted
    return np.sort(np.array(carved, dtype=np.int64))


def _labelled(images: ImageSet, rows: Indices) -> Indices:
    labelled: Indices = rows[images.labels[rows] != NO_LABEL]
    return labelled


def _without_groups(images: ImageSet, rows: Indices, kept_apart: Indices) -> Indices:
    apart: Indices = rows[~np.isin(images.groups[rows], images.groups[kept_apart])]
    return apart


def is_for_generators(images: ImageSet) -> bool:
    """Whether there is nothing to tell apart, so that only a generator can learn from these."""
    return len(np.unique(images.labels[images.labels != NO_LABEL])) < 2
