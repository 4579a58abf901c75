"""The kinds of training there are.

A new modality is a wing with a config, a loop and an evaluation, and one entry in ``KINDS``; the
queue, the run folder, the command line and the page then know it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lightning_fabric import Fabric

from training.classifier.config import ClassifierConfig
from training.classifier.evaluate import evaluate_classifier
from training.classifier.train import train_classifier
from training.data.imageset import ImageSet
from training.gan.config import GanConfig
from training.gan.evaluate import evaluate_gan
from training.gan.train import train_gan
from training.gan.transfer import load_start
from training.runs.checkpoint import Checkpoint
from training.runs.events import Event
from training.runs.folder import RunFolder

Config = ClassifierConfig | GanConfig


@dataclass(frozen=True)
class Kind:
    """One kind of training.

    Attributes:
        config: the settings; its ``kind`` is the name that stands in ``run.json``.
        train: ``(config, images, *, fabric, resume, session) -> Iterator[Event]``, the loop.
        evaluate: ``(config, images, last, *, fabric) -> Iterator[Event]``, from the checkpoint
            ``last`` to ``Finished``.
    """

    config: type[ClassifierConfig] | type[GanConfig]
    train: Callable[..., Iterator[Event]]
    evaluate: Callable[..., Iterator[Event]]


def _train_gan(
    config: GanConfig,
    images: ImageSet,
    *,
    fabric: Fabric,
    resume: Checkpoint | None = None,
    session: float = math.inf,
) -> Iterator[Event]:
    start = None
    if config.start_from and resume is None:
        start = load_start(config.start_from)
    return train_gan(config, images, fabric=fabric, resume=resume, start=start, session=session)


KINDS: Mapping[str, Kind] = {
    kind.config.kind: kind
    for kind in (
        Kind(ClassifierConfig, train_classifier, evaluate_classifier),
        Kind(GanConfig, _train_gan, evaluate_gan),
    )
}


def read_config(folder: RunFolder) -> Config:
    """The config of the run in ``folder``, also of one that was written with older names.

    Raises:
        UserError: a value is not allowed, or a field is unknown.
    """
    info = folder.info()
    return KINDS[info.kind].config.from_json(info.config)
