"""L2-SP, class weights, the loss that takes them, and what curves show.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
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


def weighted_cross_entropy(
    scores: Tensor, labels: Tensor, class_weights: Tensor | None, smoothing: float
) -> Tensor:
    """The mean over pictures of w[y] CE(smoothed target): a scalar.

    Torch's own, given both weights and smoothing, weighs the share that goes to each class by the
    weight of that class instead of the picture's. With 400 pictures against 10 that makes the rare
    class the better guess for the others: the best p for their own is 0.49.

    Args:
        scores: (B, classes).
        labels: (B,) int64.
        class_weights: (classes,), or none.
        smoothing: share of the target spread over all classes.
    """
    losses = F.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="none")
    if class_weights is None:
        return losses.mean()
    weights = class_weights[labels]
    mean: Tensor = (weights * losses).sum() / weights.sum()
    return mean


def loss_and_accuracy(scores: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy, and the share of right answers of ``scores`` (N, classes).

    Of classes that score alike one is drawn, so to speak: a head that knows nothing is right about
    one picture in as many as there are classes, not about all of the first class.
    """
    highest = (scores == scores.amax(dim=1, keepdim=True)).float()
    right = highest.gather(1, labels[:, None])[:, 0] / highest.sum(dim=1).clamp_min(1)
    return F.cross_entropy(scores, labels).item(), right.mean().item()
