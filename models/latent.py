"""Latent vectors: from seeds to points that a generator turns into pictures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def draw_latents(seeds: Sequence[int], size: int) -> Tensor:
    """(N, size) standard normal, one row for each seed; a row depends on its seed alone."""
    return torch.stack(
        [torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
