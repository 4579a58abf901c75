"""The evaluation of a GAN's samples.

How good they are, how varied, and whether they are copies. The real pictures' features are
computed once, and every evaluation costs one pass of the samples through the feature network and
a few products of matrices. Everything that takes time is a Python generator that yields after a
fraction of a second, so that whoever iterates can let others in.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor

from training.features.space import FeatureSpace
from training.metrics.copying import Nearness, copying
from training.metrics.evaluation import GanMetrics, Suspect
from training.metrics.fidelity import (
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
