"""The settings of a GAN's training.

Frozen, checked, and plain JSON both ways.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from models.gans.registry import ARCHITECTURES, list_architectures
from models.registry import BACKBONES
from training.core.checks import MINUTES_DEFAULT, check_choice, check_fields
from training.core.messages import UserError
from training.core.settings import SWITCH, check_settings, setting
from training.gan.losses import OBJECTIVES

PROJECTED_LOSS = "hinge"  # of a discriminator with a backbone, as in arXiv 2111.01007
OLD_FIELDS = {"teacher": "d_backbone"}  # names in runs and cards of earlier versions


def d_backbones() -> tuple[str, ...]:
    """The backbones that have pretrained weights to look through."""
    return tuple(name for name, entry in BACKBONES.items() if entry.card)


@dataclass(frozen=True)
class GanConfig:
    """How to train a GAN.

    Attributes:
        architecture: a name from ``models.gans.registry.list_architectures()``.
        loss: a name from ``training.gan.losses.OBJECTIVES``; ``None`` is the architecture's own.
        resolution: side of the pictures in pixels.
        minutes: time budget, training and evaluation together.
        images: duration in training images seen instead, which makes a run reproducible on any
            machine; ``None`` lets ``minutes`` decide.
        conditional: teach the classes, where the set has at least two.
        class_start: share of the run during which all classes are learned as one; over as long
            again they become what they are (transitional training, arXiv 2201.06578). 0 tells them
            apart from the first step on, as a run that starts from another always does; ``None``
            is what suits the discriminator.
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
            makes the samples; early in a run it is a tenth of the images seen.
        start_from: a run's folder or a shipped model whose weights to begin with; empty is a
            random start.
        freeze_d: how many of the discriminator's lowest stages to keep as they came
            (FreezeD, arXiv 2002.10964).
        d_backbone: a pretrained backbone whose features the discriminator looks at beside the
            pixels (projected GAN, arXiv 2111.01007); empty is off, and ``None`` leaves the choice
            to ``training.gan.transfer.decide``.
        seed: of the weights, the order, the latents and the augmentation.
    """

    kind: ClassVar[str] = "gan"

    architecture: str = setting(
        "dcgan", "gan.field_architecture", choices=list_architectures(), more=False
    )
    loss: str | None = setting(
        None, "gan.field_loss", choices=tuple(OBJECTIVES), more=False, empty="fitting"
    )
    resolution: int = setting(
        32, "gan.field_resolution", choices=(28, 32, 64, 128, 256), more=False
    )
    minutes: float = setting(
        MINUTES_DEFAULT, "gan.field_minutes", bounds=(0.05, 24 * 60), step=0.5, more=False
    )
    images: int | None = setting(None, "gan.field_images", bounds=(1, 10**9), whole=True, empty=0)
    conditional: bool = setting(True, "gan.field_conditional", choices=SWITCH, more=False)
    class_start: float | None = setting(
        None, "gan.field_class_start", bounds=(0.0, 0.4), step=0.1, empty=-1
    )
    width: int | None = setting(None, "gan.field_width", bounds=(4, 128), whole=True, empty=0)
    batch_size: int | None = setting(
        None, "gan.field_batch_size", bounds=(2, 512), whole=True, empty=0
    )
    lr: float | None = setting(None, "gan.field_lr", bounds=(1e-6, 0.1), step=0.0001, empty=0)
    d_lr_factor: float = setting(1.0, "gan.field_d_lr_factor", bounds=(0.01, 100.0), step=0.1)
    schedule: str = setting("decay", "gan.field_schedule", choices=("decay", "constant"))
    gamma: float | None = setting(None, "gan.field_gamma", bounds=(0.0, 1000.0), step=0.1, empty=-1)
    penalty_form: str = setting("exact", "gan.field_penalty_form", choices=("exact", "estimate"))
    path_length: float = setting(0.0, "gan.field_path_length", bounds=(0.0, 100.0), step=0.01)
    augment: str = setting("adaptive", "gan.field_augment", choices=("adaptive", "fixed", "none"))
    augment_strength: float = setting(
        0.8, "gan.field_augment_strength", bounds=(0.0, 1.0), step=0.1
    )
    mirror: bool = setting(False, "gan.field_mirror", choices=SWITCH)
    ema_half_life: int = setting(20_000, "gan.field_ema_half_life", bounds=(1, 10**9), whole=True)
    start_from: str = setting("", "gan.field_start_from", more=False, flag="from")
    freeze_d: int = setting(0, "gan.field_freeze_d", bounds=(0, 8), whole=True)
    d_backbone: str | None = setting(
        None, "gan.field_d_backbone", choices=("", *d_backbones()), empty="fitting"
    )
    seed: int = setting(0, "gan.field_seed", bounds=(0, 2**31 - 1), whole=True)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UserError: naming the field, its value and what is allowed.
        """
        check_settings(self, leave_out=("resolution",))  # not every network paints every size
        sides = ARCHITECTURES[self.architecture].resolutions
        check_choice("resolution", self.resolution, sides)
        if not isinstance(self.start_from, str):
            raise UserError("config.choice", field="start_from", value=self.start_from, allowed="-")

    @property
    def objective(self) -> str:
        """The name of the loss that is trained with."""
        usual = USUAL[self.architecture].loss
        return self.loss or (PROJECTED_LOSS if self.d_backbone else usual)

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``run.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanConfig:
        """The reverse of ``to_json``; reads what earlier versions wrote, too.

        Raises:
            UserError: a value is not allowed, or a field is unknown.
        """
        data = {OLD_FIELDS.get(name, name): value for name, value in data.items()}
        check_fields(cls, data)
        return cls(**data)


@dataclass(frozen=True)
class Usual:
    """What an architecture is usually trained with, and how long it takes.

    Attributes:
        lr: Adam's rate.
        betas: Adam's, without a gradient penalty.
        batch_size: on a CPU; twice as many on a graphics card.
        fewest_images: training images with which pictures begin to look like something. The
            default on Fashion-MNIST: FD 40 to 54 after 12,000 with dcgan, where stylegan2 has 181
            after 16,000 and 118 after 64,000, and r3gan 160 after 8,000.
        cpu_speed: training images a second at 32 px, with the medium width, on two cores.
        batch_norm: a loss that can do without its gradient penalty does.
        loss: a name from ``OBJECTIVES``.
    """

    lr: float
    betas: tuple[float, float]
    batch_size: int
    fewest_images: int
    cpu_speed: float
    batch_norm: bool = False
    loss: str = "non_saturating"


USUAL: Mapping[str, Usual] = {
    "mlp": Usual(3e-4, (0.5, 0.999), 64, 5_000, 1190, batch_norm=True),
    "dcgan": Usual(1e-3, (0.5, 0.99), 32, 5_000, 570, batch_norm=True),
    "stylegan": Usual(2e-3, (0.0, 0.99), 32, 64_000, 100),
    "stylegan2": Usual(2e-3, (0.0, 0.99), 32, 64_000, 100),
    # arXiv 2501.05441 is about this loss
    "r3gan": Usual(5e-4, (0.0, 0.99), 32, 32_000, 50, loss="relativistic"),
}


def seconds_needed(architecture: str, resolution: int) -> float:
    """About how long it takes on two cores until pictures begin to look like something.

    Layers of large pictures have fewer channels, so that at 64 px a step takes 1.4 to 1.9 times as
    long as at 32.
    """
    usual = USUAL[architecture]
    return usual.fewest_images / usual.cpu_speed * math.pow(resolution / 32, 0.7)


def penalty_weight(config: GanConfig) -> float:
    """The gradient penalty's weight; 0 where there is none."""
    objective = OBJECTIVES[config.objective]
    if objective.penalty == "none":
        return 0.0
    if config.gamma is not None:
        return config.gamma
    if config.d_backbone:  # its spectral normalisation takes the penalty's place
        return 0.0
    if config.objective == "non_saturating" and USUAL[config.architecture].batch_norm:
        return 0.0
    return objective.gamma


def adam_betas(config: GanConfig) -> tuple[float, float]:
    """Adam's betas. Under a gradient penalty the first one is 0.

    So have it the papers of WGAN-GP (arXiv 1704.00028) and R3GAN (arXiv 2501.05441): a moving
    average of old gradients works against a penalty that is to damp the game. Relativistic dcgan,
    24,000 pictures of Fashion-MNIST, two seeds: FD 27.9 and 26.0 with 0.5, 20.5 and 21.9 with 0.
    """
    betas = USUAL[config.architecture].betas
    return (0.0, betas[1]) if penalty_weight(config) else betas


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
    d_backbone="",
)
