"""What a person can decide about training a GAN: frozen, checked, and plain JSON both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from models.gans.registry import ARCHITECTURES, list_architectures
from models.registry import BACKBONES
from training.core.checks import MINUTES_DEFAULT, check_choice, check_fields, check_number
from training.core.messages import UserError
from training.gan.losses import OBJECTIVES

AUGMENTATIONS = ("adaptive", "fixed", "none")
PENALTY_FORMS = ("exact", "estimate")
RESOLUTIONS = (28, 32, 64, 128, 256)
SCHEDULES = ("decay", "constant")

# Lowest and highest value of every number, for the checks here, the page's fields and the tests.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "minutes": (0.05, 24 * 60),
    "images": (1, 10**9),
    "width": (4, 128),
    "batch_size": (2, 512),
    "lr": (1e-6, 0.1),
    "d_lr_factor": (0.01, 100.0),
    "gamma": (0.0, 1000.0),
    "augment_strength": (0.0, 1.0),
    "ema_half_life": (1, 10**9),
    "path_length": (0.0, 100.0),
    "freeze_d": (0, 8),
    "seed": (0, 2**31 - 1),
}
WHOLE = ("images", "width", "batch_size", "ema_half_life", "freeze_d", "seed")
OPTIONAL = ("images", "width", "batch_size", "lr", "gamma")


@dataclass(frozen=True)
class GanConfig:
    """How to train a GAN.

    Attributes:
        architecture: a name from ``models.gans.registry.list_architectures()``.
        loss: a name from ``training.gan.losses.OBJECTIVES``.
        resolution: side of the pictures in pixels.
        minutes: time budget, training and judgement together.
        images: duration in training images seen instead, which makes a run reproducible on any
            machine; ``None`` lets ``minutes`` decide.
        conditional: teach the classes, where the set has at least two.
        width: channels at 32 px, which all layers scale with; ``None`` lets the planner choose.
        batch_size: images per step; ``None`` is the usual one of the device.
        lr: peak learning rate of both networks (Adam); ``None`` is the architecture's usual one.
        d_lr_factor: the discriminator's learning rate as a multiple of ``lr``.
        schedule: ``decay`` (learning rates stay for the first half of the run, then go down to a
            tenth; the gradient penalty goes down to a tenth all along) or ``constant``.
        gamma: weight of the loss's gradient penalty; ``None`` is the loss's usual one, 0 is off.
        penalty_form: ``exact`` (double backward) or ``estimate`` (a finite difference, cheaper).
        path_length: weight of path-length regularisation, for the style networks; 0 is off.
        augment: DiffAugment (arXiv 2006.10738) with ``fixed`` strength, or ``adaptive``: as much
            as the discriminator overfits (arXiv 2006.06676), or ``none``.
        augment_strength: share of pictures that each augmentation changes; the most that
            ``adaptive`` may use.
        mirror: show half of the pictures mirrored left to right? Not for digits and letters.
        ema_half_life: images after which a generator weight counts half in the average that
            makes the samples; early in a run it is 5 % of the images seen.
        start_from: a run's folder or a shipped model whose weights to begin with; empty is a
            random start.
        freeze_d: how many of the discriminator's lowest stages to keep as they came
            (FreezeD, arXiv 2002.10964).
        teacher: a pretrained backbone whose features the discriminator looks at beside the
            pixels (projected GAN, arXiv 2111.01007); empty is off, and ``None`` leaves the choice
            to ``training.gan.transfer.choose_teacher``.
        seed: of the weights, the order, the latents and the augmentation.
    """

    kind: ClassVar[str] = "gan"

    architecture: str = "dcgan"
    loss: str = "non_saturating"
    resolution: int = 32
    minutes: float = MINUTES_DEFAULT
    images: int | None = None
    conditional: bool = True
    width: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    d_lr_factor: float = 1.0
    schedule: str = "decay"
    gamma: float | None = None
    penalty_form: str = "exact"
    path_length: float = 0.0
    augment: str = "adaptive"
    augment_strength: float = 0.8
    mirror: bool = False
    ema_half_life: int = 20_000
    start_from: str = ""
    freeze_d: int = 0
    teacher: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UserError: naming the field, its value and what is allowed.
        """
        for field, allowed in (
            ("architecture", list_architectures()),
            ("loss", tuple(OBJECTIVES)),
            ("schedule", SCHEDULES),
            ("penalty_form", PENALTY_FORMS),
            ("augment", AUGMENTATIONS),
            ("conditional", (True, False)),
            ("mirror", (True, False)),
        ):
            check_choice(field, getattr(self, field), allowed)
        if self.teacher is not None:
            check_choice("teacher", self.teacher, ("", *teachers()))
        sides = ARCHITECTURES[self.architecture].resolutions
        check_choice("resolution", self.resolution, sides)
        for field, (low, high) in BOUNDS.items():
            value = getattr(self, field)
            if value is not None or field not in OPTIONAL:
                check_number(field, value, low, high, whole=field in WHOLE)
        if not isinstance(self.start_from, str):
            raise UserError("config.choice", field="start_from", value=self.start_from, allowed="-")

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``run.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanConfig:
        """The reverse of ``to_json``.

        Raises:
            UserError: a value is not allowed, or a field is unknown.
        """
        check_fields(cls, data)
        return cls(**data)


@dataclass(frozen=True)
class Usual:
    """What an architecture is usually trained with: Adam's rate and betas, and the batch.

    With ``batch_norm`` a loss that can do without its gradient penalty does.
    """

    lr: float
    betas: tuple[float, float]
    batch_size: int
    batch_norm: bool = False


USUAL: Mapping[str, Usual] = {
    "mlp": Usual(3e-4, (0.5, 0.999), 64, batch_norm=True),
    "dcgan": Usual(1e-3, (0.5, 0.99), 32, batch_norm=True),
    "stylegan": Usual(2e-3, (0.0, 0.99), 32),
    "stylegan2": Usual(2e-3, (0.0, 0.99), 32),
    "r3gan": Usual(5e-4, (0.0, 0.99), 32),
}


def teachers() -> tuple[str, ...]:
    """The backbones that have pretrained weights to look through."""
    return tuple(name for name, entry in BACKBONES.items() if entry.card)


def penalty_weight(config: GanConfig) -> float:
    """The gradient penalty's weight; 0 where there is none."""
    objective = OBJECTIVES[config.loss]
    if objective.penalty == "none":
        return 0.0
    if config.gamma is not None:
        return config.gamma
    if config.teacher:  # its spectral normalisation takes the penalty's place
        return 0.0
    if config.loss == "non_saturating" and USUAL[config.architecture].batch_norm:
        return 0.0
    return objective.gamma


# The text's example: 28x28, a 100-number latent, Adam at 3e-4 for both, batches of 64.
GAN_TEXTBOOK = GanConfig(
    architecture="mlp",
    loss="minimax",
    resolution=28,
    conditional=False,
    width=32,
    batch_size=64,
    lr=3e-4,
    schedule="constant",
    augment="none",
    teacher="",
)
