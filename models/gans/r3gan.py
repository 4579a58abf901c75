"""R3GAN: residual networks without normalisation.

arXiv 2501.05441. Made for the relativistic loss with both gradient penalties, which the paper
proves to converge.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gans.layers import (
    LOWEST,
    SLOPE,
    Discriminator,
    Generator,
    LatentInput,
    ProjectionHead,
    activate,
    channels_at,
    resolutions_up_to,
)

BLOCKS = 2  # residual blocks at each side
EXPANSION = 2  # of the channels inside a block
GROUP = 16  # channels that see each other in a grouped convolution, as in the paper
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # restores the scale that LeakyReLU takes away


def conv(inner: int, outer: int, gain: float = 1.0, kernel: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution whose weights multiply the scale of what goes in by ``gain``; no bias yet."""
    layer = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, groups=groups)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.weight[0].numel()))
    nn.init.constant_(layer.bias, 0)  # type: ignore[arg-type]  # there is one
    return layer


class ResidualBlock(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolution beside an identity; one of ``block_count`` in a row.

    Fix-up initialisation (arXiv 1901.09321): a block starts as the identity, and its inner layers
    shrink with the number of blocks, so that a deep network needs no normalisation.
    """

    def __init__(self, channels: int, block_count: int) -> None:
        super().__init__()
        groups = math.ceil(channels * EXPANSION / GROUP)  # a narrow network rounds up
        inside = groups * GROUP
        gain = GAIN * block_count**-0.25  # Fix-up's L^(-1 / (2m - 2)), m = 3 layers in a block
        self.expand = conv(channels, inside, gain)
        self.mix = conv(inside, inside, gain, kernel=3, groups=groups)
        self.project = conv(inside, channels, gain=0)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same."""
        y = activate(self.expand(x))
        y = activate(self.mix(y))
        z: Tensor = self.project(y)
        return x + z


class Rise(nn.Module):
    """The generator's part at one side: enlarge what the side below made, then refine it.

    At ``LOWEST`` there is nothing to enlarge.
    """

    def __init__(self, side: int, width: int, block_count: int) -> None:
        super().__init__()
        channels = channels_at(side, width)
        below = channels_at(side // 2, width)
        self.change = conv(below, channels) if side > LOWEST else None
        self.blocks = nn.Sequential(*(ResidualBlock(channels, block_count) for _ in range(BLOCKS)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C below, side/2, side/2) to (B, C, side, side)."""
        if self.change is not None:
            # The 1x1 convolution first: the same result, for a quarter of the work.
            x = F.interpolate(self.change(x), scale_factor=2, mode="bilinear")
        y: Tensor = self.blocks(x)
        return y


class Fall(nn.Module):
    """The discriminator's part at one side: refine, then halve for the side below.

    ``LOWEST`` is the last side and is not halved; the first one ``takes_picture``.
    """

    def __init__(self, side: int, width: int, block_count: int, *, takes_picture: bool) -> None:
        super().__init__()
        channels = channels_at(side, width)
        self.from_rgb = conv(3, channels) if takes_picture else None
        self.blocks = nn.Sequential(*(ResidualBlock(channels, block_count) for _ in range(BLOCKS)))
        below = channels_at(side // 2, width)
        self.change = conv(channels, below) if side > LOWEST else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C or 3, side, side) to (B, C below, side/2, side/2)."""
        if self.from_rgb is not None:
            x = self.from_rgb(x)
        x = self.blocks(x)
        if self.change is not None:
            x = self.change(F.avg_pool2d(x, 2))  # bilinear at half the side is this average
        return x


class R3ganGenerator(Generator):
    """A learned 4x4 picture weighed by the latent vector, then residual blocks at each side."""

    def __init__(self, resolution: int, class_count: int, width: int, latent_size: int) -> None:
        super().__init__(resolution, class_count, latent_size)
        lowest, sides = channels_at(LOWEST, width), [LOWEST, *resolutions_up_to(resolution)]
        self.latent = LatentInput(latent_size, class_count)
        self.linear = nn.Linear(self.latent.size, lowest, bias=False)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(self.latent.size))
        self.basis = nn.Parameter(torch.randn(1, lowest, LOWEST, LOWEST))
        self.blocks = nn.ModuleDict(
            {str(side): Rise(side, width, BLOCKS * len(sides)) for side in sides}
        )
        self.to_rgb = nn.ModuleDict({str(resolution): conv(channels_at(resolution, width), 3)})

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See ``Generator``."""
        x = self._start(z, labels)
        for block in self.blocks.values():
            x = block(x)
        image: Tensor = self.to_rgb[str(self.resolution)](x)
        return image

    def early_features(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See ``Generator``: maps of 4x4."""
        first = next(iter(self.blocks.values()))
        maps: Tensor = first(self._start(z, labels))
        return maps.flatten(1)

    def _start(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The learned picture, each channel weighed: (B, C, 4, 4)."""
        weights: Tensor = self.linear(self.latent(z, labels))
        return self.basis * weights[:, :, None, None]


class R3ganDiscriminator(Discriminator):
    """The generator's blocks the other way, then one weight for each place in the 4x4 picture."""

    def __init__(self, resolution: int, class_count: int, width: int) -> None:
        super().__init__()
        lowest, sides = channels_at(LOWEST, width), [LOWEST, *resolutions_up_to(resolution)]
        self.blocks = nn.ModuleDict(
            {
                str(side): Fall(side, width, BLOCKS * len(sides), takes_picture=side == resolution)
                for side in reversed(sides)
            }
        )
        basis = nn.Conv2d(lowest, lowest, LOWEST, groups=lowest, bias=False)
        linear = nn.Linear(lowest, 1)
        nn.init.normal_(basis.weight, std=1 / LOWEST)  # each sums over LOWEST^2 places
        nn.init.normal_(linear.weight, std=1 / math.sqrt(lowest))
        self.neck = nn.Sequential(basis, nn.Flatten())
        self.head = ProjectionHead(linear, lowest, class_count)
