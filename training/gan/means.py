"""A step's figures, and their running means."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from training.gan.progress import GanProgress
from training.runs.clock import Clock

SPEED_MEMORY = 0.8  # weight of the past in the speed that plans the rest


@dataclass(frozen=True)
class StepMeans:
    """One step's means over the batch, on the device and not waited for.

    ``d_rank_accuracy`` is the share of pairs whose real picture scored above the generated one.
    """

    d_loss: Tensor
    g_loss: Tensor
    real: Tensor
    fake: Tensor
    d_rank_accuracy: Tensor


class GanRunningMean:
    """Means of ``StepMeans`` since the last report, without waiting for the device."""

    def __init__(self, clock: Clock, images_seen: int) -> None:
        self._clock = clock
        self._reset(images_seen)

    def _reset(self, images_seen: int) -> None:
        self._steps: list[Tensor] = []
        self._images_seen, self._since = images_seen, self._clock.seconds()

    def add(self, step: StepMeans) -> None:
        """One step's figures."""
        self._steps.append(
            torch.stack([getattr(step, field.name) for field in dataclasses.fields(step)])
        )

    def read(self, progress: GanProgress) -> dict[str, float]:
        """The means by the fields of ``StepMeans``; sets the speed in ``progress``."""
        means = torch.stack(self._steps).mean(dim=0).tolist()
        elapsed = max(1e-6, self._clock.seconds() - self._since)
        speed = (progress.images_seen - self._images_seen) / elapsed
        before = progress.images_per_second
        progress.images_per_second = (
            SPEED_MEMORY * before + (1 - SPEED_MEMORY) * speed if before else speed
        )
        self._reset(progress.images_seen)
        names = [field.name for field in dataclasses.fields(StepMeans)]
        return dict(zip(names, means, strict=True))


def diverged(means: Mapping[str, float]) -> bool:
    """Whether a loss or score is no longer a number."""
    return not all(math.isfinite(value) for value in means.values())
