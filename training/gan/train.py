"""Train a GAN: one loop that reads from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lightning_fabric import Fabric
from torch import Tensor

from training.core.messages import Message
from training.data.imageset import ImageSet
from training.gan.config import GanConfig
from training.gan.evaluate import evaluate_gan
from training.gan.monitor import GanView, report
from training.gan.plan import AUGMENT_EVERY, GanMeter, diverged, retreat
from training.gan.setup import adapts, begin, go_on, smaller_batch
from training.runs.checkpoint import Checkpoint
from training.runs.clock import Clock
from training.runs.events import Event, Notice, Saved, Tick


def train_gan(
    config: GanConfig,
    images: ImageSet,
    *,
    fabric: Fabric,
    resume: Checkpoint | None = None,
    start: Checkpoint | None = None,
    session: float = math.inf,
) -> Iterator[Event]:
    """Train on ``images`` as ``config`` says, and end with ``Finished``.

    Pausing is not iterating, stopping is closing, resuming is passing the last checkpoint: on
    one CPU thread, and with its length given in images, a resumed run ends with the very
    numbers of one that never stopped. ``start`` holds the weights that ``config.start_from``
    names. After ``session`` seconds the loop saves and ends without ``Finished``.

    Raises:
        UserError: too few pictures, too little memory, a game that diverged again and again.
    """
    clock = Clock(resume.state["seconds"] if resume else 0.0, session)
    for event in clock.count(_train(config, images, fabric, resume, start, clock)):
        if fabric.is_global_zero:
            yield event


def _train(
    config: GanConfig,
    images: ImageSet,
    fabric: Fabric,
    resume: Checkpoint | None,
    start: Checkpoint | None,
    clock: Clock,
) -> Iterator[Event]:
    # ---- two networks and a plan, new or as they were
    if resume is None:
        learner, progress = yield from begin(config, images, fabric, start, clock)
        best: dict[str, Tensor] = {}
    else:
        learner, progress = go_on(config, images, fabric, resume)
        best = resume.part("best")
    assert progress.plan is not None

    # ---- what a person sees, and who judges
    view = GanView(config, learner, clock)
    if fabric.is_global_zero:
        yield from view.draw(progress)
        yield from view.prepare(progress)
        if resume is None and start is not None and (yield from view.look(progress)):
            best = learner.weights()  # until training has made something better of the start

    # ---- train
    meter, saved_at = GanMeter(clock, progress.seen), -math.inf  # the first report is kept
    good = Checkpoint(learner.tensors(best), progress.to_json())
    while progress.seen < progress.plan.total:
        rate, penalty = progress.rate(config), progress.penalty(config)
        learner.set_schedule(rate, progress.d_factor, penalty)
        try:
            step = learner.step(progress.seen, progress.strength)
        except RuntimeError as problem:
            yield Notice(smaller_batch(learner, progress, problem))
            continue
        meter.add(step)
        progress.seen += learner.batch_size
        yield Tick()

        # as much augmentation as the discriminator overfits
        if adapts(config, learner) and progress.seen // learner.batch_size % AUGMENT_EVERY == 0:
            progress.adjust_strength(config, learner.overfit(progress.seen, progress.strength))

        # report; go back to the last good weights, or slow a victor down, where there is need
        # (a projected discriminator nearly always wins, and teaches all the same)
        healthy = False
        if progress.seen >= progress.plan.next_report:
            means = learner.mean_over_processes(meter.read(progress))
            healthy = not diverged(means) and learner.is_sound()
            if not healthy:
                yield Notice(retreat(progress, config))
                learner.restore(good)
            else:
                yield report(config, learner, progress, means, clock)
                if not config.teacher and progress.discriminator_won(means["won"]):
                    factor = f"{progress.d_factor:g}"
                    yield Notice(Message("notice.gan_d_won", {"factor": factor}))
            progress.after_report(config, clock.seconds())
            progress.plan = fabric.broadcast(progress.plan)
            progress.strength = fabric.broadcast(progress.strength)

        # the same latents again; and now and then a judgement, which decides what is best
        if fabric.is_global_zero and view.due():
            yield from view.draw(progress)
        looks = fabric.is_global_zero and progress.seen >= progress.plan.next_look
        if looks and (yield from view.look(progress)):
            best = learner.weights()

        # save, in all processes at once: they all may have to go back
        over = healthy and fabric.broadcast(clock.is_over())
        due = over or clock.seconds() >= saved_at + view.save_every()
        if healthy and fabric.broadcast(due):
            progress.seconds = clock.seconds()
            good = Checkpoint(learner.tensors(best), progress.to_json())
            yield Saved(good)
            saved_at = clock.seconds()
            if over:
                return

    # ---- keep the best, and judge it by pictures that decided nothing
    if fabric.is_global_zero:
        yield from view.draw(progress)
        if progress.looked_seen != progress.seen and (yield from view.look(progress)):
            best = learner.weights()
        progress.seconds = clock.seconds()
        last = Checkpoint(learner.tensors(best), progress.to_json())
        yield Saved(last)
        yield from evaluate_gan(config, images, last, fabric=fabric)
