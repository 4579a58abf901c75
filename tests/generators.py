"""Untrained generators for tests.

And yet no two of their samples are alike.
"""

from __future__ import annotations

import torch
from torch import nn

from models.gans.layers import Generator
from models.gans.registry import GanShape, create_generator
from models.gans.style import StyleGenerator

WARM_UP, CONTRAST = 8, 0.4  # batches; standard deviation of the pixels of a new network


@torch.no_grad()
def lively_generator(
    family: str, class_count: int = 0, *, seed: int = 1, latent_size: int = 16
) -> Generator:
    """A small one of 32 px (``mlp``: 28), in eval mode.

    New networks draw nearly grey pictures: running statistics have to be gathered first, and the
    last layer has to be made louder.
    """
    side = 28 if family == "mlp" else 32
    torch.manual_seed(seed)
    generator = create_generator(GanShape(family, side, class_count, 8, latent_size))
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # a plain average: the usual memory outlasts a short warm-up
    for _ in range(WARM_UP):
        labels = torch.randint(class_count, (32,)) if class_count else None
        pictures = generator.train()(torch.randn(32, latent_size), labels)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    if isinstance(generator, StyleGenerator):
        for name, weight in generator.named_parameters():
            if name.endswith("strength"):
                weight.fill_(0.3)
    spread = float(pictures.atanh().std() if pictures.abs().max() < 1 else pictures.std())
    for name, weight in generator.named_parameters():
        if "to_rgb" in name and name.endswith("weight"):
            weight.mul_(CONTRAST / spread)
    return generator.eval().requires_grad_(False)
