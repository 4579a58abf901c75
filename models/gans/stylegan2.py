"""StyleGAN2: modulated convolutions.

arXiv 1912.04958, with a skip generator and a residual discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gans.equalised import (
    GAIN,
    DownConv,
    EqualConv,
    EqualLinear,
    upsample_conv,
)
from models.gans.layers import (
    LOWEST,
    activate,
    channels_at,
    resolutions_up_to,
)
from models.gans.style import LayerNoise, Noise, StyleDiscriminator, StyleGenerator

DEPTH = 2  # of the mapping network, as for 32 px pictures in arXiv 2006.06676


def modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, *, enlarge: bool = False, gain: float = 1.0
) -> Tensor:
    """Convolve with weights scaled by each picture's style, then by one over their norm.

    Equations 1 and 3 of the paper. Scaling what goes in by the style, and what comes out by one
    over the norm, is the same and needs one convolution instead of one for each picture.

    Args:
        x: (B, inner, H, W)
        weight: (outer, inner, 3, 3)
        style: (B, inner)
        enlarge: double the side on the way.
        gain: multiplies the result.

    Returns:
        (B, outer, H, W), or twice the side; of standard deviation ``gain`` if that of x is 1.
    """
    power = style.square() @ weight.square().sum((2, 3)).T  # (B, outer)
    x = x * style[:, :, None, None]
    x = upsample_conv(x, weight) if enlarge else F.conv2d(x, weight, padding=1)
    return x * (gain * torch.rsqrt(power + 1e-8))[:, :, None, None]


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias and LeakyReLU; ``side`` is that of what comes out."""

    def __init__(
        self, inner: int, outer: int, side: int, w_size: int, *, enlarge: bool = False
    ) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.affine = EqualLinear(w_size, inner, bias=1)
        self.weight = nn.Parameter(torch.randn(outer, inner, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outer, 1, 1))
        self.noise = LayerNoise(side, number=int(not enlarge))

    def forward(self, x: Tensor, w: Tensor, noise: Noise) -> Tensor:
        """(B, inner, H, W), (B, w_size) to (B, outer, side, side)."""
        style = self.affine(w)
        x = modulated_conv(x, self.weight, style, enlarge=self.enlarge, gain=GAIN)
        return activate(self.noise(x, noise) + self.bias)


class ToRgb(nn.Module):
    """Features to a picture: a 1x1 convolution with modulation but no demodulation."""

    def __init__(self, inner: int, w_size: int) -> None:
        super().__init__()
        self.affine = EqualLinear(w_size, inner, bias=1)
        self.weight = nn.Parameter(torch.randn(3, inner, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(B, inner, H, W), (B, w_size) to (B, 3, H, W)."""
        style = self.affine(w) / math.sqrt(x.shape[1])
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class SynthesisBlock(nn.Module):
    """One resolution: the layers, one at ``LOWEST`` and two elsewhere, and their picture."""

    def __init__(self, side: int, width: int, w_size: int) -> None:
        super().__init__()
        channels = channels_at(side, width)
        self.layers = nn.ModuleList()
        if side > LOWEST:
            below = channels_at(side // 2, width)
            self.layers.append(StyledConv(below, channels, side, w_size, enlarge=True))
        self.layers.append(StyledConv(channels, channels, side, w_size))
        self.to_rgb = ToRgb(channels, w_size)

    def forward(self, x: Tensor, ws: Iterator[Tensor], noise: Noise) -> tuple[Tensor, Tensor]:
        """Features of half the side to those of this side and a picture; takes its share of ws."""
        for layer in self.layers:
            w = next(ws)
            x = layer(x, w, noise)
        return x, self.to_rgb(x, w)


class Stylegan2Generator(StyleGenerator):
    """Each resolution adds to an enlarged picture of the one before."""

    def __init__(self, resolution: int, class_count: int, width: int, latent_size: int) -> None:
        sides = [LOWEST, *resolutions_up_to(resolution)]
        super().__init__(resolution, class_count, latent_size, DEPTH, 2 * len(sides) - 1)
        self.start = nn.Parameter(torch.randn(1, channels_at(LOWEST, width), LOWEST, LOWEST))
        self.blocks = nn.ModuleDict(
            {str(side): SynthesisBlock(side, width, latent_size) for side in sides}
        )

    def synthesise(self, ws: tuple[Tensor, ...], noise: Noise) -> Tensor:
        """See ``StyleGenerator``."""
        x, styles = self.start.expand(len(ws[0]), -1, -1, -1), iter(ws)
        image = x.new_zeros(1, 3, LOWEST // 2, LOWEST // 2)  # nothing yet, for the whole batch
        for block in self.blocks.values():
            x, more = block(x, styles, noise)
            image = F.interpolate(image, scale_factor=2, mode="bilinear") + more
        return image


class ResidualDown(nn.Module):
    """Two convolutions and a shortcut to half the side; the highest one takes a picture."""

    def __init__(self, side: int, width: int, *, takes_picture: bool) -> None:
        super().__init__()
        inner, outer = channels_at(side, width), channels_at(side // 2, width)
        self.from_rgb = EqualConv(3, inner, 1, gain=GAIN) if takes_picture else None
        # Both ways leave with half of the power, so that their sum has unit scale.
        self.conv = EqualConv(inner, inner, gain=GAIN)
        self.down = DownConv(inner, outer, gain=GAIN * math.sqrt(0.5))
        self.shortcut = EqualConv(inner, outer, 1, gain=math.sqrt(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, side, side), or (B, 3, side, side), to (B, outer, side/2, side/2)."""
        if self.from_rgb is not None:
            x = activate(self.from_rgb(x))
        y = activate(self.down(activate(self.conv(x))))
        short: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return short + y


class Stylegan2Discriminator(StyleDiscriminator):
    """A ``StyleDiscriminator`` of residual blocks, the paper's choice (section 4.1)."""

    block = ResidualDown
