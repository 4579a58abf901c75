"""The final evaluation of a classifier.

On test pictures, which took no part in any choice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from models.classifiers import Classifier
from models.frozen import eager_features
from models.registry import restore_model
from training.classifier.config import ClassifierConfig
from training.classifier.head import feature_store
from training.classifier.plan import REPORT_SECONDS, ClassifierProgress
from training.classifier.strangers import Familiar, learn_familiar
from training.data.imageset import ImageSet
from training.data.splits import Split
from training.features.store import FeatureStore, extract
from training.metrics.classification import describe_predictions
from training.runs.checkpoint import Checkpoint, pack
from training.runs.events import Event, Finished, Log, Tick

MAX_MISTAKES = 24  # pictures shown
EVALUATING = 0.99  # share of the run that is done by then


def evaluate_classifier(
    config: ClassifierConfig, images: ImageSet, last: Checkpoint, *, fabric: Fabric
) -> Iterator[Event]:
    """Evaluate the best model inside the checkpoint ``last`` and end with ``Finished``.

    The last step of a whole run, and all that remains to be done for one that was stopped.
    """
    weights = last.part("best")
    model = restore_model(config.backbone, len(images.class_names), weights)
    progress = ClassifierProgress.from_json(last.state)
    split = progress.split
    side = config.side()
    is_frozen = config.method == "quick"
    store = feature_store(config, images, model) if is_frozen else FeatureStore(images, None)
    forward = eager_features(model, fabric.device)
    said = time.monotonic()
    for counted in extract(forward, images, split.test, side, fabric.device, store):
        if time.monotonic() - said < REPORT_SECONDS:
            yield Tick()
            continue
        said, whole = time.monotonic(), max(EVALUATING, progress.overall())
        seen, seconds = progress.images_seen, progress.seconds
        count = len(split.test)
        yield Log("evaluate", seen, seconds, whole, 0.0, done=counted.done, count=count)
    features = store.get(images, split.test)
    familiar, strangers = yield from learn_familiar(
        config, images, split, forward, store, fabric.device
    )
    with torch.no_grad():
        probabilities = model.head.cpu()(features).softmax(dim=1).numpy()
    result = describe_predictions(
        images.labels[split.test],
        probabilities,
        images.class_names,
        groups=images.groups[split.test],
    )
    result |= {
        "evaluated_on": split.origin,
        "most_wrong": _most_wrong(images, split, probabilities),
        "strangers": strangers,
        **_told_apart(images, split, probabilities),
        "train_images": len(split.train),
        "val_images": len(split.val),
        "images_seen": progress.images_seen,
        "seconds": progress.seconds,
        "images_per_second": progress.images_per_second,
        "device": str(fabric.device),
        "backbone": config.backbone,
        "method": config.method,
        "parameters": sum(weight.numel() for weight in model.parameters()),
    }
    yield Log("done", progress.images_seen, progress.seconds, 1.0, progress.images_per_second)
    yield Finished(result, classifier_checkpoint(config, images, model, familiar, side))


def classifier_checkpoint(
    config: ClassifierConfig, images: ImageSet, model: Classifier, familiar: Familiar, side: int
) -> Checkpoint:
    """The model alone, with all that is needed to use it."""
    about = {
        "kind": "classifier",
        "backbone": config.backbone,
        "image_size": side,
        "class_names": list(images.class_names),
        "familiar_network": familiar.network,
    }
    return Checkpoint(pack(model=model.state_dict(), familiar=familiar.state_dict()), about)


def _told_apart(images: ImageSet, split: Split, probabilities: np.ndarray) -> dict[str, list[int]]:
    """Which test pictures were right and which wrong, so that two runs can be compared in pairs."""
    is_right = probabilities.argmax(axis=1) == images.labels[split.test]
    return {
        "right_pictures": split.test[is_right].tolist(),
        "wrong_pictures": split.test[~is_right].tolist(),
    }


def _most_wrong(images: ImageSet, split: Split, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """The mistakes with the highest confidence; ``index`` counts in ``images``."""
    truth = images.labels[split.test]
    guesses, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(guesses != truth)
    worst = wrong[np.argsort(-confidence[wrong])][:MAX_MISTAKES]
    return [
        {
            "index": int(split.test[place]),
            "file": images.files[split.test[place]],
            "truth": images.class_names[truth[place]],
            "guess": images.class_names[guesses[place]],
            "confidence": float(confidence[place]),
        }
        for place in worst
    ]
