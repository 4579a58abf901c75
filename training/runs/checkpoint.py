"""Checkpoints on disk, written atomically.

Weights as safetensors, all else as JSON, and the checksums of both.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

ROW_ALIGNMENT = 16  # numbers
SUMS = "SHA256SUMS"  # in the format of the sha256sum command


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and all else as JSON data. Names are paths: ``model/head.weight``."""

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below ``prefix/``, named without it; empty where there are none."""
        start = prefix + "/"
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}


class CheckpointDamaged(Exception):
    """The folder holds no readable checkpoint; the message names the file."""


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``folder``, replacing an older one only when all is on disk.

    Raises:
        OSError: no space or no permission; an older checkpoint in ``folder`` is untouched.
    """
    fresh, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    # Contiguous copies: safetensors refuses tensors that share memory (an EMA, a tied weight).
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in checkpoint.tensors.items()}
    save_file(tensors, fresh / "tensors.safetensors")
    (fresh / "state.json").write_text(json.dumps(checkpoint.state), encoding="utf-8")
    (fresh / SUMS).write_text(_sums(fresh), encoding="ascii", newline="\n")
    # Before the rename: it could reach the disk sooner than what the files hold.
    for path in fresh.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    if folder.exists():  # where it is missing, a crash has left the older one as our only one
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path) -> Checkpoint:
    """Read what ``save`` wrote; after a crash between its two renames, the older one.

    Raises:
        FileNotFoundError: nothing was ever saved there.
        CheckpointDamaged: a file is missing, truncated or altered, be it by one bit.
    """
    old = folder.with_name(folder.name + ".old")
    if not folder.exists() and old.exists():
        folder = old
    if not folder.exists():
        raise FileNotFoundError(folder)
    try:
        if checksums(folder) != _sums(folder):
            raise CheckpointDamaged(f"{folder}: the files do not match {SUMS}.")
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "tensors.safetensors")
        # Copies: what load_file gives is mapped from the file, which then can't be replaced on
        # Windows while somebody holds a tensor.
        return Checkpoint({name: tensor.clone() for name, tensor in tensors.items()}, state)
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointDamaged(f"{folder}: {error}") from error


def checksums(folder: Path) -> str:
    """The text of ``SHA256SUMS``, which tells the checkpoint in ``folder`` from any other.

    Raises:
        OSError: there is none.
    """
    return (folder / SUMS).read_text(encoding="ascii")


def _sums(folder: Path) -> str:
    """One line per file: its SHA-256 and its name."""
    names = ("state.json", "tensors.safetensors")
    return "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names
    )


def pack(**parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Several state dicts as one: ``pack(model=...)`` names its tensors ``model/...``."""
    return {f"{part}/{name}": t for part, tensors in parts.items() for name, t in tensors.items()}


def pack_optimizer(optimizer: Optimizer) -> dict[str, Tensor]:
    """A copy of an optimizer's state, as named tensors; its rates are the schedule's."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}/{name}": torch.as_tensor(value).detach().cpu().clone()
        for index, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def unpack_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The reverse of ``pack_optimizer``, into an optimizer over the same parameters.

    States of earlier versions, which trained all weights as one row, are taken apart.
    """
    groups = optimizer.state_dict()["param_groups"]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if "0/exp_avg" in tensors and tensors["0/exp_avg"].shape != weights[0].shape:
        tensors = _apart(tensors, weights)
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        index, name = path.split("/")
        weight = weights[int(index)]
        if value.shape == weight.shape:
            # Files hold plain rows; the fused optimizers walk weight and state side by side in
            # memory, so that both have to be laid out alike (channels_last).
            value = torch.empty_like(weight, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _apart(row: Mapping[str, Tensor], weights: Sequence[Tensor]) -> dict[str, Tensor]:
    """Adam's state of one row of numbers as that of the ``weights`` that lay in it.

    Earlier versions trained all weights of a network as one row. Each weight lay there in its own
    memory format, and began at a multiple of ``ROW_ALIGNMENT``.
    """
    state: dict[str, Tensor] = {}
    start = 0
    for index, weight in enumerate(weights):
        like = torch.empty_like(weight)  # dense, whatever the weight is a view of
        for name in ("exp_avg", "exp_avg_sq"):
            state[f"{index}/{name}"] = row[f"0/{name}"].as_strided(like.shape, like.stride(), start)
        state[f"{index}/step"] = row["0/step"].clone()
        start += -(-weight.numel() // ROW_ALIGNMENT) * ROW_ALIGNMENT
    return state
