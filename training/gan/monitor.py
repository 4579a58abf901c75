"""Sample grids, evaluations and reports."""

from __future__ import annotations

from collections.abc import Generator as EventGenerator
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.gans.layers import Generator
from models.gans.registry import GanShape
from training.core.media import picture_grid
from training.core.messages import Message
from training.features.judge import choose_judge
from training.gan.config import GanConfig
from training.gan.learner import GanLearner
from training.gan.plan import MIN_RESERVE, class_share, lr_factor
from training.gan.progress import GanProgress
from training.latent.sampler import BATCH, GRID_COLUMNS, GRID_LATENTS, grid_labels, make_pictures
from training.metrics.evaluation import REPEATED, GanMetrics
from training.metrics.evaluator import REFERENCE, GanEvaluator
from training.runs.clock import Clock
from training.runs.events import Event, Log, Notice, Picture, Preview, Tick

GRID_SEED, EVAL_SEED = 1, 2
GRID_MIN_SECONDS, GRID_MAX_SECONDS, GRID_SHARE, GRID_MAX_SHARE = 2.5, 4.5, 0.015, 0.1
EVAL_SAMPLES = 512
MIN_REAL, REAL_PER_SECOND = 200, 5.0  # real pictures of each kind, of a second of the budget
FINAL_SAMPLES = 1000  # in the final evaluation
RESERVE_MARGIN = 1.3  # seconds for it, and for the metrics beside features
MAX_RESERVE = 0.25  # of the budget
# The final evaluation looks for copies of this many training pictures, as far as this share of the
# budget lasts: a copier of 10,000 pictures hardly shows among 1,000 of them.
MAX_POOL, POOL_SHARE = 5_000, 0.08
# Between two checkpoints: rarer the longer a run.
SAVE_MIN_SECONDS, SAVE_MAX_SECONDS, SAVE_BUDGET_SHARE = 20.0, 30.0, 0.1


class GanMonitor:
    """Fixed latents and an evaluator for one learner."""

    def __init__(self, config: GanConfig, learner: GanLearner, clock: Clock) -> None:
        self.config, self.learner, self.clock = config, learner, clock
        shape, pictures = learner.shape, learner.pictures
        self.z, self.labels = grid_latents(shape)
        space = choose_judge(learner.fabric.device)
        most, self.eval_samples = REFERENCE, EVAL_SAMPLES
        if config.images is None:  # short runs can't afford as many pictures
            most = max(MIN_REAL, min(most, int(config.minutes * 60 * REAL_PER_SECOND)))
            self.eval_samples = min(EVAL_SAMPLES, most)
        self.evaluator = GanEvaluator(
            space,
            pictures.train,
            pictures.val,
            pictures.labels,
            pictures.val_labels,
            most=most,
            seed=config.seed,
        )
        self._grid_cost, self._grid_at = 0.0, 0.0

    # ---- the grid

    def due(self) -> bool:
        """Whether it is time for another grid: often at first, and never a burden."""
        cost = self._grid_cost
        every = max(
            GRID_MIN_SECONDS, min(GRID_MAX_SECONDS, cost / GRID_SHARE), cost / GRID_MAX_SHARE
        )
        return self.clock.seconds() >= self._grid_at + every

    def draw(self, progress: GanProgress) -> Iterator[Event]:
        """The grid of this moment."""
        started = self.clock.seconds()
        grid = picture_grid(
            make_pictures(self.learner.average(), self.z, self.labels), GRID_COLUMNS
        )
        self._grid_at = self.clock.seconds()
        yield Picture("samples", progress.images_seen, self._grid_at, grid)
        self._grid_cost = self.clock.seconds() - started  # with whatever is done with it

    # ---- evaluations

    def prepare(self, progress: GanProgress) -> Iterator[Event]:
        """Compute the real pictures' features, and so learn how long the final evaluation takes."""
        started = self.clock.seconds()
        for _ in self.evaluator.prepare():
            yield Tick()
        took = max(1e-3, self.clock.seconds() - started)
        each = RESERVE_MARGIN * took / self.evaluator.cost
        most, budget = MAX_POOL, self.config.minutes * 60
        others = min(REFERENCE, len(progress.split.test)) + 2 * FINAL_SAMPLES  # best and last
        if self.config.images is None:  # a reproducible run does not look at the clock
            affordable = (POOL_SHARE * budget - MIN_RESERVE) / each - others
            most = max(REFERENCE, min(most, int(affordable)))
        progress.plan.pool = min(most, len(progress.split.train))
        reserve = MIN_RESERVE + (progress.plan.pool + others) * each
        progress.plan.reserve = min(reserve, MAX_RESERVE * budget)

    def evaluate(self, progress: GanProgress) -> EventGenerator[Event, None, bool]:
        """Measure this moment's samples; gives whether they are the best so far."""
        started, evaluations = self.clock.seconds(), progress.evaluations
        if not self.learner.is_sound():  # the next report will say so, and mend it
            evaluations.skip(progress.images_seen)
            self._plan_next(progress, 0.0)
            return False
        metrics, samples = yield from evaluate_samples(
            self.evaluator,
            self.learner.average(),
            self.learner.shape.latent_size,
            self.learner.pictures.labels,
            count=self.eval_samples,
            progress=progress.share(),
        )
        was_collapsed = evaluations.collapsed
        classes = 1.0
        if self.learner.shape.class_count:
            classes = class_share(self.config, progress.share())
        sign = evaluations.add(metrics, progress.images_seen, classes=classes)
        best = evaluations.best_seen == progress.images_seen > 0
        if evaluations.collapsed and not was_collapsed:
            key = "notice.gan_repeated" if sign == REPEATED else "notice.gan_collapsed"
            yield Notice(Message(key, {"seen": progress.images_seen}))
        now = self.clock.seconds()
        yield log_event(progress, now, metric_curves(metrics), phase="look")
        facts = {
            "images_seen": progress.images_seen,
            "best": best,
            "collapsed": evaluations.collapsed,
            "sign": sign,
        }
        # "meters" and the phase "look" are names in files since the first version.
        yield Preview("meters", {**metrics.to_json(), **facts})
        if metrics.suspicious:
            pairs = suspects_grid(metrics, samples, self.learner.pictures.train)
            yield Picture("suspicious", progress.images_seen, now, pairs)
        self._plan_next(progress, self.clock.seconds() - started)
        return best

    def _plan_next(self, progress: GanProgress, eval_seconds: float) -> None:
        progress.plan.after_eval(
            self.config,
            images_seen=progress.images_seen,
            eval_seconds=eval_seconds,
            images_per_second=progress.images_per_second,
        )

    def save_every(self) -> float:
        """Seconds between two checkpoints: a long run can afford to lose more."""
        budget = self.config.minutes * 60
        return min(SAVE_MAX_SECONDS, max(SAVE_MIN_SECONDS, SAVE_BUDGET_SHARE * budget))


def grid_latents(shape: GanShape) -> tuple[Tensor, Tensor | None]:
    """The latents of the sample grid, the same for every run of this shape, and their classes."""
    labels = grid_labels(shape.class_count)
    count = len(labels) if labels is not None else GRID_LATENTS
    return latents(count, shape.latent_size, GRID_SEED), labels


def suspects_grid(metrics: GanMetrics, samples: Tensor, train: Tensor) -> NDArray[np.uint8]:
    """The most suspicious samples in one row, the training pictures nearest to them below."""
    rows = [suspect.sample for suspect in metrics.suspicious]
    nearest = [suspect.train for suspect in metrics.suspicious]
    return picture_grid(torch.cat([samples[rows], train[nearest].cpu()]), len(rows))


def evaluate_samples(
    evaluator: GanEvaluator,
    generator: Generator,
    latent_size: int,
    train_labels: Tensor | None,
    *,
    count: int,
    progress: float,
) -> EventGenerator[Event, None, tuple[GanMetrics, Tensor]]:
    """The metrics of ``count`` pictures from fixed latents, and the pictures (N, 3, R, R) uint8.

    The same latents in every evaluation, so that numbers differ only because the generator does.
    Classes come as often as in ``train_labels``, without which the distance of a perfect generator
    would not be the least.
    """
    z, labels = latents(count, latent_size, EVAL_SEED), None
    if train_labels is not None:
        draws = torch.Generator().manual_seed(EVAL_SEED)
        labels = train_labels.cpu()[torch.randint(len(train_labels), (count,), generator=draws)]
    parts = []
    for start in range(0, count, BATCH):
        rows = slice(start, start + BATCH)
        y = labels[rows] if labels is not None else None
        parts.append(make_pictures(generator, z[rows], y))
        yield Tick()
    samples = torch.cat(parts)
    measuring = evaluator.evaluate(samples, labels, progress=progress)
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value, samples
        yield Tick()


def latents(count: int, size: int, seed: int) -> Tensor:
    """(count, size) standard normal, the same for the same arguments."""
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def metric_curves(metrics: GanMetrics) -> dict[str, float]:
    """What of an evaluation is drawn over time; without classes nothing is recognised."""
    names = ("fd", "kid", "density", "coverage", "variety", "recognised", "recognised_real")
    values = {name: getattr(metrics, name) for name in names}
    return {f"gan/{name}": float(value) for name, value in values.items() if value is not None}


def report(
    config: GanConfig,
    learner: GanLearner,
    progress: GanProgress,
    means: Mapping[str, float],
    clock: Clock,
) -> Log:
    """Losses, scores, rate and augmentation, from the ``means`` since the last report."""
    rate = progress.balance.rate_factor * lr_factor(config, progress.share())
    metrics = {
        "gan/d_loss": means["d_loss"],
        "gan/g_loss": means["g_loss"],
        "gan/real_score": means["real"],
        "gan/fake_score": means["fake"],
        "gan/lr": learner.peak * rate,
    }
    if config.augment != "none":
        metrics["gan/augment"] = progress.augment.p
    return log_event(progress, clock.seconds(), metrics)


def log_event(
    progress: GanProgress, seconds: float, metrics: Mapping[str, float], phase: str = "train"
) -> Log:
    """Points on the curves, with how far the run is."""
    speed = progress.images_per_second
    return Log(phase, progress.images_seen, seconds, progress.overall(), speed, metrics)
