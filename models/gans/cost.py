"""Parameters and work of a GAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from models.gans.registry import GanShape, create_gan


@dataclass(frozen=True)
class GanCost:
    """What the page says of a network before it is trained.

    Attributes:
        generator_parameters: numbers that the generator learns.
        discriminator_parameters: numbers that the discriminator learns.
        multiply_adds: of one forward pass of each network for one picture, in matrix products and
            convolutions; all else is little beside them. A step of training is several times that.
    """

    generator_parameters: int
    discriminator_parameters: int
    multiply_adds: int


@cache
def gan_cost(shape: GanShape) -> GanCost:
    """The cost of ``shape``, without memory for weights and without drawing random numbers."""
    with torch.device("meta"):
        # Moved once more: what has to be real at all times, such as fixed noise, is not here yet.
        generator, discriminator = (network.eval().to("meta") for network in create_gan(shape))
        z = torch.empty(1, shape.latent_size)
        labels = torch.empty(1, dtype=torch.int64) if shape.class_count else None
        pictures = torch.empty(1, 3, shape.resolution, shape.resolution)
        work = multiply_adds(generator, z, labels) + multiply_adds(discriminator, pictures, labels)
    return GanCost(_parameters(generator), _parameters(discriminator), work)


def multiply_adds(network: nn.Module, *inputs: Any) -> int:
    """Multiply-adds in the matrix products and convolutions of ``network`` for ``inputs``.

    On the meta device nothing is computed.
    """
    counter = _Counter()
    with torch.no_grad(), counter:
        network(*inputs)
    return counter.flops // 2  # a multiplication and an addition are two of them


class _Counter(TorchDispatchMode):
    """Adds up torch's own formulas for what runs in this thread.

    Not torch's FlopCounterMode: it hooks into every module of the process for a table that is not
    wanted here, and so into networks that another thread trains meanwhile.
    """

    flops: int = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula: Callable[..., int] | None = flop_registry.get(func.overloadpacket)
        if formula:
            self.flops += formula(*args, **kwargs, out_val=result)
        return result


def _parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
