"""DCGAN (arXiv 1511.06434): plain convolutions, the fastest family that makes good pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.gans.layers import (
    LOWEST,
    SLOPE,
    Discriminator,
    Generator,
    LatentInput,
    ProjectionHead,
    channels_at,
    resolutions_up_to,
)

INIT_STD = 0.02  # section 4 of the paper


def small_weights(module: nn.Module) -> None:
    """Draw the weights of a convolution or linear layer from N(0, 0.02^2)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, std=INIT_STD)


class DcganGenerator(Generator):
    """Transposed convolutions that double the side, BatchNorm and ReLU, then a tanh."""

    def __init__(self, resolution: int, class_count: int, width: int, latent_size: int) -> None:
        """Make random weights; ``width`` is the number of channels at 32 px."""
        super().__init__(resolution, class_count, latent_size)
        lowest = channels_at(LOWEST, width)
        self.latent = LatentInput(latent_size, class_count)
        self.linear = nn.Linear(self.latent.size, LOWEST * LOWEST * lowest, bias=False)
        self.start = nn.Sequential(nn.BatchNorm2d(lowest), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleDict()
        for side in resolutions_up_to(resolution):
            inner, outer = channels_at(side // 2, width), channels_at(side, width)
            self.blocks[str(side)] = nn.Sequential(
                nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outer),
                nn.ReLU(inplace=True),
            )
        last = nn.Conv2d(channels_at(resolution, width), 3, 3, padding=1)
        self.to_rgb = nn.ModuleDict({str(resolution): last})
        self.apply(small_weights)

    def forward(self, z: Tensor, labels: Tensor | None = None, *, psi: float = 1.0) -> Tensor:
        """See ``Generator``."""
        x = self.linear(self.latent(psi * z, labels))
        # Channels last in memory, as the convolutions want it on a CPU: (B, C, 4, 4).
        x = self.start(x.view(len(z), LOWEST, LOWEST, -1).permute(0, 3, 1, 2))
        for block in self.blocks.values():
            x = block(x)
        return torch.tanh(self.to_rgb[str(self.resolution)](x))


class DcganDiscriminator(Discriminator):
    """Strided convolutions and LeakyReLU down to 4x4, then one linear layer.

    There is no BatchNorm: it mixes the pictures of a batch, so a gradient penalty per picture
    would mean nothing (arXiv 1704.00028, section 4). ``normalise`` puts another layer between
    convolution and activation: a function from a number of channels to a module.
    """

    def __init__(
        self,
        resolution: int,
        class_count: int,
        width: int,
        normalise: Callable[[int], nn.Module] | None = None,
    ) -> None:
        """Make random weights; ``width`` is the number of channels at 32 px."""
        super().__init__()
        self.blocks = nn.ModuleDict()
        for side in reversed(list(resolutions_up_to(resolution))):
            inner, outer = channels_at(side, width), channels_at(side // 2, width)
            block = nn.Sequential()
            if side == resolution:
                block.add_module("from_rgb", nn.Conv2d(3, outer, 4, stride=2, padding=1))
            else:
                block.add_module("conv", nn.Conv2d(inner, outer, 4, stride=2, padding=1))
            if normalise:
                block.add_module("norm", normalise(outer))
            block.add_module("activation", nn.LeakyReLU(SLOPE, inplace=True))
            self.blocks[str(side)] = block
        self.neck = nn.Flatten()
        feature_count = LOWEST * LOWEST * channels_at(LOWEST, width)
        self.head = ProjectionHead(nn.Linear(feature_count, 1), feature_count, class_count)
        self.apply(small_weights)
