"""Begin where another GAN ended: carry weights over, and say what could not be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint
from training.text import UserError


def load_start(folder: Path) -> Checkpoint:
    """The weights of the run in ``folder``: its finished model, else its last checkpoint.

    Has the parts ``generator`` (the average one) and ``discriminator``, and the ``shape``.

    Raises:
        UserError: there is no GAN in ``folder``, or it can't be read.
    """
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
    """Copy all that has the same name and shape; gives the names of what keeps its random start."""
    left: list[str] = []
    for name, tensor in network.state_dict().items():
        given = weights.get(name)
        if given is not None and given.shape == tensor.shape:
            tensor.copy_(given)
        else:
            left.append(name)
    return left
