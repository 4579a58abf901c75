"""The evaluation of a GAN's samples.

How good they are, how varied, and whether they are copies. The real pictures' features are
computed once, and every evaluation costs one pass of the samples through the feature network and
a few products of matrices. Everything that takes time is a Python generator that yields after a
fraction of a second, so that whoever iterates can let others in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.features.space import FeatureSpace
from training.metrics.fidelity import (
    Nearness,
    copying,
    density_coverage,
    distinctness,
    frechet_distance,
    kernel_distance,
    kernel_distance_within,
    neighbour_distances,
    precision_recall,
    repeated,
    variety,
    variety_within,
)
from training.metrics.recognition import Recogniser

REFERENCE = 1000  # pictures at most of each kind: about 2 s of features on one CPU core
MIN_HELD_OUT = 50  # with fewer held-out pictures, training pictures are a better yardstick
MIN_POOL = 10  # held-out pictures without which nothing is said about copying
SUSPECTS = 6

WARM_UP = 0.15  # of the run: a generator begins with pictures that are all alike
EVALS_IN_A_ROW = 2
# Measured on Fashion-MNIST: one noisy picture again and again has a variety of 0.23 and is 0.26
# distinct, ten noisy pictures 0.88 and 0.29, pure noise 0.40 and 0.42, other real ones 0.99 both.
COLLAPSED_BELOW: Mapping[str, float] = {"variety": 0.3, "variety_within": 0.3, "distinct": 0.45}
REPEATED, REPEATED_ABOVE = "repeated", 0.1  # of real pictures 0.01 have a twin by chance
COPIED_ABOVE = 0.6  # of the pairs, as where a fifth of the samples are copies
SOME_COPIED_P = 0.001


@dataclass(frozen=True)
class Suspect:
    """A sample and the training picture it is nearest to, by their places in what was given.

    ``ratio`` is their distance over the usual one from a real picture to the nearest training
    picture. It is 0 for a copy, and of fresh Fashion-MNIST pictures 1 in 1,000 is below 0.4.
    """

    sample: int
    train: int
    ratio: float


@dataclass(frozen=True)
class GanMetrics:
    """One evaluation. Only numbers of the same ``space`` and counts can be compared.

    ``reference`` says whether ``fd``, ``kid``, ``density`` and ``coverage`` compare with
    "held_out" or, for want of those, with "train" pictures. ``fd`` is of ``fd_count`` samples, and
    ``fd_floor`` what as many real training pictures get, so about what a perfect generator would;
    ``None`` where the reference are training pictures. ``variety`` and its kin are in proportion
    to training pictures, ``variety_within`` is ``None`` without classes, ``copied_*`` without
    held-out pictures. ``faithful`` and ``faithful_real`` are of earlier versions: who is nearest to
    the mean of the own class.
    ``kid_within`` is ``kid`` within each class, its mean; ``None`` where classes are too small.
    ``repeated`` of the samples have a twin. ``recognised`` of them are taken for what they should
    be by a classifier on the real training pictures' features, and so are ``recognised_real`` of
    the held-out pictures; ``None`` without classes. What earlier versions did not measure is
    ``None``, too.
    Copies are only sought among the evaluator's ``pool`` of training pictures.
    """

    progress: float  # of the run, 0 to 1
    space: str
    reference: str
    reference_count: int
    count: int  # samples
    fd: float
    fd_floor: float | None
    kid: float
    density: float
    coverage: float
    variety: float
    variety_within: float | None
    distinct: float
    copied_share: float | None
    copied_range: tuple[float, float] | None
    suspicious: tuple[Suspect, ...]
    faithful: float | None = None
    faithful_real: float | None = None
    fd_count: int | None = None  # ``None`` in evaluations of earlier versions: all samples
    copied_tail_p: float | None = None
    precision: float | None = None
    recall: float | None = None
    repeated: float | None = None
    recognised: float | None = None
    recognised_real: float | None = None
    kid_within: float | None = None

    @property
    def criterion(self) -> tuple[str, float]:
        """What chooses among the generators of a run: where distances are measured, and how far.

        Of classes it is the distance within them: pictures may be well and of the wrong class.
        """
        if self.kid_within is None:
            return self.space, self.kid
        return f"{self.space}, within classes", self.kid_within

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them; suspects become dictionaries."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanMetrics:
        """The reverse of ``to_json``, also after a way through a file."""
        between = data["copied_range"]
        suspects = tuple(Suspect(**suspect) for suspect in data["suspicious"])
        return cls(
            **{
                **data,
                "copied_range": between and (between[0], between[1]),
                "suspicious": suspects,
            }
        )


class GanEvaluator:
    """Compares samples with training and held-out pictures, ``most`` of each, chosen by ``seed``.

    ``train`` (N, 3, R, R) and ``held_out`` (M, 3, R, R) are uint8, N at least 2;
    ``train_labels`` (N,) and ``held_labels`` (M,) are for generators with classes. Copies are
    sought among ``pool`` training pictures, at least ``most``. Nothing is computed before
    ``prepare``.
    """

    def __init__(
        self,
        space: FeatureSpace,
        train: Tensor,
        held_out: Tensor | None = None,
        train_labels: Tensor | None = None,
        held_labels: Tensor | None = None,
        *,
        most: int = REFERENCE,
        pool: int = 0,
        seed: int = 0,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.space, self._most = space, most
        self._train, self._held_out = train, held_out
        self._labels, self._held_labels = train_labels, held_labels
        self._recogniser: Recogniser | None = None
        self._rows = torch.randperm(len(train), generator=generator)[: max(most, pool)]
        count = 0 if held_out is None else len(held_out)
        self._held_rows = torch.randperm(count, generator=generator)[:most]
        self._pool: Tensor | None = None
        self._held: Tensor | None = None
        self._floors: dict[int, float] = {}
        self._held_near: Nearness | None = None
        self._usual: float | None = None

    @property
    def reference(self) -> str:
        """What distances are measured to: "held_out" or "train"."""
        return "held_out" if len(self._held_rows) >= MIN_HELD_OUT else "train"

    @property
    def reference_count(self) -> int:
        """How many pictures distances are measured to, after ``most`` has been applied."""
        return len(self._held_rows if self.reference == "held_out" else self._rows[: self._most])

    @property
    def cost(self) -> int:
        """How many pictures go through the feature network in ``prepare``, for a progress bar."""
        return len(self._rows) + len(self._held_rows)

    def prepare(self) -> Generator[int, None, None]:
        """Compute the real pictures' features, once; yields how many of ``cost`` are done."""
        if self._pool is not None:
            return
        if self._held is None and self._held_out is not None and len(self._held_rows):
            self._held = yield from self._features(self._held_out, self._held_rows)
        self._pool = yield from self._features(self._train, self._rows, len(self._held_rows))

    def evaluate(
        self, samples: Tensor, labels: Tensor | None = None, *, progress: float = 0.0
    ) -> Generator[int, None, GanMetrics]:
        """The metrics of ``samples`` (S, 3, R, R) uint8, S at least 2, of classes ``labels`` (S,).

        They should be in random order. Yields how many samples have features, also between the
        metrics, and returns them: ``metrics = yield from evaluator.evaluate(samples)``. It calls
        ``prepare`` where that has not been done.
        """
        yield from self.prepare()
        assert self._pool is not None
        count, real = len(samples), self._pool[: self._most]
        fake = yield from self._features(samples, torch.arange(count))
        held = self._held if self._held is not None and self.reference == "held_out" else None
        found: dict[str, Any] = {}
        for measure in (
            lambda: self._distance(fake, real, held),
            lambda: {"kid": kernel_distance(fake, real if held is None else held)},
            lambda: self._reach(fake, real if held is None else held),
            lambda: self._variety(fake, real),
            lambda: self._by_class(fake, real, labels),
            lambda: self._distance_within(fake, labels),
        ):
            found |= measure()
            yield count
        found |= yield from self._look_for_copies(fake)
        return GanMetrics(
            progress=progress,
            space=self.space.name,
            reference=self.reference,
            reference_count=self.reference_count,
            count=count,
            **found,
        )

    def _features(
        self, pixels: Tensor, rows: Tensor, done: int = 0
    ) -> Generator[int, None, Tensor]:
        parts = []
        for part in rows.split(self.space.batch_size):
            parts.append(self.space(pixels[part]))
            done += len(part)
            yield done
        return torch.cat(parts)

    def _distance(self, fake: Tensor, real: Tensor, held: Tensor | None) -> dict[str, Any]:
        count = min(len(fake), len(real))  # distances of unequal counts tell nothing
        fd = frechet_distance(fake[:count], real if held is None else held)
        if held is not None and count not in self._floors:  # a run has one count throughout
            self._floors[count] = frechet_distance(real[:count], held)
        return {"fd": fd, "fd_count": count, "fd_floor": self._floors.get(count)}

    def _reach(self, fake: Tensor, reference: Tensor) -> dict[str, Any]:
        density, coverage = density_coverage(reference, fake)
        precision, recall = precision_recall(reference, fake)
        found = {"density": density, "coverage": coverage}
        return {**found, "precision": precision, "recall": recall}

    def _variety(self, fake: Tensor, real: Tensor) -> dict[str, Any]:
        return {
            "variety": variety(real, fake),
            "distinct": distinctness(real, fake),
            "repeated": repeated(real, fake),
        }

    def _by_class(self, fake: Tensor, real: Tensor, labels: Tensor | None) -> dict[str, Any]:
        """Variety within classes, and who is recognised, as far as there is something to tell."""
        if labels is None or self._labels is None:
            return {"variety_within": None}
        real_labels, labels = self._labels.cpu()[self._rows[: self._most]], labels.cpu()
        found = {"variety_within": variety_within(real, real_labels, fake, labels)}
        if len(real_labels.unique()) < 2:
            return found
        content = slice(-self.space.content, None) if self.space.content else slice(None)
        if self._recogniser is None:
            self._recogniser = Recogniser(real[:, content], real_labels)
        found["recognised"] = self._recogniser.share(fake[:, content], labels)
        if self._held is not None and self._held_labels is not None:
            held_labels = self._held_labels.cpu()[self._held_rows]
            share = self._recogniser.share(self._held[:, content], held_labels)
            found["recognised_real"] = share
        return found

    def _distance_within(self, fake: Tensor, labels: Tensor | None) -> dict[str, Any]:
        is_held = self.reference == "held_out"
        real, of_real = (self._held, self._held_labels) if is_held else (self._pool, self._labels)
        if labels is None or real is None or of_real is None:
            return {}
        rows = self._held_rows if is_held else self._rows
        real, of_real = real[: self._most], of_real.cpu()[rows[: self._most]]
        return {"kid_within": kernel_distance_within(fake, labels.cpu(), real, of_real)}

    def _look_for_copies(self, fake: Tensor) -> Generator[int, None, dict[str, Any]]:
        pool, held = self._pool, self._held
        assert pool is not None
        near = Nearness.of(fake, pool)
        yield len(fake)
        copied, usual = None, None
        if held is not None and min(len(held), len(pool)) >= MIN_POOL:
            if self._held_near is None:
                self._held_near = Nearness.of(held, pool)
            copied = copying(near, self._held_near)
            usual = self._held_near.distances.median().item()
        elif self._usual is None:
            usual = self._usual = neighbour_distances(pool).median().item()
        yield len(fake)
        return {
            "copied_share": copied.share if copied else None,
            "copied_range": (copied.low, copied.high) if copied else None,
            "copied_tail_p": copied.tail_p if copied else None,
            "suspicious": self._suspects(near, self._usual if usual is None else usual),
        }

    def _suspects(self, near: Nearness, usual: float | None) -> tuple[Suspect, ...]:
        if not usual:  # the data repeat themselves, and so may a generator
            return ()
        suspects: dict[int, Suspect] = {}  # the nearest one of each training picture
        for sample in near.distances.argsort().tolist():
            train = int(self._rows[near.places[sample]])
            if train not in suspects:
                ratio = near.distances[sample].item() / usual
                suspects[train] = Suspect(sample, train, ratio)
            if len(suspects) == SUSPECTS:
                break
        return tuple(suspects.values())


def collapse_signs(metrics: GanMetrics) -> tuple[str, ...]:
    """The metrics that alone say that the generator has collapsed, the worst first.

    ``variety``: everything is alike; ``variety_within``: all of a class is alike; ``distinct``: a
    few repeat; ``repeated``: most pictures are well, but some come again and again.
    """
    values = {sign: getattr(metrics, sign) for sign in COLLAPSED_BELOW}
    signs = [sign for sign, x in values.items() if x is not None and x < COLLAPSED_BELOW[sign]]
    if metrics.repeated is not None and metrics.repeated > REPEATED_ABOVE:
        signs.append(REPEATED)
    return tuple(signs)


def collapse_sign(history: Sequence[GanMetrics]) -> str | None:
    """The first of ``collapse_signs`` that the last ``EVALS_IN_A_ROW`` of ``history`` have.

    ``None`` where there is none, and before there are as many after the warm-up.
    """
    last = [metrics for metrics in history if metrics.progress >= WARM_UP][-EVALS_IN_A_ROW:]
    if len(last) < EVALS_IN_A_ROW:
        return None
    found = [collapse_signs(metrics) for metrics in last]
    return next((sign for sign in found[0] if all(sign in signs for signs in found)), None)


def looks_collapsed(metrics: GanMetrics) -> bool:
    """Whether these samples alone are as much alike as those of a collapsed generator."""
    return bool(collapse_signs(metrics))


def is_copying(metrics: GanMetrics) -> bool:
    """Whether samples are nearer to training pictures than held-out ones are, beyond chance."""
    if metrics.copied_share is None or metrics.copied_range is None:
        return False
    return metrics.copied_share > COPIED_ABOVE and metrics.copied_range[0] > 0.5


def copies_some(metrics: GanMetrics) -> bool:
    """Whether a few of the samples lie nearer to training pictures than honest ones would."""
    return metrics.copied_tail_p is not None and metrics.copied_tail_p < SOME_COPIED_P
