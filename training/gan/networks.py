"""The generator and its discriminator."""

from __future__ import annotations

from models.gans.layers import Discriminator, Generator
from models.gans.projected import create_projected_discriminator
from models.gans.registry import GanShape, create_gan, create_generator
from models.weights import WeightsUnavailable
from training.features.backbones import weights_missing
from training.gan.config import GanConfig


def create_networks(config: GanConfig, shape: GanShape) -> tuple[Generator, Discriminator]:
    """Random weights; the discriminator looks through ``config.d_backbone`` where there is one.

    Raises:
        UserError: the backbone's weights can't be had.
    """
    if not config.d_backbone:
        return create_gan(shape)
    try:
        discriminator = create_projected_discriminator(shape, config.d_backbone)
    except WeightsUnavailable as problem:
        raise weights_missing(config.d_backbone, problem) from problem
    return create_generator(shape), discriminator
