"""The registry of GAN families."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.gans.dcgan import DcganDiscriminator, DcganGenerator
from models.gans.layers import LOWEST, Discriminator, Generator
from models.gans.mlp import MlpDiscriminator, MlpGenerator
from models.gans.r3gan import R3ganDiscriminator, R3ganGenerator
from models.gans.stylegan import StyleganDiscriminator, StyleganGenerator
from models.gans.stylegan2 import Stylegan2Discriminator, Stylegan2Generator

SQUARES = (32, 64, 128, 256)
WIDTHS: Mapping[str, int] = {"small": 16, "medium": 32, "large": 64}
LATENT_SIZES = (2, 1024)  # lowest and highest
WIDTH_BOUNDS = (4, 256)
SIDE_BOUNDS = (LOWEST, 256)  # px
BEFORE = {"smooth_from": 64, "backbone_side": 64}  # in shapes that do not say
MAX_CLASSES = 1000


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry.

    Attributes:
        name: as people write it in a config.
        generator: from (resolution, class_count, width, latent_size).
        discriminator: from (resolution, class_count, width).
        resolutions: sides in pixels that it can be built for.
        widths: widths worth offering, by name; any other within ``WIDTH_BOUNDS`` works too.
        latent_size: the usual length of ``z``.
        may_normalise: whether ``discriminator`` also takes ``batch_norm``, true or false.
        may_smooth: whether ``generator`` also takes ``smooth_from``, a side in pixels.
    """

    name: str
    generator: Callable[..., Generator]
    discriminator: Callable[..., Discriminator]
    resolutions: tuple[int, ...] = SQUARES
    widths: Mapping[str, int] = field(default_factory=lambda: WIDTHS)
    latent_size: int = 128
    may_normalise: bool = False
    may_smooth: bool = False


ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture("mlp", MlpGenerator, MlpDiscriminator, (28, 32, 64), latent_size=100),
        Architecture(
            "dcgan", DcganGenerator, DcganDiscriminator, may_normalise=True, may_smooth=True
        ),
        Architecture("stylegan", StyleganGenerator, StyleganDiscriminator),
        Architecture("stylegan2", Stylegan2Generator, Stylegan2Discriminator),
        Architecture("r3gan", R3ganGenerator, R3ganDiscriminator),
    )
}


@dataclass(frozen=True)
class GanShape:
    """All that decides the shapes of a GAN's weights; checks itself, and is plain JSON both ways.

    Attributes:
        architecture: a name from ``list_architectures()``.
        resolution: side of the pictures in pixels.
        class_count: 0 for a network without classes.
        width: channels of a convolutional network at 32 px; others scale with it.
        latent_size: length of ``z``.
        batch_norm: BatchNorm in a discriminator that may have it.
        smooth_from: side in pixels from which on a generator that may do so takes dots out of its
            layers.
        backbone_side: side in pixels that pictures have at least for the backbone of a projected
            discriminator.

    Raises:
        ValueError: naming the field, its value and what is allowed.
    """

    architecture: str
    resolution: int
    class_count: int = 0
    width: int = 32
    latent_size: int = 128
    batch_norm: bool = True
    smooth_from: int = LOWEST
    backbone_side: int = 32

    def __post_init__(self) -> None:
        if self.architecture not in list_architectures():
            _refuse("architecture", self.architecture, ", ".join(ARCHITECTURES))
        sides = ARCHITECTURES[self.architecture].resolutions
        if not _is_whole(self.resolution) or self.resolution not in sides:
            _refuse("resolution", self.resolution, ", ".join(map(str, sides)))
        for name, low, high in (
            ("class_count", 0, MAX_CLASSES),
            ("width", *WIDTH_BOUNDS),
            ("latent_size", *LATENT_SIZES),
            ("smooth_from", *SIDE_BOUNDS),
            ("backbone_side", *SIDE_BOUNDS),
        ):
            value = getattr(self, name)
            if not _is_whole(value) or not low <= value <= high:
                _refuse(name, value, f"whole numbers from {low} to {high}")
        if self.batch_norm not in (True, False):
            _refuse("batch_norm", self.batch_norm, "true or false")

    def to_json(self) -> dict[str, Any]:
        """All fields by name, as checkpoints and model cards keep them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanShape:
        """The reverse of ``to_json``; reads what earlier versions wrote, too.

        Raises:
            ValueError: a value is not allowed, or a field is unknown or missing.
        """
        known = {entry.name for entry in dataclasses.fields(cls)}
        if unknown := sorted(set(data) - known):
            _refuse("field", unknown[0], ", ".join(sorted(known)))
        for needed in ("architecture", "resolution"):
            if needed not in data:
                raise ValueError(f"{needed} is missing.")
        return cls(**{**BEFORE, **data})


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(name: str, value: object, allowed: str) -> None:
    raise ValueError(f"{name} {value!r} cannot be built; allowed: {allowed}.")


def list_architectures() -> tuple[str, ...]:
    """The names that ``GanShape.architecture`` takes, in the order of ``ARCHITECTURES``."""
    return tuple(ARCHITECTURES)


def create_generator(shape: GanShape) -> Generator:
    """A generator with random weights from torch's global random numbers."""
    entry = ARCHITECTURES[shape.architecture]
    options = {"smooth_from": shape.smooth_from} if entry.may_smooth else {}
    return entry.generator(
        shape.resolution, shape.class_count, shape.width, shape.latent_size, **options
    )


def create_discriminator(shape: GanShape) -> Discriminator:
    """A discriminator with random weights from torch's global random numbers."""
    entry = ARCHITECTURES[shape.architecture]
    options = {"batch_norm": shape.batch_norm} if entry.may_normalise else {}
    return entry.discriminator(shape.resolution, shape.class_count, shape.width, **options)


def create_gan(shape: GanShape) -> tuple[Generator, Discriminator]:
    """``create_generator``, then ``create_discriminator``: the order decides the random weights."""
    return create_generator(shape), create_discriminator(shape)
