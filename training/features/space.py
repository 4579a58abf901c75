"""Feature spaces for a GAN's metrics.

A frozen network, and the name under which its distances are reported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.frozen import freeze, frozen_backbone
from models.registry import BACKBONES
from models.weights import WeightsUnavailable
from training.data.batches import to_unit

log = logging.getLogger(__name__)

BACKBONE, SIDE = "seedling-s", 64  # px
RANDOM_SIDE, RANDOM_WIDTHS, RANDOM_SEED = 64, (32, 64, 128, 256, 256), 0
RANDOM_GAIN = 10  # makes the features' variances about 1, which the "+ 1" of the KID is meant for
CPU_BATCH, GPU_BATCH = 32, 256


class FeatureSpace:
    """Pictures to features, under a name that distances are called after: "FD, <name>".

    Numbers from two spaces can't be compared, so ``name`` belongs beside every one of them.
    ``forward`` takes (B, 3, side, side) in [0, 1] on ``device`` to (B, D). The last ``content`` of
    the features say what a picture shows, whatever its layout; all of them do where it is 0.
    """

    def __init__(
        self,
        name: str,
        side: int,
        forward: Callable[[Tensor], Tensor],
        device: torch.device,
        cpu_batch: int = CPU_BATCH,
        content: int = 0,
    ) -> None:
        self.name = name
        self.side = side
        self.device = device
        self.batch_size = cpu_batch if device.type == "cpu" else GPU_BATCH
        self.content = content
        self._forward = forward

    def __call__(self, pixels: Tensor) -> Tensor:
        """The features, (B, D) float32 on the CPU, of ``pixels`` (B, 3, R, R) uint8."""
        x = to_unit(pixels, self.device)
        if x.shape[-2:] != (self.side, self.side):
            shrinks = x.shape[-1] > self.side  # filtering costs as much as it needs only then
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", antialias=shrinks)
        # A copy: frozen graphs hand out tensors that they write into again.
        return self._forward(x).float().cpu().clone()


def choose_feature_space(device: torch.device) -> FeatureSpace:
    """The features of the shipped network ``BACKBONE``, so that numbers can be compared.

    Without its weights, random features: no poor second where pictures are unlike photos, such as
    digits (arXiv 2002.09797). Torch's global random numbers are not touched.
    """
    card = BACKBONES[BACKBONE].card
    if card is not None and card.is_here():
        try:
            with torch.random.fork_rng(devices=[]):  # the first call draws a head that is not used
                forward = frozen_backbone(BACKBONE, device)
            return FeatureSpace(f"{BACKBONE}-{SIDE}", SIDE, forward, device)
        except WeightsUnavailable as problem:
            log.warning("Random features are used instead of damaged weights: %s", problem)
    return random_space(device)


def random_space(device: torch.device) -> FeatureSpace:
    """Features of a network that has learned nothing, but is always the same."""
    return FeatureSpace(f"random-{RANDOM_SIDE}", RANDOM_SIDE, _random_forward(device), device)


class RandomFeatures(nn.Module):
    """Convolutions whose weights are drawn from a fixed seed and never trained.

    Every one halves the side. Kaiming's variance (arXiv 1502.01852) keeps the scale, and each
    layer adds its mean over the picture to the features, so that fine and coarse both count.
    The same ``seed`` gives the same network, whatever torch's own random numbers are.
    """

    def __init__(self, widths: tuple[int, ...] = RANDOM_WIDTHS, seed: int = RANDOM_SEED) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layer = nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, stride=2, padding=1)
            std = (2 / (inputs * 9)) ** 0.5
            layer.weight.data.normal_(0, std, generator=generator)
            layer.bias.data.zero_()
            self.layers.append(layer)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, sum of the widths)."""
        x, features = images * 2 - 1, []
        for layer in self.layers:
            x = F.relu(layer(x))
            features.append(x.mean((2, 3)))
        return torch.cat(features, 1) * RANDOM_GAIN


@cache
def _random_forward(device: torch.device) -> Callable[[Tensor], Tensor]:
    return freeze(RandomFeatures(), device)
