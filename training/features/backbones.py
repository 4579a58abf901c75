"""Backbones without their weights."""

from __future__ import annotations

from models.registry import BACKBONES
from models.weights import WeightsUnavailable
from training.core.messages import UserError


def weights_missing(backbone: str, problem: WeightsUnavailable) -> UserError:
    """The error to raise: how large the download is, and which backbones need none."""
    here = [name for name, entry in BACKBONES.items() if entry.card and entry.card.is_here()]
    return UserError(
        "train.no_weights",
        backbone=backbone,
        size=round(problem.card.size_mb),
        here=", ".join(here) or "-",
    )
