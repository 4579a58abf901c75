"""Light augmentation on the device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 1.15  # stored side / network side, so that a crop can be moved and scaled


def vary(x: Tensor, side: int, *, mirror: bool, generator: torch.Generator) -> Tensor:
    """Light augmentation: (B, 3, S, S) in [0, 1] to (B, 3, side, side).

    Crops of 60 to 100 % of the area at a random place, mirrored half of the time where
    ``mirror``, brightness and contrast up to 20 % off.
    """
    if x.shape[-1] >= 2 * side:  # the sampling below skips pixels of what is much larger
        x = F.avg_pool2d(x, x.shape[-1] // side, ceil_mode=True)
    batch = x.shape[0]

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(batch, generator=generator) * (high - low) + low
        return drawn.to(x.device, non_blocking=True)

    zoom = uniform(0.6, 1.0).sqrt()
    flip = torch.where(uniform(-1, 1) < 0, -1.0, 1.0) if mirror else torch.ones_like(zoom)
    shift_x, shift_y = uniform(-1, 1) * (1 - zoom), uniform(-1, 1) * (1 - zoom)
    zero = torch.zeros_like(zoom)
    affine = torch.stack(
        [torch.stack([zoom * flip, zero, shift_x], 1), torch.stack([zero, zoom, shift_y], 1)], 1
    )  # (B, 2, 3)
    grid = F.affine_grid(affine, [batch, 3, side, side], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = uniform(0.8, 1.2), uniform(0.8, 1.2)
    x = (x - mean) * contrast.view(-1, 1, 1, 1) + mean * brightness.view(-1, 1, 1, 1)
    return x.clamp(0, 1).contiguous(memory_format=torch.channels_last)
