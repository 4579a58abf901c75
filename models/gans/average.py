"""The average of a generator's weights over its training, which makes the samples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.gans.layers import Generator
from models.gans.style import StyleGenerator

Batches = Iterable[
    tuple[Tensor, Tensor | None]
]  # latents (B, latent_size), and labels (B,) or none


class AverageGenerator:
    """An exponential moving average (arXiv 1710.10196, section 3), in eval mode.

    BatchNorm's statistics are not averaged: what a network of averaged weights sees on its way is
    not what the networks saw whose weights were averaged (arXiv 1803.05407, section 3.2; for
    networks with one input, ``torch.optim.swa_utils.update_bn`` does what is done here).
    """

    def __init__(self, generator: Generator, batches: Callable[[], Batches]) -> None:
        """Begin as a copy; ``batches`` gives the ones that statistics are measured with."""
        self.network: Generator = copy.deepcopy(generator).eval().requires_grad_(False)
        self._batches = batches
        self._norms = [part for part in self.network.modules() if isinstance(part, _BatchNorm)]
        self._is_stale = True

    @torch.no_grad()
    def update(self, generator: Generator, decay: float) -> None:
        """Keep ``decay`` of the average so far; the rest is ``generator``."""
        slow, fast = list(self.network.parameters()), list(generator.parameters())
        get_ema_multi_avg_fn(decay)(slow, fast, 0)
        if isinstance(self.network, StyleGenerator) and isinstance(generator, StyleGenerator):
            self.network.w_mean.lerp_(generator.w_mean, 1 - decay)
            self.network.w_batches.copy_(generator.w_batches)
        self._is_stale = True

    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on with these; their statistics are measured again before they are used."""
        self.network.load_state_dict(weights)
        self._is_stale = True

    def __call__(self) -> Generator:
        """The network, with the statistics that belong to its weights."""
        if self._is_stale and self._norms:
            self._measure()
        self._is_stale = False
        return self.network

    @torch.no_grad()
    def _measure(self) -> None:
        momenta = [norm.momentum for norm in self._norms]
        for norm in self._norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
        self.network.train()
        for z, labels in self._batches():
            self.network(z, labels)
        self.network.eval()
        for norm, momentum in zip(self._norms, momenta, strict=True):
            norm.momentum = momentum
