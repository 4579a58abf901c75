"""A GAN run's state beside its tensors, and who may change what.

``GanProgress`` is what a checkpoint keeps as JSON. The loop counts images and time; all else is
changed by the part that owns it, in a method of that part:

    AdaptiveAugment   how often pictures are augmented
    Balance           whether the discriminator wins, and what rates are cut to
    Evaluations       what was measured so far, and which generator was best
    GanPlan           how long the run is, and when it reports and evaluates next
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.gans.registry import GanShape
from training.core.messages import Message, UserError
from training.data.splits import Split
from training.gan.config import GanConfig
from training.gan.plan import GanPlan
from training.metrics.evaluation import GanMetrics, collapse_sign

ADA_EVERY = 64  # steps between two adjustments of the augmentation, 0.4 % of the time
ADA_TARGET = 0.5  # overfitting that is tolerated; arXiv 2006.06676 finds 0.6 and below best
ADA_RAMP = 0.2  # of the run from no augmentation to the most
OVERFIT_MEMORY = 0.75  # weight of the past in the overfitting that counts

D_WON, D_WON_MEMORY = 0.995, 0.9  # the rank accuracy, averaged over reports, that means a victory
D_WON_FROM = 0.1  # of the run; before, the generator has not begun to answer
D_WON_CALM = 0.1  # of the run until it may be said again
D_MIN_FACTOR = 1 / 8
MIN_RATE_FACTOR = 1 / 8  # of the learning rates: a game that diverges even then is given up


@dataclass
class AdaptiveAugment:
    """The probability ``p`` of each augmentation follows the discriminator's overfitting.

    arXiv 2006.06676, with ``overfit`` as a running mean.
    """

    p: float = 0.0
    overfit: float = 0.0

    def update(self, overfit: float, *, step: float, limit: float) -> None:
        """More augmentation while the discriminator overfits, less while it does not.

        Args:
            overfit: what ``GanLearner.overfit`` measured just now, 0 to 1.
            step: how far ``p`` may move, as a share of ``limit``.
            limit: the most that ``p`` may be.
        """
        self.overfit = OVERFIT_MEMORY * self.overfit + (1 - OVERFIT_MEMORY) * overfit
        change = math.copysign(step, self.overfit - ADA_TARGET) * limit
        self.p = min(limit, max(0.0, self.p + change))


@dataclass
class Balance:
    """Which network wins, and what is left of the learning rates.

    Attributes:
        d_rank_accuracy: share of pairs in which the real picture scored higher, a running mean.
        quiet_until: share of the run before which another victory is not announced.
        d_factor: the discriminator's learning rate as a share of what it was, after victories.
        rate_factor: both learning rates as a share of what they were, after divergences.
    """

    d_rank_accuracy: float = 0.5
    quiet_until: float = 0.0
    d_factor: float = 1.0
    rate_factor: float = 1.0

    def discriminator_won(self, d_rank_accuracy: float, share: float) -> bool:
        """Take one report's rank accuracy; whether to announce a victory.

        If so the discriminator has been slowed down by half. ``share`` of the run is done.
        """
        past = D_WON_MEMORY * self.d_rank_accuracy
        self.d_rank_accuracy = past + (1 - D_WON_MEMORY) * d_rank_accuracy
        if self.d_rank_accuracy < D_WON or share < max(D_WON_FROM, self.quiet_until):
            return False
        if self.d_factor <= D_MIN_FACTOR:
            return False
        self.d_factor /= 2
        self.quiet_until = share + D_WON_CALM
        return True

    def halve_rates(self, loss: str) -> Message:
        """Slow both networks down after a divergence, and say so.

        Raises:
            UserError: that has been tried often enough.
        """
        self.rate_factor /= 2
        if self.rate_factor <= MIN_RATE_FACTOR:
            raise UserError("gan.diverged", loss=loss)
        return Message("notice.gan_diverged", {"factor": f"{self.rate_factor:g}"})


@dataclass
class Evaluations:
    """All evaluations of a run, oldest first, and which of them was the best.

    Attributes:
        history: the ``GanMetrics`` as plain data.
        last_seen: images seen at the newest one; -1 before the first.
        best_kid: the lowest kernel distance, of the generator that is kept; within classes where
            ``best_space`` says so.
        best_seen: images that generator had seen.
        best_space: the features that ``best_kid`` was measured in.
        collapsed: whether the newest one shows mode collapse.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    last_seen: int = -1
    best_kid: float | None = None
    best_seen: int = 0
    collapsed: bool = False
    best_space: str = ""

    def __post_init__(self) -> None:
        """In checkpoints of earlier versions all evaluations were in one space."""
        if not self.best_space and self.history:
            self.best_space = self.history[-1].get("space", "")

    def add(self, metrics: GanMetrics, images_seen: int, *, classes: float = 1.0) -> str | None:
        """Take one more; gives the sign of collapse, if it shows any.

        A borrowed start, before its first step, is never the best: nobody would call that trained.
        Neither is a generator whose ``classes`` are not wholly told apart yet.
        """
        self.history.append(metrics.to_json())
        sign = collapse_sign([GanMetrics.from_json(data) for data in self.history])
        self.collapsed = sign is not None
        self.last_seen = images_seen
        if images_seen and classes == 1 and self.is_best(metrics):
            self.best_space, self.best_kid = metrics.criterion
            self.best_seen = images_seen
        return sign

    def is_best(self, metrics: GanMetrics) -> bool:
        """Whether no earlier generator was nearer to the real pictures.

        Numbers of another space can't be compared, so the first in a new one is the best.
        """
        space, kid = metrics.criterion
        return self.best_kid is None or space != self.best_space or kid < self.best_kid

    def measure_best_anew(self, metrics: GanMetrics) -> None:
        """The generator that is kept, in the features of this version."""
        self.best_space, self.best_kid = metrics.criterion

    def keep(self, images_seen: int) -> None:
        """Note that the generator of ``images_seen`` is kept, without comparable numbers of it."""
        self.best_seen = images_seen

    def skip(self, images_seen: int) -> None:
        """Note that there was nothing to evaluate: the weights are no longer numbers."""
        self.last_seen = images_seen


@dataclass
class GanProgress:
    """All of a run's state that is not a tensor.

    Attributes:
        split: training, validation and test pictures.
        shape: what the networks are built like.
        plan: how long the run is; it mends itself after reports and evaluations.
        batch_size: images per step; halved where memory runs out.
        images_seen: training images so far.
        seconds: training time, set when a checkpoint is taken.
        images_per_second: the speed that plans the rest, set by ``GanRunningMean``.
        frozen: how many of the discriminator's stages stay as they came (FreezeD).
        parameters: how many numbers each of the two networks learns.
    """

    split: Split
    shape: GanShape
    plan: GanPlan
    batch_size: int
    images_seen: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0
    frozen: int = 0
    parameters: dict[str, int] = field(default_factory=dict)
    augment: AdaptiveAugment = field(default_factory=AdaptiveAugment)
    balance: Balance = field(default_factory=Balance)
    evaluations: Evaluations = field(default_factory=Evaluations)

    def share(self) -> float:
        """How much of the training proper is done, 0 to 1."""
        return min(1.0, self.images_seen / self.plan.total)

    def overall(self) -> float:
        """How much of the whole run is done, 0 to 1."""
        return self.plan.begun_share + (1 - self.plan.begun_share) * self.share()

    def update_augment(self, config: GanConfig, overfit: float) -> None:
        """Let the augmentation follow ``overfit``, in steps that suit the length of the run."""
        step = ADA_EVERY * self.batch_size / (ADA_RAMP * self.plan.total)
        self.augment.update(overfit, step=step, limit=config.augment_strength)

    def after_report(self, config: GanConfig, seconds: float) -> None:
        """Set the next report, and mend the plan where the speed has changed."""
        self.plan.after_report(
            config,
            images_seen=self.images_seen,
            batch_size=self.batch_size,
            seconds=seconds,
            images_per_second=self.images_per_second,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        data = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        parts = ("plan", "augment", "balance", "evaluations")
        data |= {name: dataclasses.asdict(getattr(self, name)) for name in parts}
        return {**data, "split": self.split.to_json(), "shape": self.shape.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanProgress:
        """The reverse of ``to_json``; reads what earlier versions wrote, too."""
        data = _from_flat(data) if "looks" in data else data
        parts = {
            "split": Split.from_json(data["split"]),
            "shape": GanShape.from_json(data["shape"]),
            "plan": GanPlan(**data["plan"]),
            "augment": AdaptiveAugment(**data["augment"]),
            "balance": Balance(**data["balance"]),
            "evaluations": Evaluations(**data["evaluations"]),
        }
        return cls(**{**data, **parts})


def _from_flat(old: Mapping[str, Any]) -> dict[str, Any]:
    """The state as it was written before it had parts, under its names of that time."""
    same = ("split", "shape", "batch_size", "seconds", "images_per_second", "frozen", "parameters")
    plan = dict(old["plan"])
    plan["eval_every"], plan["next_eval"] = plan.pop("look_every"), plan.pop("next_look")
    return {
        **{name: old[name] for name in same},
        "images_seen": old["seen"],
        "plan": plan,
        "augment": {"p": old["strength"], "overfit": old["overfit"]},
        "balance": {
            "d_rank_accuracy": old["won"],
            "quiet_until": old["won_until"],
            "d_factor": old["d_factor"],
            "rate_factor": old["rate_factor"],
        },
        "evaluations": {
            "history": list(old["looks"]),
            "last_seen": old["looked_seen"],
            "best_kid": old["best_kid"],
            "best_seen": old["best_seen"],
            "collapsed": old["collapsed"],
        },
    }
