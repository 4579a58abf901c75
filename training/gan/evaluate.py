"""The final evaluation of a GAN.

The best generator against test pictures, which took no part in any choice.
"""

from __future__ import annotations

from collections.abc import Generator as EventGenerator
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.gans.layers import Generator
from models.gans.registry import GanShape
from training.core.media import picture_grid
from training.data.batches import load_squares
from training.data.imageset import ImageSet
from training.data.splits import Indices
from training.features.judge import choose_judge
from training.features.space import FeatureSpace
from training.gan.config import GanConfig
from training.gan.monitor import (
    EVAL_SAMPLES,
    FINAL_SAMPLES,
    evaluate_samples,
    grid_latents,
    suspects_grid,
)
from training.gan.progress import GanProgress
from training.latent.choice import BEST, LAST, add_other
from training.latent.sampler import GRID_COLUMNS, generator_from, make_pictures
from training.metrics.evaluation import GanMetrics, looks_collapsed
from training.metrics.evaluator import GanEvaluator
from training.runs.checkpoint import Checkpoint, pack
from training.runs.events import Event, Finished, Log, Picture


def evaluate_gan(
    config: GanConfig, images: ImageSet, last: Checkpoint, *, fabric: Fabric
) -> Iterator[Event]:
    """Evaluate the best generator inside the checkpoint ``last`` and end with ``Finished``.

    The last step of a whole run, and all that remains to be done for one that was stopped.
    """
    progress = GanProgress.from_json(last.state)
    shape, split, side = progress.shape, progress.split, progress.shape.resolution
    device, space = fabric.device, choose_judge(fabric.device)
    rows = np.random.default_rng(config.seed).permutation(split.train)[: progress.plan.pool]
    train = load_squares(images, rows, side, device)
    labels, test_labels = (_labels(images, shape, part) for part in (rows, split.test))

    weights = yield from _chosen(config, images, last, progress, space, (train, labels))
    test = load_squares(images, split.test, side, device)
    evaluator = GanEvaluator(
        space, train, test, labels, test_labels, pool=len(train), seed=config.seed
    )
    found: dict[str, Any] = {}
    generators = {BEST: weights}
    if progress.evaluations.best_seen != progress.images_seen and last.part("ema"):
        generators[LAST] = last.part("ema")
    for name, kept in generators.items():
        generator = _placed(shape, kept, device)
        metrics, samples = yield from evaluate_samples(
            evaluator, generator, shape.latent_size, labels, count=FINAL_SAMPLES, progress=1.0
        )
        z, grid_classes = grid_latents(shape)
        grid = picture_grid(make_pictures(generator, z, grid_classes), GRID_COLUMNS)
        seen = progress.images_seen if name == LAST else progress.evaluations.best_seen
        yield Picture(name, seen, progress.seconds, grid)
        if metrics.suspicious:
            pairs = suspects_grid(metrics, samples, train)
            yield Picture(f"{name}_suspicious", seen, progress.seconds, pairs)
        found[name] = metrics

    result = _result(config, images, progress, found, str(device))
    yield Log("done", progress.images_seen, progress.seconds, 1.0, progress.images_per_second)
    model = gan_checkpoint(images, shape, weights, last.part("discriminator"))
    if LAST in generators:
        model = add_other(model, generators[LAST])
    yield Finished(result, model)


def _chosen(
    config: GanConfig,
    images: ImageSet,
    last: Checkpoint,
    progress: GanProgress,
    space: FeatureSpace,
    learned: tuple[Tensor, Tensor | None],
) -> EventGenerator[Event, None, Mapping[str, Tensor]]:
    """The weights of the best generator in ``last``; notes in ``progress`` which it is.

    A run that was stopped may have learned more since its last evaluation.
    """
    evaluations, shape, split = progress.evaluations, progress.shape, progress.split
    weights, newest = last.part("best"), last.part("ema")
    if not weights:
        evaluations.keep(progress.images_seen)
        return newest
    if not newest or evaluations.last_seen == progress.images_seen:
        return weights
    val = load_squares(images, split.val, shape.resolution, space.device)
    train, labels = learned
    evaluator = GanEvaluator(
        space, train, val, labels, _labels(images, shape, split.val), seed=config.seed
    )

    def measured(candidate: Mapping[str, Tensor]) -> EventGenerator[Event, None, GanMetrics]:
        generator = _placed(shape, candidate, space.device)
        metrics, _ = yield from evaluate_samples(
            evaluator, generator, shape.latent_size, labels, count=EVAL_SAMPLES, progress=1.0
        )
        return metrics

    latest = yield from measured(newest)
    if evaluations.best_space != latest.criterion[0]:  # an earlier version measured otherwise
        evaluations.measure_best_anew((yield from measured(weights)))
    if evaluations.is_best(latest):
        weights = newest
        evaluations.keep(progress.images_seen)
    return weights


def _labels(images: ImageSet, shape: GanShape, rows: Indices) -> Tensor | None:
    """(len(rows),) classes, where the networks know some."""
    return torch.from_numpy(images.labels[rows]) if shape.class_count else None


def _placed(shape: GanShape, weights: Mapping[str, Tensor], device: torch.device) -> Generator:
    """As it was while it learned: in another memory layout the last digits would be others."""
    placed: Generator = generator_from(shape, weights).to(
        device,
        memory_format=torch.channels_last,  # type: ignore[call-overload]
    )
    return placed


def gan_checkpoint(
    images: ImageSet,
    shape: GanShape,
    generator: Mapping[str, Tensor],
    discriminator: Mapping[str, Tensor],
) -> Checkpoint:
    """Both networks, with all that is needed to sample from one or to go on with the other set."""
    about = {
        "kind": "gan",
        "shape": shape.to_json(),
        "class_names": list(images.class_names) if shape.class_count else [],
    }
    return Checkpoint(pack(generator=generator, discriminator=discriminator), about)


def _result(
    config: GanConfig,
    images: ImageSet,
    progress: GanProgress,
    found: Mapping[str, GanMetrics],
    device: str,
) -> dict[str, Any]:
    shape, split, metrics = progress.shape, progress.split, found[BEST]
    return {
        "kind": "gan",
        "architecture": shape.architecture,
        "loss": config.objective,
        "resolution": shape.resolution,
        "width": shape.width,
        "conditional": shape.class_count > 0,
        "class_names": list(images.class_names) if shape.class_count else [],
        "parameters": progress.parameters,
        "train_images": len(split.train),
        "evaluated_on": split.origin if metrics.reference == "held_out" else "train",
        "batch_size": progress.batch_size,
        "images_seen": progress.images_seen,
        "best_seen": progress.evaluations.best_seen,
        "seconds": progress.seconds,
        "images_per_second": progress.images_per_second,
        "device": device,
        "collapsed": progress.evaluations.collapsed,
        **_about_generator(BEST, progress.evaluations.best_seen, found[BEST]),
        "other": (
            _about_generator(LAST, progress.images_seen, found[LAST]) if LAST in found else None
        ),
    }


def _about_generator(name: str, images_seen: int, metrics: GanMetrics) -> dict[str, Any]:
    """What a result says of the generator in use, and below "other" of the one that is not."""
    return {
        "kept": name,
        "kept_seen": images_seen,
        "kept_collapsed": looks_collapsed(metrics),
        "fd": metrics.fd,
        "kid": metrics.kid,
        "density": metrics.density,
        "coverage": metrics.coverage,
        "meters": metrics.to_json(),
    }
