"""Time budget, plan and schedules."""

from __future__ import annotations

from dataclasses import dataclass

from models.gans.registry import GanShape
from training.core.messages import Message
from training.gan.config import GanConfig
from training.metrics.evaluator import REFERENCE

REPORT_SECONDS, REPORT_SHARE, REPORTS = 1.0, 0.002, 200
MAX_EVALS = 8  # evenly spaced; the last one is at the end
EVAL_SHARE = 0.04  # of the time may go into evaluations
RESERVE_SHARE, MIN_RESERVE = 0.04, 1.0  # of the budget, and seconds, for the final evaluation
REPLAN = 0.05  # relative error in the planned length that is put right
MAX_PASSES = 4000  # over the training pictures; more would only copy them

CLASS_START = 0.2  # of the run
DECAY_FROM, DECAY_TO = 0.5, 0.1  # of the run; of the learning rate and the penalty


@dataclass
class GanPlan:
    """Lengths and places in images seen.

    Attributes:
        total: images to train on.
        report_every, next_report: between two reports, and where the next one is due.
        eval_every, next_eval: the same for evaluations.
        most: a length beyond which more time would not help.
        reserve: seconds kept for the final evaluation.
        begun_share: share of the whole run that was over when training began.
        pool: training pictures among which the final evaluation looks for copies.
    """

    total: int
    report_every: int
    eval_every: int
    next_report: int
    next_eval: int
    most: int
    reserve: float
    begun_share: float
    pool: int = REFERENCE

    def message(self, train_count: int, shape: GanShape) -> Message:
        """The plan as a sentence."""
        passes = self.total / train_count
        shown = f"{passes:.0f}" if passes >= 10 else f"{passes:.1f}"
        values = {"total": self.total, "count": train_count, "passes": shown, "width": shape.width}
        return Message("notice.gan_plan", values)

    def after_report(
        self,
        config: GanConfig,
        *,
        images_seen: int,
        batch_size: int,
        seconds: float,
        images_per_second: float,
    ) -> None:
        """Set the next report, and mend the length where the speed has changed."""
        if config.images is None:  # a reproducible run does not look at the clock
            left = config.minutes * 60 - self.reserve - seconds
            fits = min(self.most, images_seen + max(0, int(left * images_per_second)))
            if abs(fits - self.total) > REPLAN * self.total or images_seen + batch_size > fits:
                was_last = self.next_eval >= self.total
                self.total = max(fits, images_seen)
                if was_last or self.next_eval > self.total:
                    self.next_eval = self.total
            every = max(REPORT_SECONDS, REPORT_SHARE * seconds)
            self.report_every = max(batch_size, int(every * images_per_second))
        self.next_report = min(images_seen + self.report_every, self.total)

    def after_eval(
        self,
        config: GanConfig,
        *,
        images_seen: int,
        eval_seconds: float,
        images_per_second: float,
    ) -> None:
        """Set the next evaluation, so that all of them stay within their share of the time."""
        every = self.eval_every
        if config.images is None:
            every = max(every, int(eval_seconds / EVAL_SHARE * images_per_second))
        self.next_eval = images_seen + every
        if self.next_eval > self.total - every // 2:
            self.next_eval = self.total


def lr_factor(config: GanConfig, share: float) -> float:
    """The learning rates when ``share`` of the run is done, as a share of their peak."""
    if config.schedule == "constant":
        return 1.0
    late = max(0.0, (share - DECAY_FROM) / (1 - DECAY_FROM))
    return 1 - (1 - DECAY_TO) * late


def penalty_factor(config: GanConfig, share: float) -> float:
    """The gradient penalty's weight, as a share of its first: down to a tenth.

    A generator that has come near needs a sharper critic; arXiv 2501.05441's recipe.
    """
    return 1.0 if config.schedule == "constant" else 1 - (1 - DECAY_TO) * share


def class_start(config: GanConfig) -> float:
    """The share of the run during which classes are learned as one; 0 for none of it.

    Told apart from the first step on, each class of a small set soon is one picture, whatever the
    latent says (arXiv 2201.06578), for a discriminator that looks through a backbone: 300 photos of
    trousers and T-shirts had a KID of 1.58 and 1.34 in two seeds that way, and 0.65 this way. One
    that sees pixels alone then hardly tells them apart: of 300 avatars in 4 styles 26 % were
    recognised, and 62 % without.
    """
    if config.start_from:
        return 0.0
    if config.class_start is not None:
        return config.class_start
    return CLASS_START if config.d_backbone else 0.0


def class_share(config: GanConfig, share: float) -> float:
    """How far classes are told apart when ``share`` of the run is done: 0 not at all, 1 wholly."""
    start = class_start(config)
    return min(1.0, max(0.0, share / start - 1)) if start else 1.0


def make_gan_plan(
    config: GanConfig,
    *,
    train_count: int,
    batch_size: int,
    seconds_used: float,
    images_per_second: float,
) -> GanPlan:
    """Fit the training into what is left of the budget; ``config.images`` overrules it."""
    budget, most = config.minutes * 60, train_count * MAX_PASSES
    reserve = max(MIN_RESERVE, RESERVE_SHARE * budget)
    if config.images is not None:
        total = max(config.images, batch_size)
        report_every = total // REPORTS
    else:
        left = max(0.0, budget - reserve - seconds_used)
        total = max(batch_size, min(most, int(left * (1 - EVAL_SHARE) * images_per_second)))
        report_every = int(REPORT_SECONDS * images_per_second)
    report_every = max(batch_size, min(report_every, total))
    eval_every = max(batch_size, total // MAX_EVALS)
    return GanPlan(
        total=total,
        report_every=report_every,
        eval_every=eval_every,
        next_report=report_every,
        next_eval=eval_every,
        most=most,
        reserve=reserve,
        begun_share=min(0.5, seconds_used / budget),
    )
