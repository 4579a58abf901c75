"""The features that generators are evaluated in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from models.frozen import freeze
from models.lite0 import SIDE, Lite0Features, judge_card
from models.weights import ShippedCard, WeightsUnavailable
from training.features.space import FeatureSpace, random_space

log = logging.getLogger(__name__)

WARM_UP = 3  # calls after which TorchScript has settled on how it computes, to the last digit
CPU_BATCH = 8  # pictures; 560 images/s at 4, 427 at 16


def choose_judge(device: torch.device) -> FeatureSpace:
    """The features of a network that no generator learns through, with layout kept.

    Without its weights, random features. Torch's global random numbers are not touched.
    """
    card = judge_card()
    if card is None:
        return random_space(device)
    try:
        forward, content = _lite0(card, device)
    except WeightsUnavailable as problem:
        log.warning("Random features are used instead of damaged weights: %s", problem)
        return random_space(device)
    return FeatureSpace(f"lite0-{SIDE}", SIDE, forward, device, CPU_BATCH, content)


@cache
def _lite0(card: ShippedCard, device: torch.device) -> tuple[Callable[[Tensor], Tensor], int]:
    with torch.random.fork_rng(devices=[]):
        network = Lite0Features(card)
    forward = freeze(network, device)
    for _ in range(WARM_UP):
        forward(torch.zeros(CPU_BATCH, 3, SIDE, SIDE, device=device))
    return forward, network.content
