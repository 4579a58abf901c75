"""Linear heads on frozen features.

Features are computed once and kept; the head is the best of several strengths of weight decay.
"""

from __future__ import annotations

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
from training.classifier.losses import inverse_frequency
from training.classifier.plan import ClassifierProgress, early_share
from training.classifier.probe import STRENGTHS, Probe
from training.core.messages import Message
from training.data.imageset import ImageSet
from training.data.splits import Indices, Split
from training.features.store import FeatureStore, extract
from training.runs.clock import Clock
from training.runs.events import Event, Log, Notice, Tick

GLIMPSE_SECONDS = 3.0
FEATURE_SHARE = {"quick": 0.85, "lp_ft": 0.3}  # of the budget may go into features
MIN_PER_CLASS = 8  # pictures a class whose features are computed whatever the budget says
FEW = 1000  # pictures to learn from; below, the strength is chosen by cross-validation
FOLDS = 5
USUAL_STRENGTH = 40.0  # where there is no time, or nothing, to choose by


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
    started = reported = glimpsed = clock.seconds()
    forward = frozen_backbone(config.backbone, device, model.head_stages)
    for counted in extract(forward, images, rows, side, device, store):
        now = clock.seconds()
        progress.images_per_second = speed = counted.fresh / max(1e-6, now - started)
        if now - reported >= 0.5 or counted.done == len(rows):
            reported = now
            done = share(now, 0.9 * counted.done / len(rows))
            metrics: dict[str, float] = {}
            if now - glimpsed >= GLIMPSE_SECONDS:
                metrics = _glimpse(
                    config, images, split.without(store.missing(images, rows)), store
                )
                glimpsed = clock.seconds()
            yield Log("features", counted.done, now, done, speed, metrics)
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


def _glimpse(
    config: ClassifierConfig, images: ImageSet, split: Split, store: FeatureStore
) -> dict[str, float]:
    """What a head on the features so far gets right, for curves that move while one waits."""
    if not split.train.size or not split.val.size:
        return {}
    probe = _create_probe(config, images, split, store)
    fitted = torch.arange(len(split.train) + len(split.val)) < len(split.train)
    return probe.try_once(fitted[:, None], USUAL_STRENGTH).metrics()


def _create_probe(
    config: ClassifierConfig, images: ImageSet, split: Split, store: FeatureStore
) -> Probe:
    """On the pictures of ``train`` and then ``val``."""
    rows = np.concatenate([split.train, split.val])
    x, y = store.get(images, rows), torch.from_numpy(images.labels[rows])
    class_count = len(images.class_names)
    weights = inverse_frequency(y, class_count) if config.class_weights else None
    return Probe(x, y, class_count, weights)


def _fit(
    config: ClassifierConfig,
    images: ImageSet,
    model: Classifier,
    split: Split,
    store: FeatureStore,
    clock: Clock,
) -> Generator[Event, None, None]:
    if config.method != "quick":
        # All of "quick" happens here, so it may learn from every picture that is not for the test.
        # Others validate later on, and must not know those pictures.
        split = replace(split, val=split.val[:0])
    probe = _create_probe(config, images, split, store)
    share = _shares(config)
    best, best_loss = USUAL_STRENGTH, float("inf")
    for number, trial in enumerate(probe.try_strengths(folds(images, split)), 1):
        if trial.val_loss < best_loss:
            best, best_loss = trial.strength, trial.val_loss
        now = clock.seconds()
        yield Log(
            phase="head",
            images_seen=len(split.train) + len(split.val),
            seconds=now,
            progress=share(now, 0.9 + 0.09 * number / len(STRENGTHS)),
            images_per_second=0.0,
            metrics=trial.metrics(),
        )
    head = probe.fit(best)
    model.head.load_state_dict(head.state_dict())


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
