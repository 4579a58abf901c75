"""The report on an upload.

What was kept, what was left out and why, and what to do about it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.core.messages import Message, t
from training.data.imageset import GIVEN_SPLITS, NO_LABEL, ImageSet
from training.data.splits import MIN_PER_CLASS

FILE = "report.json"

FEW = 20  # pictures of a class below which accuracy is mostly luck
IMBALANCE = 4  # largest class over smallest
SMALL_SIDE = 32  # px; below, backbones made for 224 px see little
_NAMES_SHOWN = 8


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, by a name that is fit to be shown, and why."""

    file: str
    reason: Message


@dataclass(frozen=True)
class Report:
    """The result of taking pictures in.

    ``layout`` is "flat", "folders" (one per class) or "splits" (given train, val and test);
    ``classes`` counts the kept pictures of each class; ``duplicates`` are groups of files that
    look the same; ``warnings`` each say what and what to do.
    """

    layout: str
    classes: Mapping[str, int]
    kept: int
    skipped: tuple[Skipped, ...]
    duplicates: tuple[tuple[str, ...], ...]
    warnings: tuple[Message, ...]

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """Plain data with every sentence in ``language``; ``layout`` stays the bare word."""
        return {
            "layout": self.layout,
            "classes": dict(self.classes),
            "kept": self.kept,
            "skipped": [
                {"file": each.file, "reason": each.reason.text(language)} for each in self.skipped
            ],
            "duplicates": [list(group) for group in self.duplicates],
            "warnings": [warning.text(language) for warning in self.warnings],
        }

    def layout_text(self, language: str = "en") -> str:
        """The recognised layout as a sentence in ``language``."""
        return t(f"intake.layout.{self.layout}", language)

    def save(self, folder: Path) -> None:
        """Write ``report.json`` into a set's folder, its sentences in no language yet."""
        data = {
            "layout": self.layout,
            "classes": dict(self.classes),
            "kept": self.kept,
            "skipped": [[each.file, each.reason.to_json()] for each in self.skipped],
            "duplicates": self.duplicates,
            "warnings": [warning.to_json() for warning in self.warnings],
        }
        (folder / FILE).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Report:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: the folder has no report.
        """
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(
            layout=data["layout"],
            classes=data["classes"],
            kept=data["kept"],
            skipped=tuple(Skipped(f, Message.from_json(reason)) for f, reason in data["skipped"]),
            duplicates=tuple(tuple(group) for group in data["duplicates"]),
            warnings=tuple(Message.from_json(warning) for warning in data["warnings"]),
        )


def write_report(
    images: ImageSet, layout: str, skipped: Iterable[Skipped], lost_classes: Iterable[str] = ()
) -> Report:
    """The report on a finished set; ``lost_classes`` had pictures, but none could be read."""
    return Report(
        layout=layout,
        classes=images.counts(),
        kept=len(images),
        skipped=tuple(skipped),
        duplicates=tuple(
            tuple(images.files[i] for i in group) for group in _groups_of_several(images)
        ),
        warnings=(
            *_about_labels(images, sorted(lost_classes)),
            *_about_counts(images.counts()),
            *_about_given_splits(images),
            *_about_pictures(images),
        ),
    )


def _groups_of_several(images: ImageSet) -> list[list[int]]:
    groups = defaultdict(list)
    for index, number in enumerate(images.groups.tolist()):
        groups[number].append(index)
    return [group for group in groups.values() if len(group) > 1]


def _about_labels(images: ImageSet, lost: list[str]) -> Iterable[Message]:
    if lost:
        yield _warn("lost_classes", classes=_listed(lost))
    if not images.class_names:
        yield _warn("no_labels")
    elif len(images.class_names) == 1:
        yield _warn("one_class", name=images.class_names[0])
    spellings = defaultdict(list)
    for name in images.class_names:
        spellings["".join(name.casefold().split())].append(name)
    for alike in spellings.values():
        if len(alike) > 1:
            yield _warn("similar_names", classes=_listed(alike))


def _about_counts(counts: Mapping[str, int]) -> Iterable[Message]:
    too_few = [f"{name} ({count})" for name, count in counts.items() if count < MIN_PER_CLASS]
    few = [f"{name} ({count})" for name, count in counts.items() if MIN_PER_CLASS <= count < FEW]
    if too_few:
        yield _warn("too_few", classes=_listed(too_few), needed=MIN_PER_CLASS)
    if few:
        yield _warn("few", classes=_listed(few), wanted=FEW)
    if len(counts) > 1:
        ranked = Counter(counts).most_common()
        (large, most), (small, least) = ranked[0], ranked[-1]
        if most > IMBALANCE * least:
            yield _warn("imbalance", large=large, most=most, small=small, least=least)


def _about_given_splits(images: ImageSet) -> Iterable[Message]:
    held_out = images.given_splits != GIVEN_SPLITS.index("train")
    if not held_out.any():
        return
    sides = [set(images.labels[side].tolist()) - {NO_LABEL} for side in (~held_out, held_out)]
    for key, numbers in (
        ("only_held_out", sides[1] - sides[0]),
        ("only_train", sides[0] - sides[1]),
    ):
        if numbers:
            yield _warn(key, classes=_listed([images.class_names[n] for n in sorted(numbers)]))
    shared = np.intersect1d(images.groups[held_out], images.groups[~held_out])
    if shared.size:
        yield _warn("leak", count=int(np.isin(images.groups[held_out], shared).sum()))


def _about_pictures(images: ImageSet) -> Iterable[Message]:
    groups = _groups_of_several(images)
    if groups:
        yield _warn("duplicates", groups=len(groups), pictures=sum(len(each) for each in groups))
    small = int((np.minimum(images.heights, images.widths) < SMALL_SIDE).sum())
    if 2 * small > len(images):
        yield _warn("small_pictures", count=small, side=SMALL_SIDE)


def _warn(key: str, **values: Any) -> Message:
    return Message(f"intake.warning.{key}", values)


def _listed(names: list[str]) -> str:
    """The names in one line, cut where nobody would read on."""
    more = ["…"] if len(names) > _NAMES_SHOWN else []
    return ", ".join(names[:_NAMES_SHOWN] + more)
