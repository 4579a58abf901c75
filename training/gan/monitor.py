"""What a GAN shows while it trains: the same latents again and again, and a judge's looks."""

from __future__ import annotations

from collections.abc import Generator as Iter
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.gans.layers import Generator
from models.gans.registry import GanShape
from training.core.media import picture_grid
from training.core.messages import Message
from training.features.space import choose_feature_space
from training.gan.config import GanConfig
from training.gan.learner import GanLearner
from training.gan.plan import GanProgress
from training.latent.sampler import BATCH, GRID_COLUMNS, GRID_LATENTS, grid_labels, make_pictures
from training.metrics.evaluator import REFERENCE, Judge, Meters, collapse_sign
from training.runs.clock import Clock
from training.runs.events import Event, Notice, Picture, Preview, Step, Tick

GRID_SEED, LOOK_SEED = 1, 2
GRID_SOONEST, GRID_LATEST, GRID_SHARE, GRID_MOST = 2.5, 4.5, 0.015, 0.1
LOOK_SAMPLES = 512
FEWEST, LOOKED_AT_PER_SECOND = 200, 5.0  # real pictures of each kind, of a second of the budget
JUDGED = 1000  # samples in the last judgement
RESERVE_LEAST, RESERVE_MARGIN = 1.0, 1.3  # seconds for it, and for the metrics beside features
RESERVE_MOST = 0.25  # of the budget
SAVE_SECONDS, SAVE_LATEST = 20.0, 30.0  # between two checkpoints; the later the longer a run
SAVE_BUDGET_SHARE = 0.1


class GanView:
    """Fixed latents and a judge for one learner."""

    def __init__(self, config: GanConfig, learner: GanLearner, clock: Clock) -> None:
        """Draw the latents; nothing else is computed yet."""
        self.config, self.learner, self.clock = config, learner, clock
        shape, pictures = learner.shape, learner.pictures
        self.z, self.labels = grid_latents(shape)
        space = choose_feature_space(learner.fabric.device)
        most, self.look_samples = REFERENCE, LOOK_SAMPLES
        if config.images is None:  # short runs can't afford a close look
            most = max(FEWEST, min(most, int(config.minutes * 60 * LOOKED_AT_PER_SECOND)))
            self.look_samples = min(LOOK_SAMPLES, most)
        self.judge = Judge(
            space, pictures.train, pictures.val, pictures.labels, most=most, seed=config.seed
        )
        self._grid_cost, self._grid_at = 0.0, 0.0

    # ---- the grid

    def due(self) -> bool:
        """Whether it is time for another grid: often at first, and never a burden."""
        cost = self._grid_cost
        every = max(GRID_SOONEST, min(GRID_LATEST, cost / GRID_SHARE), cost / GRID_MOST)
        return self.clock.seconds() >= self._grid_at + every

    def draw(self, progress: GanProgress) -> Iterator[Event]:
        """The grid of this moment."""
        started = self.clock.seconds()
        grid = picture_grid(make_pictures(self.learner.ema, self.z, self.labels), GRID_COLUMNS)
        self._grid_at = self.clock.seconds()
        yield Picture("samples", progress.seen, self._grid_at, grid)
        self._grid_cost = self.clock.seconds() - started  # with whatever is done with it

    # ---- the judge

    def prepare(self, progress: GanProgress) -> Iterator[Event]:
        """Compute the real pictures' features, and so learn how long the last judgement takes."""
        started = self.clock.seconds()
        for _ in self.judge.prepare():
            yield Tick()
        assert progress.plan is not None
        each = (self.clock.seconds() - started) / self.judge.cost
        test = min(REFERENCE, len(progress.split.test))
        count = min(REFERENCE, len(progress.split.train)) + test + JUDGED
        reserve = RESERVE_LEAST + RESERVE_MARGIN * count * each
        progress.plan.reserve = min(reserve, RESERVE_MOST * self.config.minutes * 60)

    def look(self, progress: GanProgress) -> Iter[Event, None, bool]:
        """Judge this moment's samples; gives whether they are the best so far."""
        started = self.clock.seconds()
        progress.looked_seen = progress.seen
        if not self.learner.is_sound():  # the next report will say so, and mend it
            progress.after_look(self.config, 0.0)
            return False
        meters, samples = yield from judged(
            self.judge,
            self.learner.ema,
            self.learner.shape.latent_size,
            self.learner.pictures.labels,
            count=self.look_samples,
            progress=progress.share(),
        )
        progress.looks.append(meters.to_json())
        history = [Meters.from_json(look) for look in progress.looks]
        sign, before = collapse_sign(history), progress.collapsed
        progress.collapsed = sign is not None
        if progress.collapsed and not before:
            yield Notice(Message("notice.gan_collapsed", {"seen": progress.seen}))
        best = progress.best_kid is None or meters.kid < progress.best_kid
        if best:
            progress.best_kid, progress.best_seen = meters.kid, progress.seen
        now = self.clock.seconds()
        yield step("look", progress, now, meter_curves(meters))
        facts = {"images_seen": progress.seen, "best": best, "collapsed": progress.collapsed}
        yield Preview("meters", {**meters.to_json(), **facts, "sign": sign})
        if meters.suspicious:
            pairs = suspects_grid(meters, samples, self.learner.pictures.train)
            yield Picture("suspicious", progress.seen, now, pairs)
        progress.after_look(self.config, self.clock.seconds() - started)
        return best

    def save_every(self) -> float:
        """Seconds between two checkpoints."""
        budget = self.config.minutes * 60
        return min(SAVE_LATEST, max(SAVE_SECONDS, SAVE_BUDGET_SHARE * budget))


def grid_latents(shape: GanShape) -> tuple[Tensor, Tensor | None]:
    """The latents of the sample grid, the same for every run of this shape, and their classes."""
    labels = grid_labels(shape.class_count)
    count = len(labels) if labels is not None else GRID_LATENTS
    return latents(count, shape.latent_size, GRID_SEED), labels


def suspects_grid(meters: Meters, samples: Tensor, train: Tensor) -> NDArray[np.uint8]:
    """The most suspicious samples in one row, the training pictures nearest to them below."""
    rows = [suspect.sample for suspect in meters.suspicious]
    nearest = [suspect.train for suspect in meters.suspicious]
    return picture_grid(torch.cat([samples[rows], train[nearest].cpu()]), len(rows))


def judged(
    judge: Judge,
    generator: Generator,
    latent_size: int,
    train_labels: Tensor | None,
    *,
    count: int,
    progress: float,
) -> Iter[Event, None, tuple[Meters, Tensor]]:
    """The meters of ``count`` pictures from fixed latents, and the pictures (N, 3, R, R) uint8.

    The same in every look, so that numbers differ only because the generator does. Classes come
    as often as in ``train_labels``, without which the distance of a perfect generator would not
    be the least.
    """
    z, labels = latents(count, latent_size, LOOK_SEED), None
    if train_labels is not None:
        draws = torch.Generator().manual_seed(LOOK_SEED)
        labels = train_labels.cpu()[torch.randint(len(train_labels), (count,), generator=draws)]
    parts = []
    for start in range(0, count, BATCH):
        rows = slice(start, start + BATCH)
        y = labels[rows] if labels is not None else None
        parts.append(make_pictures(generator, z[rows], y))
        yield Tick()
    samples = torch.cat(parts)
    looking = judge.look(samples, labels, progress=progress)
    while True:
        try:
            next(looking)
        except StopIteration as end:
            return end.value, samples
        yield Tick()


def latents(count: int, size: int, seed: int) -> Tensor:
    """(count, size) standard normal, the same for the same arguments."""
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def meter_curves(meters: Meters) -> dict[str, float]:
    """What of a look is drawn over time."""
    names = ("fd", "kid", "density", "coverage", "variety")
    return {f"gan/{name}": float(getattr(meters, name)) for name in names}


def report(
    config: GanConfig,
    learner: GanLearner,
    progress: GanProgress,
    means: Mapping[str, float],
    clock: Clock,
) -> Step:
    """How the game stands."""
    metrics = {
        "gan/d_loss": means["d_loss"],
        "gan/g_loss": means["g_loss"],
        "gan/real_score": means["real"],
        "gan/fake_score": means["fake"],
        "gan/lr": learner.peak * progress.rate(config),
    }
    if config.augment != "none":
        metrics["gan/augment"] = progress.strength
    return step("train", progress, clock.seconds(), metrics)


def step(phase: str, progress: GanProgress, seconds: float, metrics: Mapping[str, float]) -> Step:
    """Progress as an event."""
    speed = progress.images_per_second
    return Step(phase, progress.seen, seconds, progress.overall(), speed, metrics)
