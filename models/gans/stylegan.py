"""StyleGAN without progressive growing.

arXiv 1812.04948: styles set the mean and spread of every layer's features. StyleGAN2 showed
progressive growing to be dispensable.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.gans.equalised import (
    GAIN,
    DownConv,
    EqualConv,
    EqualLinear,
    UpConv,
)
from models.gans.layers import (
    LOWEST,
    activate,
    channels_at,
    resolutions_up_to,
)
from models.gans.style import LayerNoise, Noise, StyleDiscriminator, StyleGenerator

DEPTH = 8  # of the mapping network (section 2 of the paper)


def adaptive_instance_norm(x: Tensor, style: Tensor) -> Tensor:
    """Give each channel of each picture the spread and mean that its style asks for (equation 1).

    Args:
        x: (B, C, H, W)
        style: (B, 2C), the spread less 1, then the mean.

    Returns:
        (B, C, H, W)
    """
    x = x.float()  # a difference of squares is nothing for half precision
    mean = x.mean((2, 3))  # (B, C)
    # torch.var takes ten times as long where the channels are last in memory.
    variance = (x.square().mean((2, 3)) - mean.square()).clamp(min=0)
    spread, shift = style.chunk(2, dim=1)
    scale = (1 + spread) * torch.rsqrt(variance + 1e-5)
    return torch.addcmul((shift - mean * scale)[:, :, None, None], x, scale[:, :, None, None])


class StyledLayer(nn.Module):
    """Noise, LeakyReLU and the style, behind a convolution or the learned constant.

    ``conv`` gives (B, ``channels``, ``side``, ``side``); ``number`` counts the layers of a side.
    """

    def __init__(self, conv: nn.Module, channels: int, side: int, w_size: int, number: int) -> None:
        super().__init__()
        self.conv = conv
        self.noise = LayerNoise(side, channels, number)
        self.affine = EqualLinear(w_size, 2 * channels)

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """What ``conv`` takes, (B, w_size) to (B, channels, side, side)."""
        x = activate(self.noise(self.conv(x), noise))
        return adaptive_instance_norm(x, self.affine(w))


class SynthesisBlock(nn.Module):
    """Two styled layers at one side; at ``LOWEST`` there is nothing to enlarge."""

    def __init__(self, side: int, width: int, w_size: int) -> None:
        super().__init__()
        below, channels = channels_at(side // 2, width), channels_at(side, width)
        enlarge = UpConv(below, channels) if side > LOWEST else nn.Identity()
        self.first = StyledLayer(enlarge, channels, side, w_size, 0)
        self.second = StyledLayer(EqualConv(channels, channels), channels, side, w_size, 1)

    def forward(self, x: Tensor, ws: Iterator[Tensor], noise: Noise) -> Tensor:
        """Features of half the side to those of this side; takes its share of ``ws``."""
        x = self.first(x, next(ws), noise)
        y: Tensor = self.second(x, next(ws), noise)
        return y


class StyleganGenerator(StyleGenerator):
    """A learned 4x4 picture, then two styled layers at each side."""

    def __init__(self, resolution: int, class_count: int, width: int, latent_size: int) -> None:
        sides = [LOWEST, *resolutions_up_to(resolution)]
        super().__init__(resolution, class_count, latent_size, DEPTH, 2 * len(sides))
        self.start = nn.Parameter(torch.randn(1, channels_at(LOWEST, width), LOWEST, LOWEST))
        self.blocks = nn.ModuleDict(
            {str(side): SynthesisBlock(side, width, latent_size) for side in sides}
        )
        last = EqualConv(channels_at(resolution, width), 3, 1)
        self.to_rgb = nn.ModuleDict({str(resolution): last})

    def synthesise(self, ws: tuple[Tensor, ...], noise: Noise) -> Tensor:
        """See ``StyleGenerator``."""
        # repeat, not expand: without noise, the first LeakyReLU writes into these maps.
        x, styles = self.start.repeat(len(ws[0]), 1, 1, 1), iter(ws)
        for block in self.blocks.values():
            x = block(x, styles, noise)
        image: Tensor = self.to_rgb[str(self.resolution)](x)
        return image


class PlainDown(nn.Module):
    """Two convolutions to half the side; the highest one takes a picture."""

    def __init__(self, side: int, width: int, *, takes_picture: bool) -> None:
        super().__init__()
        inner, outer = channels_at(side, width), channels_at(side // 2, width)
        self.from_rgb = EqualConv(3, inner, 1, gain=GAIN) if takes_picture else None
        self.conv = EqualConv(inner, inner, gain=GAIN)
        self.down = DownConv(inner, outer, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, side, side), or (B, 3, side, side), to (B, outer, side/2, side/2)."""
        if self.from_rgb is not None:
            x = activate(self.from_rgb(x))
        return activate(self.down(activate(self.conv(x))))


class StyleganDiscriminator(StyleDiscriminator):
    """A ``StyleDiscriminator`` of plain blocks, as in the paper: no shortcuts."""

    block = PlainDown
