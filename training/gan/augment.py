"""DiffAugment for the discriminator.

arXiv 2006.10738: what it sees is varied so that gradients pass.

Real and generated pictures are varied alike, so the generator does not learn the variations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT, HOLE = 1 / 8, 1 / 2  # of the side: the farthest translation and the cutout's side


def diff_augment(x: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Colour, translation and cutout: (B, 3, H, W) in [-1, 1] to the same shape.

    Each of the three changes a picture with probability ``p``, as in arXiv 2006.06676; at
    1 this is DiffAugment's full policy. Random numbers come from ``generator``, on the device of
    ``x``, so that nothing has to be copied there.
    """
    if p <= 0:
        return x
    x = _colour(x, _chosen(x, p, generator), generator)
    x = _translate(x, _chosen(x, p, generator), generator)
    return _cut_out(x, _chosen(x, p, generator), generator)


def _chosen(x: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """(B,) bool: which pictures are changed."""
    return torch.rand(len(x), generator=generator, device=x.device) < p


def _colour(x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness by up to a quarter of the range, saturation 0 to 2, contrast 0.5 to 1.5."""
    drawn = torch.rand(3, len(x), 1, 1, 1, generator=generator, device=x.device)
    brightness, saturation, contrast = torch.where(chosen[:, None, None, None], drawn, 0.5)
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey + (brightness - 0.5)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    varied: Tensor = (x - mean) * (contrast + 0.5) + mean
    return varied


def _translate(x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Whole pixels up to ``SHIFT`` of the side, filled up with zeros (mid-grey)."""
    batch, _, height, width = x.shape
    reach = round(height * SHIFT)
    shift = torch.randint(-reach, reach + 1, (2, batch), generator=generator, device=x.device)
    shift *= chosen
    rows = torch.arange(height, device=x.device) + reach + shift[0, :, None]  # (B, H)
    columns = torch.arange(width, device=x.device) + reach + shift[1, :, None]  # (B, W)
    padded = F.pad(x, [reach] * 4).permute(0, 2, 3, 1)  # (B, H + 2r, W + 2r, 3)
    which = torch.arange(batch, device=x.device)[:, None, None]
    moved: Tensor = padded[which, rows[:, :, None], columns[:, None, :]]  # (B, H, W, 3)
    return moved.permute(0, 3, 1, 2)


def _cut_out(x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """A square of half the side, anywhere and partly outside, set to zero."""
    batch, _, height, width = x.shape
    side = round(height * HOLE)
    low, high = -side // 2, height - side // 2 + 1
    corner = torch.randint(low, high, (2, batch, 1), generator=generator, device=x.device)
    top, left = corner
    row, column = (torch.arange(length, device=x.device) for length in (height, width))
    inside_rows = (row >= top) & (row < top + side)  # (B, H)
    inside_columns = (column >= left) & (column < left + side)  # (B, W)
    hole = inside_rows[:, :, None] & inside_columns[:, None, :] & chosen[:, None, None]
    return x.masked_fill(hole[:, None], 0.0)
