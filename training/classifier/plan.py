"""Time budget, plan and progress."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.classifier.config import ClassifierConfig
from training.classifier.schedule import grown_work, growth_slows
from training.core.messages import Message, UserError
from training.data.splits import Split
from training.runs.clock import Clock

REPORT_SECONDS = 1.0  # between two points on the training curves, and in a long run
REPORT_SHARE = 0.002  # of the time so far, so that a day's curve has no more than 3,000 points
EVAL_SHARE = 0.15  # of the training time may go into validation
MAX_EVALS = 16  # validations in one run, where they are cheap
RANGE_SHARE = 0.08  # of the budget may go into the learning-rate range test
RANGE_STEPS = (16, 48)  # fewest and most steps of that test
MAX_PASSES, MAX_PASSES_SCRATCH = 60, 300  # over the training pictures; more would not help
REPLAN = 0.05  # relative error in the planned length that is put right


@dataclass
class Plan:
    """``total`` training images, the next validation at ``next_eval``.

    The training proper began after ``begun_seconds``, with ``begun_share`` of the whole run done;
    ``reserve`` seconds are kept for the final evaluation; ``most`` is a length beyond which
    more time would not help.
    """

    total: int
    eval_every: int
    next_eval: int
    most: int
    reserve: float
    begun_seconds: float
    begun_share: float

    def message(self, train_count: int) -> Message:
        """The plan as a sentence, for ``train_count`` pictures to learn from."""
        passes = self.total / train_count
        if passes < 1:
            return Message("notice.plan_short", {"count": train_count, "total": self.total})
        shown = f"{passes:.0f}" if passes >= 10 else f"{passes:.1f}"
        return Message("notice.plan", {"count": train_count, "passes": shown})

    def after_eval(self, config: ClassifierConfig, images_seen: int, seconds: float) -> None:
        """Set the next validation, and mend the length where the speed is not what was measured."""
        if config.images is None:
            speed = images_seen / max(1e-3, seconds - self.begun_seconds)
            if config.grow:  # what is still to come is dearer
                speed *= growth_slows(min(1.0, images_seen / self.total))
            left = config.minutes * 60 - self.reserve - seconds
            fits = min(self.most, images_seen + max(0, int(left * speed)))
            if abs(fits - self.total) > REPLAN * self.total:
                self.total = fits
        self.next_eval = min(images_seen + self.eval_every, self.total)


@dataclass
class ClassifierProgress:
    """All of a run's state that is not a tensor. ``seconds`` is set when a checkpoint is taken."""

    split: Split
    peak_rate: float | None = None
    images_seen: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    plan: Plan | None = None
    images_per_second: float = 0.0

    def share(self) -> float:
        """How much of the training proper is done, 0 to 1."""
        return min(1.0, self.images_seen / self.plan.total) if self.plan else 0.0

    def overall(self) -> float:
        """How much of the whole run is done, 0 to 1."""
        begun = self.plan.begun_share if self.plan else 0.0
        return begun + (1 - begun) * self.share()

    def check(self, loss: float) -> None:
        """Whether training still makes sense.

        Raises:
            UserError: the loss is no longer a number.
        """
        if not math.isfinite(loss):
            raise UserError("train.diverged", rate=f"{self.peak_rate:.2g}")

    def to_json(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        plan = dataclasses.asdict(self.plan) if self.plan else None
        flat = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**flat, "split": self.split.to_json(), "plan": plan}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClassifierProgress:
        """The reverse of ``to_json``; reads what earlier versions wrote, too."""
        known = {("images_seen" if name == "seen" else name): data[name] for name in data}
        plan = Plan(**data["plan"]) if data["plan"] else None
        return cls(**{**known, "split": Split.from_json(data["split"]), "plan": plan})


class RunningMean:
    """Means of loss and accuracy since the last report, without waiting for the device."""

    def __init__(self, clock: Clock, images_seen: int) -> None:
        self._clock = clock
        self._reset(images_seen)

    def _reset(self, images_seen: int) -> None:
        self._losses: list[Tensor] = []
        self._rights: list[Tensor] = []
        self._seen, self._since = images_seen, self._clock.seconds()

    def add(self, loss: Tensor, right: Tensor) -> None:
        """One step's mean loss and share of right answers."""
        self._losses.append(loss)
        self._rights.append(right)

    def due(self) -> bool:
        """Whether it is time for a report."""
        now = self._clock.seconds()
        return now - self._since >= max(REPORT_SECONDS, REPORT_SHARE * now)

    def read(self, progress: ClassifierProgress) -> dict[str, float]:
        """The means since the last report; sets the speed in ``progress``.

        Raises:
            UserError: the loss is no longer a number.
        """
        loss, right = torch.stack(self._losses).mean().item(), torch.stack(self._rights).mean()
        progress.check(loss)
        elapsed = self._clock.seconds() - self._since
        progress.images_per_second = (progress.images_seen - self._seen) / elapsed
        self._reset(progress.images_seen)
        return {"train/loss": loss, "train/accuracy": right.item()}


def make_plan(
    config: ClassifierConfig,
    *,
    train_count: int,
    val_count: int,
    test_count: int,
    seconds_used: float,
    images_per_second: float,
) -> Plan:
    """Fit the training into what is left of the budget; ``config.images`` overrules it."""
    # A forward pass over pictures costs about a third of training on them.
    forward_per_second = 3 * images_per_second
    most = train_count * (MAX_PASSES_SCRATCH if config.method == "scratch" else MAX_PASSES)
    reserve = test_count / forward_per_second + 1.0
    if config.images is not None:
        total = config.images
    else:
        left = config.minutes * 60 - seconds_used - reserve
        mean_work = grown_work(1.0) if config.grow else 1.0
        total = min(most, int(left * (1 - EVAL_SHARE) * images_per_second / mean_work))
    total = max(total, config.batch_size)
    eval_every = max(config.batch_size, total // MAX_EVALS)
    if config.images is None:  # a reproducible run does not depend on the clock
        fair = val_count / 3 * (1 - EVAL_SHARE) / EVAL_SHARE
        eval_every = max(eval_every, int(fair))
    eval_every = min(eval_every, total)
    begun = early_share(config, seconds_used)
    return Plan(total, eval_every, eval_every, most, reserve, seconds_used, begun)


def early_share(config: ClassifierConfig, seconds: float) -> float:
    """How much of a run is done before the length of its training is known: at most half."""
    return min(0.5, seconds / (config.minutes * 60))


def range_test_steps(config: ClassifierConfig, seconds_left: float, step_seconds: float) -> int:
    """How many steps of the range test the budget can bear; 0 where it can't bear enough."""
    fewest, most = RANGE_STEPS
    if config.images is not None:
        return fewest  # a reproducible run does not depend on the clock
    affordable = int(RANGE_SHARE * seconds_left / step_seconds)
    return 0 if affordable < fewest else min(affordable, most)
