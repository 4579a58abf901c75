"""Begin where another GAN ended: carry weights over, and say what could not be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.weights import is_shipped
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint
from training.record import load_model
from training.text import UserError


def load_start(folder: Path) -> Checkpoint:
    """The weights of the shipped model or the run in ``folder``: finished, else the last ones.

    Has the parts ``generator`` (the average one) and ``discriminator``, and the ``shape``.

    Raises:
        UserError: there is no GAN in ``folder``, or it can't be read.
    """
    if is_shipped(folder):
        shipped = load_model(folder)
        if "shape" in shipped.state:
            return shipped
    for name in ("model", "checkpoint"):
        try:
            saved = checkpoints.load(folder / name)
        except FileNotFoundError:
            continue
        except checkpoints.CheckpointDamaged as problem:
            raise UserError("run.damaged", name=folder.name) from problem
        if "shape" not in saved.state:
            break
        generator = saved.part("ema") or saved.part("generator")
        tensors = checkpoints.pack(generator=generator, discriminator=saved.part("discriminator"))
        return Checkpoint(tensors, saved.state)
    raise UserError("gan.no_start", name=folder.name)


@torch.no_grad()
def carry_over(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Copy all that has the same name and shape; gives the names of what keeps its random start.

    New classes begin as the average of the old ones, or as what a network without classes had.
    """
    per_class = {
        f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.Embedding)
    }
    left: list[str] = []
    for name, tensor in network.state_dict().items():
        given = weights.get(name)
        if given is not None and given.shape == tensor.shape:
            tensor.copy_(given)
        elif (average := _over_classes(name, weights, name in per_class)) is not None and (
            average.shape[-1] == tensor.shape[-1]
        ):
            tensor.copy_(average.expand_as(tensor))
        else:
            left.append(name)
    return left


def _over_classes(name: str, weights: Mapping[str, Tensor], is_per_class: bool) -> Tensor | None:
    """What stands for any class: of an embedding, or between ``ClassNorm`` and plain BatchNorm."""
    if is_per_class and name in weights:
        return weights[name].mean(dim=0)
    for plain, classes in (("norm.weight", "gain.weight"), ("norm.bias", "bias.weight")):
        if is_per_class and name.endswith(classes):
            return weights.get(name.removesuffix(classes) + plain)
        if name.endswith(plain):
            given = weights.get(name.removesuffix(plain) + classes)
            return given.mean(dim=0) if given is not None else None
    return None
