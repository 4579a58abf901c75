"""How a GAN's training begins, or goes on: pictures, networks, speed and plan."""

from __future__ import annotations

import time
from collections.abc import Generator

import torch
from lightning_fabric import Fabric

from models.gans.registry import ARCHITECTURES, GanShape
from training.checkpoint import Checkpoint
from training.events import Event, Notice, Step, Tick
from training.gan_config import USUAL, GanConfig, penalty_weight
from training.gan_learner import GanLearner
from training.gan_pictures import Pictures
from training.gan_plan import GanProgress, make_gan_plan
from training.imageset import ImageSet
from training.plan import Clock
from training.splits import GAN_LEAST, split_for_generator
from training.text import Message, UserError
from training.transfer import carry_over

MEASURE_SECONDS = 0.6  # of training steps tell how fast they are
SMALLEST_BATCH = 4
SHOWN_NAMES = 6
# The images that a network of medium width should see at least; with less time, a narrower one
# that sees more of them makes better pictures.
ENOUGH_IMAGES = 25_000


def begin(
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
    yield Step("prepare", 0, clock.seconds(), 0.0, 0.0)
    batch_size = _batch_size(config, len(split.train), fabric)
    shape = _shape(config, class_count(config, images), start)
    pictures = Pictures.load(images, split, shape, fabric)
    learner, speed = yield from _fitting(config, shape, batch_size, pictures, fabric, start, clock)
    progress = GanProgress(split, learner.shape, learner.batch_size)
    progress.parameters = learner.parameters()
    progress.strength = 0.0 if adapts(config, learner) else _fixed_strength(config)
    if start is not None:
        for notice in _start_from(learner, start):
            yield notice
    progress.plan = fabric.broadcast(
        make_gan_plan(
            config,
            train_count=len(split.train),
            batch_size=learner.batch_size,
            seconds_used=clock.seconds(),
            images_per_second=speed,
        )
    )
    progress.images_per_second = speed
    for notice in _advice(config, images, progress):
        yield notice
    return learner, progress


def go_on(
    config: GanConfig, images: ImageSet, fabric: Fabric, resume: Checkpoint
) -> tuple[GanLearner, GanProgress]:
    """The networks and the state that a checkpoint holds."""
    progress = GanProgress.from_json(resume.state)
    pictures = Pictures.load(images, progress.split, progress.shape, fabric)
    learner = GanLearner(config, progress.shape, progress.batch_size, pictures, fabric)
    learner.restore(resume)
    return learner, progress


def class_count(config: GanConfig, images: ImageSet) -> int:
    """How many classes the networks know: none where the set has fewer than two."""
    every_one_has = bool((images.labels >= 0).all())
    count = len(images.class_names)
    return count if config.conditional and count > 1 and every_one_has else 0


def adapts(config: GanConfig, learner: GanLearner) -> bool:
    """Whether augmentation follows overfitting, which only held-out pictures can tell of."""
    return config.augment == "adaptive" and len(learner.pictures.val) > 0


def smaller_batch(learner: GanLearner, progress: GanProgress, problem: RuntimeError) -> Message:
    """Halve the batch where memory has run out, and say so.

    Raises:
        UserError: the batch is as small as it can be.
        RuntimeError: ``problem`` was something else.
    """
    if not is_out_of_memory(problem):
        raise problem
    together = learner.fabric.world_size > 1  # the others still train on their old share
    if together or learner.batch_size // 2 < SMALLEST_BATCH:
        device = str(learner.fabric.device)
        raise UserError("gan.memory", device=device, batch=learner.batch_size) from problem
    learner.forget_step()
    learner.batch_size //= 2
    progress.batch_size = learner.batch_size
    return Message("notice.gan_memory", {"batch": learner.batch_size})


def is_out_of_memory(problem: RuntimeError) -> bool:
    """Whether a device, or this machine, has no memory left; torch says so in several ways."""
    if isinstance(problem, torch.OutOfMemoryError):
        return True
    text = str(problem).lower()
    return "out of memory" in text or "can't allocate memory" in text


def _batch_size(config: GanConfig, train_count: int, fabric: Fabric) -> int:
    """What was asked for or is usual, in equal parts for all processes."""
    wanted = config.batch_size or USUAL[config.architecture].batch_size
    if config.batch_size is None and fabric.device.type == "cuda":
        wanted *= 2
    share = max(2, min(wanted, 2 * train_count) // fabric.world_size)
    return share * fabric.world_size


def _shape(config: GanConfig, classes: int, start: Checkpoint | None) -> GanShape:
    """The networks as they were asked for: medium width where nothing was, or the start's."""
    entry = ARCHITECTURES[config.architecture]
    width = config.width or entry.widths["medium"]
    if start is not None and config.width is None:
        before = GanShape.from_json(start.state["shape"])
        width = before.width if before.architecture == config.architecture else width
    return GanShape(
        config.architecture,
        config.resolution,
        classes,
        width,
        entry.latent_size,
        batch_norm=penalty_weight(config) == 0,
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
    """Networks of the width that suits the time, as they begin, and their images per second."""
    widths = [shape.width]
    if config.width is None and config.images is None and start is None:
        widths.append(ARCHITECTURES[config.architecture].widths["small"])
    for place, width in enumerate(widths):
        chosen = GanShape.from_json({**shape.to_json(), "width": width})
        speed = fabric.broadcast(
            (yield from _measure(config, chosen, batch_size, pictures, fabric))
        )
        left = config.minutes * 60 - clock.seconds()
        if left * speed >= ENOUGH_IMAGES or place + 1 == len(widths):
            break
    torch.manual_seed(config.seed)
    learner = GanLearner(config, chosen, batch_size, pictures, fabric)
    return learner, speed


def _measure(
    config: GanConfig, shape: GanShape, batch_size: int, pictures: Pictures, fabric: Fabric
) -> Generator[Event, None, float]:
    """Images per second, on networks that are thrown away; the first step is not timed."""
    if config.images is not None:
        return 1.0  # a reproducible run does not look at the clock
    trial = GanLearner(config, shape, batch_size, pictures, fabric)
    strength = _fixed_strength(config) / 2
    trial.step(0, strength).d_loss.item()
    seconds, steps = 0.0, 0
    # One process's clock decides for all: they have to make the same steps.
    while fabric.broadcast(seconds < MEASURE_SECONDS or steps < 3):
        yield Tick()  # whatever the listener does now is not counted
        started = time.monotonic()
        steps += 1
        trial.step(steps * batch_size, strength).d_loss.item()  # waits for the device
        seconds += time.monotonic() - started
    return steps * batch_size / seconds


def _fixed_strength(config: GanConfig) -> float:
    return 0.0 if config.augment == "none" else config.augment_strength


def _start_from(learner: GanLearner, start: Checkpoint) -> list[Notice]:
    """Carry all three networks over; tells what keeps its random start."""
    left = [
        f"{part}.{name}"
        for part, weights in (
            ("generator", start.part("generator")),
            ("discriminator", start.part("discriminator")),
        )
        for name in carry_over(getattr(learner, part), weights)
    ]
    learner.ema.load_state_dict(learner.generator.state_dict())
    if not left:
        return [Notice(Message("notice.gan_carried"))]
    names = ", ".join(_short(left))
    return [Notice(Message("notice.gan_carried_not", {"count": len(left), "names": names}))]


def _short(names: list[str]) -> list[str]:
    """The layers of these weights, no more than a person reads."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    return layers[:SHOWN_NAMES] + ["…"] * (len(layers) > SHOWN_NAMES)


def _advice(config: GanConfig, images: ImageSet, progress: GanProgress) -> list[Notice]:
    """The plan, and what a set like this one can and can't give."""
    assert progress.plan is not None
    count = len(progress.split.train)
    notices = [Notice(progress.plan.message(count, progress.shape))]
    if not len(progress.split.val):
        values = {"count": count, "least": GAN_LEAST}
        notices.append(Notice(Message("notice.gan_tiny", values)))
    if config.teacher:
        notices.append(Notice(Message("notice.gan_teacher", {"teacher": config.teacher})))
    if config.conditional and not progress.shape.class_count:
        notices.append(Notice(Message("notice.gan_unconditional")))
    return notices
