"""L2-SP and class weights.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def l2_sp(weights: Mapping[str, Tensor], start: Mapping[str, Tensor], strength: float) -> Tensor:
    """Pull towards the pretrained weights: (strength / 2) * sum over k of ||w_k - w_k^0||^2.

    Layers without a counterpart in ``start`` (the new head) are left free. arXiv 1802.01483,
    equation 2.
    """
    pulls = [(weights[name] - start[name]).square().sum() for name in start]
    return strength / 2 * torch.stack(pulls).sum()


def inverse_frequency(labels: Tensor, class_count: int) -> Tensor:
    """Class weights (classes,) that give every class the same say; their mean over ``labels`` is 1.

    A class without pictures gets 0.
    """
    counts = torch.bincount(labels, minlength=class_count).float()
    present = (counts > 0).sum()
    return torch.where(counts > 0, len(labels) / (present * counts.clamp_min(1)), 0.0)
