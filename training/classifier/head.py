"""Linear heads on frozen features.

Features are computed once and kept; the head is the best of several strengths of weight decay.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from models.classifiers import Classifier
from models.frozen import fingerprint, frozen_backbone
from training.classifier.config import ClassifierConfig
from training.classifier.losses import inverse_frequency, loss_and_accuracy
from training.classifier.plan import ClassifierProgress, early_share
from training.classifier.probe import FINAL_ITERATIONS, STRENGTHS, Probe
from training.core.messages import Message
from training.data.imageset import ImageSet
from training.data.splits import Indices, Split
from training.features.store import FeatureStore, extract
from training.runs.clock import Clock
from training.runs.events import Event, Log, Notice, Tick

FEATURE_SHARE = {"quick": 0.85, "lp_ft": 0.3}  # of the budget may go into features
MIN_PER_CLASS = 8  # pictures a class whose features are computed whatever the budget says
FEW = 1000  # pictures to learn from; below, the strength is chosen by cross-validation
FOLDS = 5
USUAL_STRENGTH = 40.0  # where there is no time, or nothing, to choose by
SETTLED = 5e-4  # change of the loss in one iteration that no chart can show,
MIN_STEPS = 5  # after these: with many classes the first one is tiny
PACE = 0.1  # of the time so far at most goes into showing the iterations one after another,
PACE_SECONDS, PACE_STEPS = 3.0, 15  # and not more than that, for the first ones, where most happens


def fit_head(
    config: ClassifierConfig,
    images: ImageSet,
    model: Classifier,
    progress: ClassifierProgress,
    device: torch.device,
    clock: Clock,
) -> Generator[Event, None, None]:
    """Replace ``model``'s head by the best linear one on its features as they are.

    Cuts ``progress.split`` down, evenly over its parts and classes, where the features of all
    pictures would take longer than the time budget; sets ``progress.images_per_second``.
    """
    split = progress.split
    side = config.side()
    store = feature_store(config, images, model)
    rows = stratified_order(images, split, config.seed)
    share = _shares(config)
    started = reported = clock.seconds()
    known = len(rows) - len(store.missing(images, rows))
    yield Log("features", 0, started, share(started, 0.0), 0.0, done=known, count=len(rows))
    forward = frozen_backbone(config.backbone, device, model.head_stages)
    for counted in extract(forward, images, rows, side, device, store):
        now = clock.seconds()
        progress.images_per_second = speed = counted.fresh / max(1e-6, now - started)
        if now - reported >= 0.5 or counted.done == len(rows):
            reported = now
            whole = share(now, 0.9 * counted.done / len(rows))
            yield Log("features", 0, now, whole, speed, done=counted.done, count=len(rows))
        else:
            yield Tick()
        late = config.images is None and now > FEATURE_SHARE[config.method] * config.minutes * 60
        if late and _is_enough(images, split.without(store.missing(images, rows))):
            break
    missing = store.missing(images, rows)
    if missing.size:
        values = {"used": len(rows) - len(missing), "count": len(rows)}
        yield Notice(Message("notice.budget_subset", values))
        progress.split = split.without(missing)
    yield from _fit(config, images, model, progress.split, store, clock)


def feature_store(config: ClassifierConfig, images: ImageSet, model: Classifier) -> FeatureStore:
    """Where the features are kept that ``model``'s head reads, while all below it is frozen."""
    network = f"{config.backbone}-{config.side()}-{model.head_stages}"
    return FeatureStore(images, network, fingerprint(model))


def _is_enough(images: ImageSet, split: Split) -> bool:
    """Whether a head can be fitted and evaluated on ``split``."""
    taught = np.unique(images.labels[split.train]).size
    count = len(split.train) + len(split.val) + len(split.test)
    fewest = MIN_PER_CLASS * len(images.class_names)
    return (
        taught == len(images.class_names)
        and bool(split.val.size and split.test.size)
        and (count >= fewest)
    )


def _create_probe(
    config: ClassifierConfig, images: ImageSet, rows: Indices, store: FeatureStore
) -> Probe:
    x, y = _examples(images, rows, store)
    class_count = len(images.class_names)
    weights = inverse_frequency(y, class_count) if config.class_weights else None
    return Probe(x, y, class_count, weights)


def _examples(images: ImageSet, rows: Indices, store: FeatureStore) -> tuple[Tensor, Tensor]:
    """Features (N, D) and labels (N,)."""
    return store.get(images, rows), torch.from_numpy(images.labels[rows])


def _fit(
    config: ClassifierConfig,
    images: ImageSet,
    model: Classifier,
    split: Split,
    store: FeatureStore,
    clock: Clock,
) -> Generator[Event, None, None]:
    """Choose a strength, show how a head is fitted with it, and fit the one to keep."""
    # All of "quick" happens here, so its last head may learn from every picture that is not for
    # the test. Others validate later on, and must not know those pictures.
    known = split if config.method == "quick" else replace(split, val=split.val[:0])
    rows = np.concatenate([known.train, known.val])
    probe = _create_probe(config, images, rows, store)
    share = _shares(config)
    best, best_loss = USUAL_STRENGTH, float("inf")
    for number, trial in enumerate(probe.try_strengths(folds(images, known)), 1):
        if trial.val_loss < best_loss:
            best, best_loss = trial.strength, trial.val_loss
        now = clock.seconds()
        whole = share(now, 0.9 + 0.04 * number / len(STRENGTHS))
        yield Log("strength", 0, now, whole, 0.0, done=number, count=len(STRENGTHS))
    yield from _show_fit(config, images, split, store, best, clock)
    model.head.load_state_dict(probe.fit(best).state_dict())


def _show_fit(
    config: ClassifierConfig,
    images: ImageSet,
    split: Split,
    store: FeatureStore,
    strength: float,
    clock: Clock,
) -> Generator[Event, None, None]:
    """The curves: a head that learns from ``train`` alone, so that ``val`` can check it.

    From nothing, which is chance, until it has settled, slowly enough to be watched.
    """
    probe = _create_probe(config, images, split.train, store)
    parts = {"train": _examples(images, split.train, store)}
    if split.val.size:
        parts["val"] = _examples(images, split.val, store)
    share, last = _shares(config), math.inf
    pace, due = min(PACE_SECONDS, PACE * clock.seconds()) / PACE_STEPS, 0.0
    for number, head in enumerate(probe.fit_steps(strength)):
        while number <= PACE_STEPS and clock.seconds() < due:
            yield Tick()
            time.sleep(0.01)
        due = clock.seconds() + pace
        metrics: dict[str, float] = {}
        for name, (x, y) in parts.items():
            loss, accuracy = loss_and_accuracy(head(x).detach(), y)
            metrics |= {f"{name}/loss": loss, f"{name}/accuracy": accuracy}
        now = clock.seconds()
        whole = share(now, 0.94 + 0.05 * number / FINAL_ITERATIONS)
        # The training proper of other methods counts its pictures from here.
        seen = len(split.train) if number and config.method == "quick" else 0
        yield Log("head", seen, now, whole, 0.0, metrics)
        if number >= MIN_STEPS and abs(last - metrics["train/loss"]) < SETTLED:
            return
        last = metrics["train/loss"]


def _shares(config: ClassifierConfig) -> Callable[[float, float], float]:
    """What share of the run is done, from the seconds so far and the share of this part of it.

    For ``quick`` this part is the whole run, for ``lp_ft`` only its beginning.
    """
    if config.method == "quick":
        return lambda seconds, part: part
    return lambda seconds, part: early_share(config, seconds)


def folds(images: ImageSet, split: Split) -> Tensor:
    """Which pictures are fitted to choose a strength: the split's own, or five ways where few.

    (N, K) bool for the N pictures of ``train`` and then ``val``. Look-alikes are fitted together or
    not at all. K is 0 where the pictures can't be divided.
    """
    rows = np.concatenate([split.train, split.val])
    if len(split.train) >= FEW and split.val.size:
        return (torch.arange(len(rows)) < len(split.train))[:, None]
    labels, groups = images.labels[rows], images.groups[rows]
    ways = min(FOLDS, len(np.unique(groups)), int(np.bincount(labels).max()))
    if ways < 2:
        return torch.zeros(len(rows), 0, dtype=torch.bool)
    divide = StratifiedGroupKFold(ways)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer pictures than ways
        unseen = [part for _, part in divide.split(rows, labels, groups)]
    unseen = [part for part in unseen if 0 < len(part) < len(rows)]
    fitted = torch.ones(len(rows), len(unseen), dtype=torch.bool)
    for way, part in enumerate(unseen):
        fitted[part, way] = False
    # Above that many pictures one way will do: each costs as much as all of them.
    return fitted[:, :1] if len(rows) >= FEW else fitted


def stratified_order(images: ImageSet, split: Split, seed: int) -> Indices:
    """All rows of ``split``; every beginning holds an equal share of each part and class."""
    rng = np.random.default_rng(seed)
    rows, places = [], []
    for part in (split.train, split.val, split.test):
        for label in np.unique(images.labels[part]):
            chosen = rng.permutation(part[images.labels[part] == label])
            rows.append(chosen)
            places.append((np.arange(len(chosen)) + rng.random()) / len(chosen))
    return np.concatenate(rows)[np.argsort(np.concatenate(places), kind="stable")]
