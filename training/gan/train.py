"""The training loop of a GAN."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lightning_fabric import Fabric
from torch import Tensor

from training.core.messages import Message
from training.data.imageset import ImageSet
from training.gan.config import GanConfig
from training.gan.evaluate import evaluate_gan
from training.gan.means import GanRunningMean, diverged
from training.gan.monitor import GanMonitor, report
from training.gan.plan import class_share, lr_factor, penalty_factor
from training.gan.progress import ADA_EVERY
from training.gan.setup import resume_training, smaller_batch, start_training, uses_ada
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
    # Networks, optimizers and a plan: new ones, or as the checkpoint left them. ``best`` are the
    # weights of the generator that is kept; empty until the first evaluation.
    if resume is None:
        learner, progress = yield from start_training(config, images, fabric, start, clock)
        best: dict[str, Tensor] = {}
    else:
        learner, progress = resume_training(config, images, fabric, resume)
        best = resume.part("best")

    # Only rank 0 draws and measures. A start is measured before its first step, so that its curve
    # tells what training added.
    monitor = GanMonitor(config, learner, clock)
    if fabric.is_global_zero:
        yield from monitor.draw(progress)
        yield from monitor.prepare(progress)
        if resume is None and start is not None:
            yield from monitor.evaluate(progress)

    # ``good`` is where a diverged game goes back to. Nothing is on disk yet, so the first report
    # that is healthy saves at once.
    running_mean, saved_at = GanRunningMean(clock, progress.images_seen), -math.inf
    good = Checkpoint(learner.state_dict(best), progress.to_json())

    while progress.images_seen < progress.plan.total:
        # One step of each network. Rates follow the share of the run that is done, not steps, so
        # that a plan that gets longer or shorter on the way still ends at the lowest rate.
        share, balance = progress.share(), progress.balance
        rate = balance.rate_factor * lr_factor(config, share)
        learner.set_schedule(
            rate, balance.d_factor, penalty_factor(config, share), class_share(config, share)
        )
        try:
            step = learner.step(progress.images_seen, progress.augment.p)
        except RuntimeError as problem:
            # Out of memory: try the same images again in a smaller batch; all else is raised.
            yield Notice(smaller_batch(learner, progress, problem))
            continue
        running_mean.add(step)
        progress.images_seen += learner.batch_size
        yield Tick()

        # Augment as much as the discriminator overfits (ADA).
        steps = progress.images_seen // learner.batch_size
        if uses_ada(config, learner) and steps % ADA_EVERY == 0:
            overfit = learner.overfit(progress.images_seen, progress.augment.p)
            progress.update_augment(config, overfit)

        # Report. Reading the means waits for the device, so it happens about once a second, and
        # whether the game is still healthy is only asked then.
        healthy = False
        if progress.images_seen >= progress.plan.next_report:
            means = learner.mean_over_processes(running_mean.read(progress))
            healthy = not diverged(means) and learner.is_sound()
            if not healthy:
                yield Notice(balance.halve_rates(config.objective))
                learner.load_state_dict(good)
            else:
                yield report(config, learner, progress, means, clock)
                # A projected discriminator nearly always wins, and teaches all the same.
                if not config.d_backbone and balance.discriminator_won(
                    means["d_rank_accuracy"], progress.share()
                ):
                    factor = f"{balance.d_factor:g}"
                    yield Notice(Message("notice.gan_d_won", {"factor": factor}))
            progress.after_report(config, clock.seconds())
            # Clocks differ between processes, and all have to make the same number of steps.
            progress.plan = fabric.broadcast(progress.plan)
            progress.augment = fabric.broadcast(progress.augment)

        # Draw the same latents again, and now and then measure, which decides what is best.
        if fabric.is_global_zero and monitor.due():
            yield from monitor.draw(progress)
        evaluates = fabric.is_global_zero and progress.images_seen >= progress.plan.next_eval
        if evaluates and (yield from monitor.evaluate(progress)):
            best = learner.weights()

        # Save, in all processes at once: they all may have to go back.
        over = healthy and fabric.broadcast(clock.is_over())
        due = over or clock.seconds() >= saved_at + monitor.save_every()
        if healthy and fabric.broadcast(due):
            progress.seconds = clock.seconds()
            good = Checkpoint(learner.state_dict(best), progress.to_json())
            yield Saved(good)
            saved_at = clock.seconds()
            if over:
                return

    # Keep the best, and evaluate it on pictures that took no part in any choice.
    if fabric.is_global_zero:
        yield from monitor.draw(progress)
        is_new = progress.evaluations.last_seen != progress.images_seen
        if is_new and (yield from monitor.evaluate(progress)):
            best = learner.weights()
        progress.seconds = clock.seconds()
        last = Checkpoint(learner.state_dict(best), progress.to_json())
        yield Saved(last)
        yield from evaluate_gan(config, images, last, fabric=fabric)
