"""The training loop of a classifier."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping

import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.classifiers import Classifier
from models.registry import BACKBONES, HEAD_STAGES, create_model, restore_model
from models.weights import WeightsUnavailable
from training.classifier.config import ClassifierConfig
from training.classifier.evaluate import evaluate_classifier
from training.classifier.head import fit_head
from training.classifier.learner import Learner
from training.classifier.plan import (
    ClassifierProgress,
    RunningMean,
    early_share,
    make_plan,
    range_test_steps,
)
from training.classifier.schedule import DEFAULT_RATES, choose_rate, range_test_rates
from training.core.messages import Message, UserError
from training.data.imageset import ImageSet
from training.data.splits import split_images
from training.features.backbones import weights_missing
from training.runs.checkpoint import Checkpoint, pack
from training.runs.clock import Clock
from training.runs.events import Event, Log, Notice, Preview, Saved, Tick

RANGE_STOP = 2.5  # times the lowest loss: the range test has seen enough
MEASURE_SECONDS = 0.5  # of training steps tell how fast they are


def train_classifier(
    config: ClassifierConfig,
    images: ImageSet,
    *,
    fabric: Fabric,
    resume: Checkpoint | None = None,
    session: float = math.inf,
) -> Iterator[Event]:
    """Train on ``images`` as ``config`` says, and end with ``Finished``.

    Pausing is not iterating, stopping is closing, resuming is passing the last checkpoint: on
    one CPU thread, and with its length given in images, a resumed run ends with the very
    numbers of one that never stopped. After ``session`` seconds the loop validates
    once more, saves and ends without ``Finished``.

    Raises:
        UserError: too few pictures or classes, weights that can't be had, a loss that diverged.
    """
    clock = Clock(resume.state["seconds"] if resume else 0.0, session)
    for event in clock.count(_train(config, images, fabric, resume, clock)):
        if fabric.is_global_zero:
            yield event


def _train(
    config: ClassifierConfig,
    images: ImageSet,
    fabric: Fabric,
    resume: Checkpoint | None,
    clock: Clock,
) -> Iterator[Event]:
    # Split the pictures and make the network, or take both from the checkpoint. ``best`` are the
    # weights with the lowest validation loss so far.
    if resume is None:
        progress = ClassifierProgress(split_images(images, config.seed), peak_rate=config.lr)
        if progress.split.leaked:
            yield Notice(Message("notice.leaked", {"count": progress.split.leaked}))
        torch.manual_seed(config.seed)  # a new head, or the whole random start
        model = _create(config, images)
        clock.restart()  # a download is not training
        # LP-FT begins with a linear head on frozen features, since a random one would distort the
        # pretrained layers below it (arXiv 2202.10054). For "quick" that head is all there is.
        if config.method in ("quick", "lp_ft"):
            yield from fit_head(config, images, model, progress, fabric.device, clock)
        best: dict[str, Tensor] = {}
    else:
        # Copies: training changes weights in place, and the checkpoint is somebody else's.
        weights = {name: weight.clone() for name, weight in resume.part("model").items()}
        model = restore_model(config.backbone, len(images.class_names), weights)
        progress = ClassifierProgress.from_json(resume.state)
        best = resume.part("best")

    if config.method == "quick":  # nothing more to learn
        weights = model.state_dict()
        progress.images_seen = len(progress.split.train) + len(progress.split.val)
        progress.seconds = clock.seconds()
        last = Checkpoint(pack(model=weights, best=weights), progress.to_json())
        yield Saved(last)
        yield from evaluate_classifier(config, images, last, fabric=fabric)
        return

    # Pictures on the device, a learning rate, and a length that fits the time. The speed is
    # measured on a copy of the network, so that measuring changes nothing.
    now = clock.seconds()
    done = progress.overall() if progress.plan else early_share(config, now)
    yield Log("prepare", progress.images_seen, now, done, 0.0)
    learner = Learner(config, images, progress.split, model, fabric)
    if resume is not None:
        learner.load_state_dict(resume.part("optimizer"), resume.part("start"))
    if progress.plan is None:
        step_seconds = yield from _measure(learner)
        if progress.peak_rate is None:
            progress.peak_rate = yield from _find_rate(learner, clock, step_seconds)
        if config.method == "lp_ft":  # what follows must not be worse than the head alone
            best, progress.best_loss = learner.weights(), learner.validate()[0]
        else:  # with a head that knows nothing the curves begin at chance
            yield _log(progress, clock, learner.measure_start())
        progress.plan = make_plan(
            config,
            train_count=len(progress.split.train),
            val_count=len(progress.split.val),
            test_count=len(progress.split.test),
            seconds_used=clock.seconds(),
            images_per_second=config.batch_size / step_seconds,
        )
        yield Notice(progress.plan.message(len(progress.split.train)))
    plan = progress.plan

    running_mean = RunningMean(clock, progress.images_seen)
    while progress.images_seen < plan.total:
        # The schedule follows the share of the run that is done, not the number of steps: the plan
        # gets longer or shorter with the speed, and the rate has to reach its end all the same.
        learner.set_schedule(progress.peak_rate or 0.0, progress.share())
        _, loss, right = learner.step(progress.images_seen)
        progress.images_seen += config.batch_size

        # Loss and accuracy stay on the device until a report is due: reading them waits for it.
        running_mean.add(loss, right)
        if running_mean.due():
            metrics = running_mean.read(progress)
            yield _log(progress, clock, {**metrics, "train/lr": learner.rate()})
        else:
            yield Tick()

        # Validate now and then, keep the best, and save: going on from here needs no more.
        over = clock.is_over()
        if over or progress.images_seen >= plan.next_eval:
            val_loss, val_accuracy = learner.validate()
            progress.check(val_loss)
            # By loss, not accuracy: on few pictures many weights have the same accuracy.
            if progress.best_loss is None or val_loss < progress.best_loss:
                best, progress.best_loss = learner.weights(), val_loss
            plan.after_eval(config, progress.images_seen, clock.seconds())
            metrics = {"val/loss": val_loss, "val/accuracy": val_accuracy}
            yield _log(progress, clock, metrics)
            progress.seconds = clock.seconds()
            yield Saved(Checkpoint(learner.state_dict(best), progress.to_json()))
        if over:
            return

    # Evaluate the best on pictures that took no part in any choice.
    progress.seconds = clock.seconds()
    last = Checkpoint(pack(best=best), progress.to_json())
    yield from evaluate_classifier(config, images, last, fabric=fabric)


def _create(config: ClassifierConfig, images: ImageSet) -> Classifier:
    """The network with its weights, pretrained unless training is from scratch."""
    pretrained = config.method != "scratch"
    if pretrained and BACKBONES[config.backbone].card is None:
        raise UserError("train.no_pretrained", backbone=config.backbone)
    try:
        return create_model(
            config.backbone,
            len(images.class_names),
            pretrained=pretrained,
            # Deeper heads are for frozen features; where all layers learn, the last one will do.
            head_stages=HEAD_STAGES if config.method == "quick" else 1,
        )
    except WeightsUnavailable as problem:
        raise weights_missing(config.backbone, problem) from problem


def _measure(learner: Learner) -> Generator[Event, None, float]:
    """Seconds for one step, on a copy that is thrown away; the first step is not timed."""
    trial, batch_size = learner.fork(), learner.config.batch_size
    trial.set_rate(1e-6)
    trial.step(0)[0].item()
    seconds, steps = 0.0, 0
    while seconds < MEASURE_SECONDS:
        yield Tick()  # whatever the listener does now is not counted
        started = time.monotonic()
        steps += 1
        trial.step(steps * batch_size)[0].item()  # waits for the device
        seconds += time.monotonic() - started
    return seconds / steps


def _find_rate(
    learner: Learner, clock: Clock, step_seconds: float
) -> Generator[Event, None, float]:
    """The peak learning rate: by a range test on a copy, or a usual one where time is short."""
    config = learner.config
    steps = range_test_steps(config, config.minutes * 60 - clock.seconds(), step_seconds)
    usual = DEFAULT_RATES[config.optimizer, config.method]
    if not steps:
        yield Notice(Message("notice.default_rate", {"rate": f"{usual:.2g}"}))
        return usual
    trial, losses = learner.fork(), []
    rates = range_test_rates(steps)
    for number, rate in enumerate(rates):
        trial.set_rate(rate)
        losses.append(trial.step(number * config.batch_size)[0].item())
        now = clock.seconds()
        speed, whole = config.batch_size / step_seconds, early_share(config, now)
        yield Log("rate", 0, now, whole, speed, done=number + 1, count=steps)
        if not losses[-1] < RANGE_STOP * min(losses):  # also true of NaN
            losses = [loss for loss in losses if math.isfinite(loss)]
            break
    if not losses:
        return usual
    chosen = choose_rate(rates[: len(losses)], losses, usual)
    data = {"rates": rates[: len(losses)], "losses": losses, "chosen": chosen}
    yield Preview("lr_range", data)
    return chosen


def _log(progress: ClassifierProgress, clock: Clock, metrics: Mapping[str, float]) -> Log:
    seconds, speed = clock.seconds(), progress.images_per_second
    return Log("train", progress.images_seen, seconds, progress.overall(), speed, metrics)
