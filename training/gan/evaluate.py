"""The judgement at the end: the best generator against pictures that decided nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.gans.registry import GanShape
from training.core.media import picture_grid
from training.data.batches import load_squares
from training.data.imageset import ImageSet
from training.features.space import choose_feature_space
from training.gan.config import GanConfig
from training.gan.monitor import JUDGED, LOOK_SAMPLES, grid_latents, judged, suspects_grid
from training.gan.plan import GanProgress
from training.latent.sampler import GRID_COLUMNS, generator_from, make_pictures
from training.metrics.evaluator import REFERENCE, Judge, Meters, looks_collapsed
from training.runs.checkpoint import Checkpoint, pack
from training.runs.events import Event, Finished, Picture, Step


def evaluate_gan(
    config: GanConfig, images: ImageSet, last: Checkpoint, *, fabric: Fabric
) -> Iterator[Event]:
    """Judge the best generator inside the checkpoint ``last`` and end with ``Finished``.

    The last step of a whole run, and all that remains to be done for one that was stopped.
    """
    progress = GanProgress.from_json(last.state)
    shape, split, side = progress.shape, progress.split, progress.shape.resolution
    device, space = fabric.device, choose_feature_space(fabric.device)
    rows = np.random.default_rng(config.seed).permutation(split.train)[:REFERENCE]
    train = load_squares(images, rows, side, device)
    labels = torch.from_numpy(images.labels[rows]) if shape.class_count else None

    # A run that was stopped may have learned more since the last look than it had by then.
    weights, newest = last.part("best"), last.part("ema")
    if not weights:
        weights, progress.best_seen = newest, progress.seen
    elif newest and progress.looked_seen != progress.seen:
        val = load_squares(images, split.val, side, device)
        judge = Judge(space, train, val, labels, seed=config.seed)
        generator = generator_from(shape, newest).to(device)
        meters, _ = yield from judged(
            judge, generator, shape.latent_size, labels, count=LOOK_SAMPLES, progress=1.0
        )
        if progress.best_kid is None or meters.kid < progress.best_kid:
            weights, progress.best_seen = newest, progress.seen

    generator = generator_from(shape, weights).to(device)
    test = load_squares(images, split.test, side, device)
    judge = Judge(space, train, test, labels, seed=config.seed)
    meters, samples = yield from judged(
        judge, generator, shape.latent_size, labels, count=JUDGED, progress=1.0
    )
    z, grid_classes = grid_latents(shape)
    best = picture_grid(make_pictures(generator, z, grid_classes), GRID_COLUMNS)
    yield Picture("best", progress.seen, progress.seconds, best)
    if meters.suspicious:
        pairs = suspects_grid(meters, samples, train)
        yield Picture("best_suspicious", progress.seen, progress.seconds, pairs)

    result = _result(config, images, progress, meters, str(device))
    yield Step("done", progress.seen, progress.seconds, 1.0, progress.images_per_second)
    yield Finished(result, model_checkpoint(images, shape, weights, last.part("discriminator")))


def model_checkpoint(
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
    config: GanConfig, images: ImageSet, progress: GanProgress, meters: Meters, device: str
) -> dict[str, Any]:
    shape, split = progress.shape, progress.split
    return {
        "kind": "gan",
        "architecture": shape.architecture,
        "loss": config.loss,
        "resolution": shape.resolution,
        "width": shape.width,
        "conditional": shape.class_count > 0,
        "class_names": list(images.class_names) if shape.class_count else [],
        "parameters": progress.parameters,
        "train_images": len(split.train),
        "evaluated_on": split.origin if meters.reference == "held_out" else "train",
        "batch_size": progress.batch_size,
        "images_seen": progress.seen,
        "best_seen": progress.best_seen,
        "seconds": progress.seconds,
        "images_per_second": progress.images_per_second,
        "device": device,
        "collapsed": progress.collapsed,
        "kept_collapsed": looks_collapsed(meters),
        "fd": meters.fd,
        "kid": meters.kid,
        "density": meters.density,
        "coverage": meters.coverage,
        "meters": meters.to_json(),
    }
