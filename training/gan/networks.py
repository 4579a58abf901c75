"""Pretrained networks where training wants them, and what to say where they can't be had."""

from __future__ import annotations

from models.gans.layers import Discriminator, Generator
from models.gans.projected import create_projected_discriminator
from models.gans.registry import GanShape, create_gan, create_generator
from models.weights import WeightsUnavailable
from training.features.backbones import weights_missing
from training.gan.config import GanConfig


def create_networks(config: GanConfig, shape: GanShape) -> tuple[Generator, Discriminator]:
    """A new generator and its discriminator, with the teacher's eyes where there is one.

    Raises:
        UserError: the teacher's weights can't be had.
    """
    if not config.teacher:
        return create_gan(shape)
    try:
        discriminator = create_projected_discriminator(shape, config.teacher)
    except WeightsUnavailable as problem:
        raise weights_missing(config.teacher, problem) from problem
    return create_generator(shape), discriminator
