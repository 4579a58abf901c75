"""How different two pictures look.

It is the squared distance between their maps in a frozen network.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from models.gans.projected import FrozenFeatures
from models.registry import BACKBONES, create_model
from models.weights import WeightsUnavailable
from training.data.batches import to_symmetric
from training.features.space import BACKBONE, RandomFeatures

log = logging.getLogger(__name__)

CPU = torch.device("cpu")
SIDE = 64  # px, of the pictures that are compared; 96 px take 1.5 times as long, for nothing
# Shapes are found about as well with 0.1 to 1; below 0.5, colours go astray.
PIXEL_SIDE, PIXEL_WEIGHT = 16, 0.6
BATCH = 32


class PerceptualSpace:
    """Pictures to vectors whose squared distance is how different people would call them.

    At each scale and place, a network's channels are brought to length one and their squared
    difference is averaged: 1 - cosine (LPIPS without its learned weights, arXiv 1801.03924). The
    pictures themselves, ``PIXEL_SIDE`` px small, see to it that colours match.

    ``maps`` takes (B, 3, ``SIDE``, ``SIDE``) in [-1, 1] to maps (B, C, H, W). Only distances under
    the same ``name`` can be compared.
    """

    def __init__(self, name: str, maps: Callable[[Tensor], Sequence[Tensor]]) -> None:
        self.name, self._maps = name, maps

    @torch.no_grad()
    def embed(self, pixels: Tensor) -> Tensor:
        """(B, 3, R, R) uint8 to (B, F), without gradients."""
        batches = [self(to_symmetric(part, CPU)) for part in pixels.split(BATCH)]
        return torch.cat(batches)

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 3, R, R) in [-1, 1] to (B, F), with gradients where ``images`` has them."""
        small = F.interpolate(images, (PIXEL_SIDE, PIXEL_SIDE), mode="bilinear", antialias=True)
        parts = [small.flatten(1) * math.sqrt(PIXEL_WEIGHT / small[0].numel())]
        if images.shape[-1] != SIDE:
            shrinks = images.shape[-1] > SIDE
            images = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=shrinks)
        maps = self._maps(images.contiguous(memory_format=torch.channels_last))
        for each in maps:
            places = each.shape[-1] * each.shape[-2]
            unit = F.normalize(each, dim=1, eps=1e-6).flatten(1)
            # |u - v|^2 is 2 (1 - cosine), hence the 2; the rest makes it a mean.
            parts.append(unit / math.sqrt(2 * places * len(maps)))
        return torch.cat(parts, 1)


def choose_perceptual_space() -> PerceptualSpace:
    """That of the shipped network ``BACKBONE``; of random features without its weights."""
    card = BACKBONES[BACKBONE].card
    if card is not None and card.is_here():
        try:
            return _pretrained(BACKBONE)
        except WeightsUnavailable as problem:
            log.warning("Random features are used instead of damaged weights: %s", problem)
    return _random()


@cache
def _pretrained(backbone: str) -> PerceptualSpace:
    with torch.random.fork_rng(devices=[]):  # a head is drawn that is not used
        network = FrozenFeatures(create_model(backbone, 1, pretrained=True), SIDE)
    fast = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PerceptualSpace(f"{backbone}-{SIDE}", fast)


@cache
def _random() -> PerceptualSpace:
    layers = RandomFeatures().eval().requires_grad_(False).layers

    def maps(x: Tensor) -> list[Tensor]:
        found = []
        for layer in layers:
            found.append(layer(x))
            x = F.relu(found[-1])
        return found[1:]  # from stride 4 on, as those of pretrained networks

    return PerceptualSpace(f"random-{SIDE}", maps)
