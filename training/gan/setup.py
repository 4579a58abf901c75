"""Networks, speed and plan at the start."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from models.gans.registry import ARCHITECTURES, MAX_CLASSES, GanShape
from training.core.device import is_out_of_memory
from training.core.messages import Message, UserError
from training.data.imageset import ImageSet
from training.data.splits import GAN_MIN, Indices, split_for_generator
from training.gan.config import USUAL, GanConfig, penalty_weight
from training.gan.images import Pictures
from training.gan.learner import GanLearner
from training.gan.plan import class_start, make_gan_plan
from training.gan.progress import AdaptiveAugment, GanProgress
from training.gan.transfer import carry_over
from training.runs.checkpoint import Checkpoint
from training.runs.clock import Clock
from training.runs.events import Event, Log, Notice, Tick

# Training steps that tell how fast they are: seconds, steps, and at most this share of the time.
MEASURE_SECONDS, MEASURE_STEPS, MEASURE_MAX_SHARE = 0.6, 3, 0.03
MIN_BATCH = 4
SHOWN_NAMES = 6
LIKE_THE_START = ("width", "smooth_from", "backbone_side")  # of a GAN that another starts from
# The images that a network of medium width should see at least; with less time, a narrower one
# that sees more of them makes better pictures. Through a backbone, where a narrower one is nearly
# twice as fast, more: docs/measured.md. With plenty, a wider one has time to learn.
ENOUGH_IMAGES, ENOUGH_THROUGH_BACKBONE, PLENTY_IMAGES = 25_000, 50_000, 2_000_000


def start_training(
    config: GanConfig,
    images: ImageSet,
    fabric: Fabric,
    start: Checkpoint | None,
    clock: Clock,
) -> Generator[Event, None, tuple[GanLearner, GanProgress]]:
    """Make the networks that fit the device and the time, and plan how long they train."""
    split = split_for_generator(images, config.seed)
    if split.leaked:
        yield Notice(Message("notice.leaked", {"count": split.leaked}))
    yield Log("prepare", 0, clock.seconds(), 0.0, 0.0)
    batch_size = _batch_size(config, len(split.train), fabric)
    shape = _shape(config, class_count(config, images, split.train), start)
    pictures = Pictures.load(images, split, shape, fabric)
    learner, speed = yield from _fitting(config, shape, batch_size, pictures, fabric, start, clock)
    frozen = 0
    if start is not None:
        frozen = yield from _start_from(learner, start)
    plan = make_gan_plan(
        config,
        train_count=len(split.train),
        batch_size=learner.batch_size,
        seconds_used=clock.seconds(),
        images_per_second=speed,
    )
    progress = GanProgress(
        split,
        learner.shape,
        fabric.broadcast(plan),
        learner.batch_size,
        images_per_second=speed,
        frozen=frozen,
        parameters=learner.parameters(),
        augment=AdaptiveAugment(0.0 if uses_ada(config, learner) else _fixed_p(config)),
    )
    yield from _advice(config, images, progress)
    return learner, progress


def resume_training(
    config: GanConfig, images: ImageSet, fabric: Fabric, resume: Checkpoint
) -> tuple[GanLearner, GanProgress]:
    """The networks and the state that a checkpoint holds."""
    progress = GanProgress.from_json(resume.state)
    pictures = Pictures.load(images, progress.split, progress.shape, fabric)
    learner = GanLearner(config, progress.shape, progress.batch_size, pictures, fabric)
    learner.freeze(progress.frozen)
    learner.load_state_dict(resume)
    return learner, progress


def class_count(config: GanConfig, images: ImageSet, train: Indices) -> int:
    """How many classes the networks know; 0 where ``why_unconditional`` has a reason."""
    wanted = config.conditional and why_unconditional(images, train) is None
    return len(images.class_names) if wanted else 0


def why_unconditional(images: ImageSet, train: Indices) -> Message | None:
    """What keeps a generator from learning the classes of the ``train`` pictures, if anything."""
    count = len(images.class_names)
    if count < 2 or not (images.labels >= 0).all():
        return Message("notice.gan_unconditional")
    if count > MAX_CLASSES:
        return Message("notice.gan_many_classes", {"count": count, "most": MAX_CLASSES})
    if len(np.unique(images.labels[train])) < count:
        return Message("notice.gan_missing_class")
    return None


def uses_ada(config: GanConfig, learner: GanLearner) -> bool:
    """Whether augmentation follows overfitting, which only held-out pictures can tell of."""
    return config.augment == "adaptive" and len(learner.pictures.val) > 0


def smaller_batch(learner: GanLearner, progress: GanProgress, problem: RuntimeError) -> Message:
    """Halve the batch where memory has run out in the middle of a step, and say so.

    Raises:
        UserError: the batch is as small as it can be.
        RuntimeError: ``problem`` was something else.
    """
    learner.batch_size = half_batch(learner.batch_size, learner.fabric, problem)
    learner.forget_step()
    progress.batch_size = learner.batch_size
    return Message("notice.gan_memory", {"batch": learner.batch_size})


def half_batch(batch_size: int, fabric: Fabric, problem: RuntimeError) -> int:
    """Half of ``batch_size``, if ``problem`` is that memory has run out.

    Raises:
        UserError: the batch is as small as it can be.
        RuntimeError: ``problem`` was something else.
    """
    if not is_out_of_memory(problem):
        raise problem
    together = fabric.world_size > 1  # the others still train on their old share
    if together or batch_size // 2 < MIN_BATCH:
        raise UserError("gan.memory", device=str(fabric.device), batch=batch_size) from problem
    return batch_size // 2


def _batch_size(config: GanConfig, train_count: int, fabric: Fabric) -> int:
    """What was asked for or is usual, in equal parts for all processes."""
    wanted = config.batch_size or USUAL[config.architecture].batch_size
    if config.batch_size is None and fabric.device.type == "cuda":
        wanted *= 2
    share = max(2, min(wanted, 2 * train_count) // fabric.world_size)
    return share * fabric.world_size


def _shape(config: GanConfig, classes: int, start: Checkpoint | None) -> GanShape:
    """The networks as they were asked for: built like the start's where that is of their kind."""
    entry = ARCHITECTURES[config.architecture]
    like: dict[str, Any] = {"width": entry.widths["medium"]}
    if start is not None:
        before = GanShape.from_json(start.state["shape"])
        if before.architecture == config.architecture:
            like = {name: getattr(before, name) for name in LIKE_THE_START}
    if config.width:
        like["width"] = config.width
    return GanShape(
        config.architecture,
        config.resolution,
        classes,
        latent_size=entry.latent_size,
        batch_norm=penalty_weight(config) == 0,
        **like,
    )


def _fitting(
    config: GanConfig,
    shape: GanShape,
    batch_size: int,
    pictures: Pictures,
    fabric: Fabric,
    start: Checkpoint | None,
    clock: Clock,
) -> Generator[Event, None, tuple[GanLearner, float]]:
    """Networks of the width that suits the time, as they begin, and their images per second.

    A run whose length is given in images is reproducible: it does not look at the clock, its
    width is the medium one, and its speed is 0, unknown.
    """
    speed, widths = 0.0, ARCHITECTURES[config.architecture].widths
    if config.images is None:
        batch_size, speed = yield from _measure(config, shape, batch_size, pictures, fabric)
        left = fabric.broadcast(config.minutes * 60 - clock.seconds())
        other, enough = None, ENOUGH_THROUGH_BACKBONE if config.d_backbone else ENOUGH_IMAGES
        if config.width is None and start is None:
            if left * speed < enough:
                other = widths["small"]
            elif left * speed > PLENTY_IMAGES:
                other = widths["large"]
        if other is not None:
            changed = GanShape.from_json({**shape.to_json(), "width": other})
            size, fast = yield from _measure(config, changed, batch_size, pictures, fabric)
            if other < shape.width or left * fast > enough:
                shape, batch_size, speed = changed, size, fast
    torch.manual_seed(config.seed)
    return GanLearner(config, shape, batch_size, pictures, fabric), speed


def _measure(
    config: GanConfig, shape: GanShape, batch_size: int, pictures: Pictures, fabric: Fabric
) -> Generator[Event, None, tuple[int, float]]:
    """The batch that memory has room for, and images per second, on networks thrown away."""
    while True:
        try:
            speed = yield from _speed(config, shape, batch_size, pictures, fabric)
            return batch_size, speed
        except RuntimeError as problem:
            batch_size = half_batch(batch_size, fabric, problem)
        # Out of the handler, whose traceback holds on to the failed step's tensors.
        if fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        yield Notice(Message("notice.gan_memory", {"batch": batch_size}))


def _speed(
    config: GanConfig, shape: GanShape, batch_size: int, pictures: Pictures, fabric: Fabric
) -> Generator[Event, None, float]:
    """Images per second; the first step is not counted unless it alone takes too long."""
    trial = GanLearner(config, shape, batch_size, pictures, fabric)
    augment_p, most = _fixed_p(config) / 2, MEASURE_MAX_SHARE * config.minutes * 60
    # The first one and one of ``every`` others are steps in which the generator learns, too.
    every = trial.objective.d_steps
    fewest = max(MEASURE_STEPS, every + 1)
    seconds, steps, warm_up = 0.0, 0, 0.0
    # One process's clock decides for all: they have to make the same steps.
    while fabric.broadcast(
        steps == 0 or ((seconds < MEASURE_SECONDS or steps < fewest) and warm_up + seconds < most)
    ):
        yield Tick()  # whatever the listener does now is not counted
        started = time.monotonic()
        trial.step(
            (steps + every - 1) * batch_size, augment_p
        ).d_loss.item()  # waits for the device
        took, steps = time.monotonic() - started, steps + 1
        warm_up, seconds = (took, 0.0) if steps == 1 else (warm_up, seconds + took)
    counted = (steps - 1, seconds) if steps > 1 else (1, warm_up)
    speed: float = fabric.broadcast(counted[0] * batch_size / counted[1])
    return speed


def _fixed_p(config: GanConfig) -> float:
    return 0.0 if config.augment == "none" else config.augment_strength


def _start_from(learner: GanLearner, start: Checkpoint) -> Generator[Event, None, int]:
    """Carry all three networks over and freeze what is to be frozen; tells what could not be.

    Gives how many of the discriminator's stages are frozen.
    """
    left = carry_over(learner.generator, start.part("generator"))
    d_left = carry_over(learner.discriminator, start.part("discriminator"))
    learner.average.load(learner.generator.state_dict())
    names = [f"generator.{name}" for name in left] + [f"discriminator.{name}" for name in d_left]
    if names:
        values = {"count": len(names), "names": ", ".join(_short(names))}
        yield Notice(Message("notice.gan_carried_not", values))
    else:
        yield Notice(Message("notice.gan_carried"))
    frozen, wanted = 0, learner.config.freeze_d
    while frozen < min(wanted, len(learner.discriminator.stages)):
        stage = list(learner.discriminator.blocks)[frozen]
        if any(name.startswith(f"blocks.{stage}.") for name in d_left):
            break  # to freeze what is random would keep it random
        frozen += 1
    learner.freeze(frozen)
    if frozen < wanted:
        values = {"count": frozen, "wanted": wanted}
        yield Notice(Message("notice.gan_freeze_less", values))
    return frozen


def _too_short(config: GanConfig, progress: GanProgress, fewest: int) -> Message:
    """That the time is too short for this network, and how much it takes where that is known."""
    total, speed = progress.plan.total, progress.images_per_second
    values: dict[str, Any] = {"total": total}
    if not speed:
        return Message("notice.gan_short", values)
    spent = config.minutes * 60 - total / speed  # on all that is not training
    values["minutes"] = max(
        math.floor(config.minutes) + 1, math.ceil((fewest / speed + spent) / 60)
    )
    is_slow = fewest > USUAL["dcgan"].fewest_images
    return Message("notice.gan_short_slow" if is_slow else "notice.gan_short_minutes", values)


def _short(names: list[str]) -> list[str]:
    """The layers of these weights, no more than a person reads."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return layers[:SHOWN_NAMES] + ["…"] * (len(layers) > SHOWN_NAMES)


def _advice(config: GanConfig, images: ImageSet, progress: GanProgress) -> Iterator[Notice]:
    """The plan, and what a set like this one can and can't give."""
    count = len(progress.split.train)
    yield Notice(progress.plan.message(count, progress.shape))
    fewest, total = USUAL[config.architecture].fewest_images, progress.plan.total
    is_short = total < min(fewest, progress.plan.most)
    if is_short and not config.start_from:
        yield Notice(_too_short(config, progress, fewest))
    if not len(progress.split.val):
        yield Notice(Message("notice.gan_tiny", {"count": count, "least": GAN_MIN}))
    if config.d_backbone:
        # The sentence's name and place are as in the events of older runs.
        yield Notice(Message("notice.gan_teacher", {"teacher": config.d_backbone}))
    if progress.shape.class_count and (start := class_start(config)):
        values = {"start": f"{100 * start:.0f} %", "end": f"{200 * start:.0f} %"}
        yield Notice(Message("notice.gan_classes", values))
    reason = why_unconditional(images, progress.split.train)
    if config.conditional and reason is not None:
        yield Notice(reason)
