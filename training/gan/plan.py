"""How large and how long a GAN is trained, so that it fits into the time that a person gave."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from models.gans.registry import GanShape
from training.core.messages import Message, UserError
from training.data.splits import Split
from training.gan.config import GanConfig
from training.gan.learner import StepMeans
from training.runs.clock import Clock

REPORT_SECONDS, REPORT_SHARE, REPORTS = 1.0, 0.002, 200
LOOKS = 8  # at most, evenly spaced; the last one is at the end
LOOK_SHARE = 0.02  # of the time may go into looks
RESERVE_SHARE, RESERVE_LEAST = 0.04, 1.0  # of the budget, and seconds, for the judgement
REPLAN = 0.05  # relative error in the planned length that is put right
MOST_PASSES = 4000  # over the training pictures; more would only copy them
SPEED_MEMORY = 0.8  # weight of the past in the speed that plans the rest

DECAY_FROM, DECAY_TO = 0.5, 0.1  # of the run; of the learning rate and the penalty

AUGMENT_EVERY = 64  # steps between two adjustments of the augmentation, 0.4 % of the time
AUGMENT_TARGET = 0.5  # overfitting that is tolerated; arXiv 2006.06676 finds 0.6 and below best
AUGMENT_RAMP = 0.2  # of the run from no augmentation to the most
OVERFIT_MEMORY = 0.75

WON, WON_MEMORY = 0.995, 0.9  # the share of pairs, averaged over reports, that means a victory
WON_FROM = 0.1  # of the run; before, the generator has not begun to answer
WON_CALM = 0.1  # of the run until it may be said again
D_SLOWEST = 1 / 8


@dataclass
class GanPlan:
    """Lengths and places in images seen; ``reserve`` is the judgement's, in seconds."""

    total: int
    report_every: int
    look_every: int
    next_report: int
    next_look: int
    most: int
    reserve: float
    begun_share: float

    def message(self, train_count: int, shape: GanShape) -> Message:
        """The plan as a sentence."""
        passes = self.total / train_count
        shown = f"{passes:.0f}" if passes >= 10 else f"{passes:.1f}"
        values = {"total": self.total, "count": train_count, "passes": shown, "width": shape.width}
        return Message("notice.gan_plan", values)


@dataclass
class GanProgress:
    """All of a run's state that is not a tensor. ``seconds`` is set when a checkpoint is taken.

    ``strength`` is the augmentation's, ``overfit`` and ``won`` are running means, ``d_factor``
    and ``rate_factor`` are what is left of the learning rates after a victory of the
    discriminator or a divergence, ``frozen`` counts the discriminator's stages that stay as they
    came, ``looks`` are all ``Meters`` so far as plain data, the last one at ``looked_seen``.
    """

    split: Split
    shape: GanShape
    batch_size: int
    seen: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0
    plan: GanPlan | None = None
    strength: float = 0.0
    overfit: float = 0.0
    won: float = 0.5
    won_until: float = 0.0
    d_factor: float = 1.0
    rate_factor: float = 1.0
    best_kid: float | None = None
    best_seen: int = 0
    looked_seen: int = -1
    frozen: int = 0
    collapsed: bool = False
    looks: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)  # of the two networks

    def share(self) -> float:
        """How much of the training proper is done, 0 to 1."""
        return min(1.0, self.seen / self.plan.total) if self.plan else 0.0

    def overall(self) -> float:
        """How much of the whole run is done, 0 to 1."""
        begun = self.plan.begun_share if self.plan else 0.0
        return begun + (1 - begun) * self.share()

    def rate(self, config: GanConfig) -> float:
        """The learning rates now, as a share of their peak."""
        if config.schedule == "constant":
            return self.rate_factor
        late = max(0.0, (self.share() - DECAY_FROM) / (1 - DECAY_FROM))
        return self.rate_factor * (1 - (1 - DECAY_TO) * late)

    def penalty(self, config: GanConfig) -> float:
        """The gradient penalty's weight now, as a share of its first: down to a tenth.

        A generator that has come near needs a sharper critic; arXiv 2501.05441's recipe.
        """
        return 1.0 if config.schedule == "constant" else 1 - (1 - DECAY_TO) * self.share()

    def adjust_strength(self, config: GanConfig, overfit: float) -> None:
        """More augmentation while the discriminator overfits, less while it does not."""
        assert self.plan is not None
        self.overfit = OVERFIT_MEMORY * self.overfit + (1 - OVERFIT_MEMORY) * overfit
        step = AUGMENT_EVERY * self.batch_size / (AUGMENT_RAMP * self.plan.total)
        change = math.copysign(step, self.overfit - AUGMENT_TARGET) * config.augment_strength
        self.strength = min(config.augment_strength, max(0.0, self.strength + change))

    def discriminator_won(self, won: float) -> bool:
        """Take one report's share of won pairs; whether to say that the game is lost.

        If so the discriminator has been slowed down by half.
        """
        self.won = WON_MEMORY * self.won + (1 - WON_MEMORY) * won
        if self.won < WON or self.share() < max(WON_FROM, self.won_until):
            return False
        if self.d_factor <= D_SLOWEST:
            return False
        self.d_factor /= 2
        self.won_until = self.share() + WON_CALM
        return True

    def after_report(self, config: GanConfig, seconds: float) -> None:
        """Set the next report, and mend the length where the speed has changed."""
        plan = self.plan
        assert plan is not None
        if config.images is None:
            left = config.minutes * 60 - plan.reserve - seconds
            fits = min(plan.most, self.seen + max(0, int(left * self.images_per_second)))
            if abs(fits - plan.total) > REPLAN * plan.total or self.seen + self.batch_size > fits:
                was_last = plan.next_look >= plan.total
                plan.total = max(fits, self.seen)
                if was_last or plan.next_look > plan.total:
                    plan.next_look = plan.total
            every = max(REPORT_SECONDS, REPORT_SHARE * seconds)
            plan.report_every = max(self.batch_size, int(every * self.images_per_second))
        plan.next_report = min(self.seen + plan.report_every, plan.total)

    def after_look(self, config: GanConfig, look_seconds: float) -> None:
        """Set the next look, so that all looks together stay within their share of the time."""
        plan = self.plan
        assert plan is not None
        every = plan.look_every
        if config.images is None:  # a reproducible run does not look at the clock
            every = max(every, int(look_seconds / LOOK_SHARE * self.images_per_second))
        plan.next_look = self.seen + every
        if plan.next_look > plan.total - every // 2:
            plan.next_look = plan.total

    def to_json(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        flat = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plan = dataclasses.asdict(self.plan) if self.plan else None
        parts = {"split": self.split.to_json(), "shape": self.shape.to_json(), "plan": plan}
        return {**flat, **parts, "looks": list(self.looks)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanProgress:
        """The reverse of ``to_json``."""
        parts = {
            "split": Split.from_json(data["split"]),
            "shape": GanShape.from_json(data["shape"]),
            "plan": GanPlan(**data["plan"]) if data["plan"] else None,
        }
        return cls(**{**data, **parts, "looks": list(data["looks"])})


def make_gan_plan(
    config: GanConfig,
    *,
    train_count: int,
    batch_size: int,
    seconds_used: float,
    images_per_second: float,
) -> GanPlan:
    """Fit the training into what is left of the budget; ``config.images`` overrules it."""
    budget, most = config.minutes * 60, train_count * MOST_PASSES
    reserve = max(RESERVE_LEAST, RESERVE_SHARE * budget)
    if config.images is not None:
        total = max(config.images, batch_size)
        report_every = total // REPORTS
    else:
        left = max(0.0, budget - reserve - seconds_used)
        total = max(batch_size, min(most, int(left * (1 - LOOK_SHARE) * images_per_second)))
        report_every = int(REPORT_SECONDS * images_per_second)
    report_every = max(batch_size, min(report_every, total))
    look_every = max(batch_size, total // LOOKS)
    return GanPlan(
        total=total,
        report_every=report_every,
        look_every=look_every,
        next_report=report_every,
        next_look=look_every,
        most=most,
        reserve=reserve,
        begun_share=min(0.5, seconds_used / budget),
    )


class GanMeter:
    """Means of a step's figures since the last report, without waiting for the device."""

    def __init__(self, clock: Clock, seen: int) -> None:
        """Begin at ``seen`` images."""
        self._clock = clock
        self._reset(seen)

    def _reset(self, seen: int) -> None:
        self._steps: list[Tensor] = []
        self._seen, self._since = seen, self._clock.seconds()

    def add(self, step: StepMeans) -> None:
        """One step's figures."""
        self._steps.append(
            torch.stack([getattr(step, field.name) for field in dataclasses.fields(step)])
        )

    def read(self, progress: GanProgress) -> dict[str, float]:
        """The means since the last report by the fields of ``StepMeans``; sets the speed."""
        means = torch.stack(self._steps).mean(dim=0).tolist()
        elapsed = max(1e-6, self._clock.seconds() - self._since)
        speed, before = (progress.seen - self._seen) / elapsed, progress.images_per_second
        progress.images_per_second = (
            SPEED_MEMORY * before + (1 - SPEED_MEMORY) * speed if before else speed
        )
        self._reset(progress.seen)
        names = [f.name for f in dataclasses.fields(StepMeans)]
        return dict(zip(names, means, strict=True))


def diverged(means: Mapping[str, float]) -> bool:
    """Whether a loss or score is no longer a number."""
    return not all(math.isfinite(value) for value in means.values())


def retreat(progress: GanProgress, config: GanConfig) -> Message:
    """Halve the rates after a divergence, and say so.

    Raises:
        UserError: that has been tried often enough.
    """
    progress.rate_factor /= 2
    if progress.rate_factor <= 1 / 8:
        raise UserError("gan.diverged", loss=config.loss)
    return Message("notice.gan_diverged", {"factor": f"{progress.rate_factor:g}"})
