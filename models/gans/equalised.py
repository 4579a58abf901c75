"""Layers with equalised learning rate.

arXiv 1710.10196, for the two style families. Weights are drawn from N(0, 1) and scaled where they
are used, so that Adam moves every layer at the same relative speed.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gans.layers import LOWEST, SLOPE

# Restores the scale that LeakyReLU takes away. A layer takes it as its ``gain``, because
# multiplying weights is cheaper than multiplying pictures.
GAIN = math.sqrt(2)
NEIGHBOURS = 4  # pictures that minibatch standard deviation compares


class EqualLinear(nn.Module):
    """A linear layer; ``rate`` multiplies its learning rate, ``bias`` is where its bias starts."""

    def __init__(
        self, inner: int, outer: int, *, gain: float = 1.0, rate: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        # Divided here and multiplied in forward: the same function, but Adam's steps scale with it.
        self.weight = nn.Parameter(torch.randn(outer, inner) / rate)
        self.bias = nn.Parameter(torch.full((outer,), bias / rate))
        self.scale, self.rate = gain * rate / math.sqrt(inner), rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner) to (B, outer)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualConv(nn.Module):
    """A convolution that keeps the side; ``kernel`` is odd, ``gain`` multiplies its weights."""

    def __init__(self, inner: int, outer: int, kernel: int = 3, *, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outer))
        self.scale = gain / math.sqrt(inner * kernel * kernel)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, H, W) to (B, outer, H, W)."""
        weight = self.weight * self.scale
        return F.conv2d(x, weight, self.bias, padding=weight.shape[2] // 2)


class DownConv(EqualConv):
    """A 3x3 convolution that halves the side after a [1 3 3 1] filter."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, H, W) to (B, outer, H/2, W/2)."""
        weight = average_pairs(self.weight * self.scale)
        return F.conv2d(blur(x), weight, self.bias, stride=2, padding=1)


class UpConv(EqualConv):
    """A 3x3 convolution of the picture at twice its side, bilinearly enlarged."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, H, W) to (B, outer, 2H, 2W)."""
        return upsample_conv(x, self.weight * self.scale) + self.bias[:, None, None]


def average_pairs(weight: Tensor) -> Tensor:
    """The 4x4 kernel of a 3x3 convolution with a 2x2 average behind it.

    With stride 2 it has 4/9 of the work of a 3x3 convolution at full size. (A, B, 3, 3) to
    (A, B, 4, 4).
    """
    right = F.pad(weight, (1, 0)) + F.pad(weight, (0, 1))
    both = F.pad(right, (0, 0, 1, 0)) + F.pad(right, (0, 0, 0, 1))
    return both / 4


def upsample_conv(x: Tensor, weight: Tensor) -> Tensor:
    """A 3x3 convolution of the picture at twice its side, bilinearly enlarged.

    Computed as a transposed convolution and a filter, which is the same but for the border, in
    half of the time on a CPU. ``weight`` is (outer, inner, 3, 3).
    """
    kernel = 4 * average_pairs(weight).flip(2, 3).transpose(0, 1)
    return blur(F.conv_transpose2d(x, kernel, stride=2, padding=1))


def blur(x: Tensor) -> Tensor:
    """The filter [1 2 1] / 4 in both directions; with a 2x2 average it is [1 3 3 1]."""
    # Computed where x is: a copy from the CPU would make a GPU wait.
    line = (2 - (torch.arange(3, device=x.device, dtype=x.dtype) - 1).abs()) / 4
    kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


class MinibatchStd(nn.Module):
    """Adds one channel: how much neighbours in the batch differ (arXiv 1710.10196, section 3).

    A discriminator that sees it can tell a generator that makes too little variety. Neighbours
    are groups of 4 in a row, or fewer where 4 does not divide the batch.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + 1, H, W)."""
        count, _, height, side = x.shape
        size = next(n for n in range(NEIGHBOURS, 0, -1) if count % n == 0)
        groups = x.reshape(count // size, size, -1)
        spread = (groups.var(1, correction=0) + 1e-8).sqrt().mean(1)  # (groups,)
        channel = spread.repeat_interleave(size).view(-1, 1, 1, 1).expand(-1, 1, height, side)
        return torch.cat([x, channel], dim=1)


def style_neck(channels: int) -> nn.Sequential:
    """The discriminators' last layers before the head: (B, C, 4, 4) to (B, C)."""
    return nn.Sequential(
        MinibatchStd(),
        EqualConv(channels + 1, channels, gain=GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Flatten(),
        EqualLinear(channels * LOWEST * LOWEST, channels, gain=GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
