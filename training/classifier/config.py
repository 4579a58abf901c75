"""The settings of a classifier's training.

Frozen, checked, and plain JSON both ways: the page, the command line and ``run.json`` hold the
same objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from models.registry import BACKBONES, list_models
from training.core.checks import MINUTES_DEFAULT, check_fields
from training.core.settings import SWITCH, check_settings, setting

METHODS = ("quick", "lp_ft", "full", "gradual", "scratch")


@dataclass(frozen=True)
class ClassifierConfig:
    """How to train a classifier.

    Attributes:
        backbone: a name from ``models.registry.list_models()``.
        method: ``quick`` (linear head on frozen features), ``lp_ft`` (that head first, then all
            layers; arXiv 2202.10054), ``full`` (all layers at once), ``gradual`` (top stage
            first, one more after each equal share of the training; arXiv 1801.06146) or
            ``scratch`` (all layers, random start).
        minutes: time budget, training and evaluation together.
        images: duration in training images seen instead, which makes a run reproducible on any
            machine; ``None`` lets ``minutes`` decide.
        image_size: side of the network's input in pixels; ``None`` is the backbone's own.
        batch_size: images per optimizer step.
        lr: peak learning rate of the last layer; ``None`` finds one by a range test.
        optimizer: ``adamw`` or ``sgd`` (momentum 0.9).
        schedule: ``one_cycle`` (arXiv 1708.07120) or ``constant``.
        weight_decay: decoupled for ``adamw``, plain for ``sgd``; not on norms and biases.
        layer_decay: each stage below the head learns at this fraction of the rate of the stage
            above it; 1 gives every stage the same rate, as training from scratch always does.
        augment: ``light`` (shifted and scaled crops, mirrored, brightness) or ``none``.
        mirror: may a picture be mirrored left to right? Not for digits and letters.
        label_smoothing: share of the target spread over all classes.
        class_weights: weigh each class by the inverse of its number of pictures.
        grow: learn from smaller pictures at first, see ``schedule.grown_side``.
        l2_sp: lambda of the pull towards the pretrained weights (arXiv 1802.01483); 0 is off.
        seed: of the split, the new head, the order and the augmentation.
    """

    kind: ClassVar[str] = "classifier"

    backbone: str = setting("seedling_net", "train.backbone", choices=list_models(), more=False)
    method: str = setting("scratch", "train.method", choices=METHODS, more=False)
    minutes: float = setting(
        MINUTES_DEFAULT, "train.minutes", bounds=(0.05, 24 * 60), step=0.5, more=False
    )
    images: int | None = setting(None, "train.images", bounds=(1, 10**9), whole=True, empty=0)
    image_size: int | None = setting(
        None, "train.image_size", bounds=(32, 384), whole=True, empty=0
    )
    batch_size: int = setting(16, "train.batch_size", bounds=(2, 512), whole=True)
    lr: float | None = setting(None, "train.lr", bounds=(1e-6, 10.0), step=0.0001)
    optimizer: str = setting("adamw", "train.optimizer", choices=("adamw", "sgd"))
    schedule: str = setting("one_cycle", "train.schedule", choices=("one_cycle", "constant"))
    weight_decay: float = setting(0.01, "train.weight_decay", bounds=(0.0, 1.0), step=0.01)
    layer_decay: float = setting(0.5, "train.layer_decay", bounds=(0.05, 1.0), step=0.01)
    augment: str = setting("light", "train.augment", choices=("light", "none"))
    mirror: bool = setting(True, "train.mirror", choices=SWITCH)
    label_smoothing: float = setting(0.05, "train.label_smoothing", bounds=(0.0, 0.5), step=0.01)
    class_weights: bool = setting(True, "train.class_weights", choices=SWITCH)
    grow: bool = setting(False, "train.grow", choices=SWITCH)
    l2_sp: float = setting(0.0, "train.l2_sp", bounds=(0.0, 10.0), step=0.01)
    seed: int = setting(0, "train.seed", bounds=(0, 2**31 - 1), whole=True)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UserError: naming the field, its value and what is allowed.
        """
        check_settings(self)

    def side(self) -> int:
        """The side of the network's input in pixels."""
        return self.image_size or BACKBONES[self.backbone].image_size

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``run.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClassifierConfig:
        """The reverse of ``to_json``.

        Raises:
            UserError: a value is not allowed, or a field is unknown.
        """
        check_fields(cls, data)
        return cls(**data)


def default_config(backbone: str | None = None, method: str | None = None) -> ClassifierConfig:
    """The settings to begin with, given what the person has chosen already and what is here.

    Without a choice: the best pretrained backbone whose weights are on this machine, with the
    ``quick`` method; the project comes with one, and without any, its smallest from scratch.
    """
    here = [name for name, entry in BACKBONES.items() if entry.card and entry.card.is_here()]
    here.sort(key=_PREFERRED.index)
    if backbone is None:
        wants_weights = method not in (None, "scratch")
        fallback = _PREFERRED[0] if wants_weights else "seedling_net"
        backbone = here[0] if here and method != "scratch" else fallback
    if method is None:
        entry = BACKBONES.get(backbone)
        method = "quick" if entry and entry.card else "scratch"
    return ClassifierConfig(backbone=backbone, method=method)


# Best features for their time first.
_PREFERRED = (
    "mobilenet_v2",
    "mobilenet_v3_large",
    "resnet18",
    "efficientnet_b0",
    "mobilenet_v3_small",
    "resnet50",
    "convnext_tiny",
    "seedling-s",
    "squeezenet1_1",
)

# The recipe of the source text: every layer of an ImageNet ResNet-18 with a new last layer,
# SGD 0.001 with momentum 0.9, batches of 64.
TEXTBOOK = ClassifierConfig(
    backbone="resnet18",
    method="full",
    batch_size=64,
    lr=0.001,
    optimizer="sgd",
    schedule="constant",
    weight_decay=0.0,
    layer_decay=1.0,
    augment="none",
    label_smoothing=0.0,
    class_weights=False,
)
