"""Devices, and Fabric to train there.

Lightning Fabric hides the differences between a CPU, one graphics card and several.
"""

from __future__ import annotations

import os
from typing import Literal

import torch
from lightning_fabric import Fabric

from training.core.messages import UserError

ZEROGPU = "zerogpu"  # a GPU that is there for a call at a time: see training/jobs/zerogpu.py


def on_zerogpu() -> bool:
    """Whether this is a ZeroGPU Space: torch finds a GPU only inside of decorated calls."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def hide_gpu() -> None:
    """Make torch say that there is no GPU, as is true outside of the calls that one is lent for.

    ZeroGPU's package makes it say the opposite, and then Adam on the CPU goes and looks for it.
    In its calls the package puts back what torch says by itself.
    """
    torch.cuda.is_available = lambda: False


def list_devices() -> tuple[str, ...]:
    """Every accelerator of this machine as a torch device name, or the CPU alone."""
    if torch.cuda.is_available():
        return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    if torch.backends.mps.is_available():
        return ("mps",)
    return ("cpu",)


def create_fabric(device: str, processes: int = 1) -> Fabric:
    """A Fabric for one device, or for ``processes`` that train one model together.

    The processes share a CPU, or take the first graphics cards, one each.

    On CUDA it runs bfloat16 autocast. On a CPU it stays with float32: without native support
    bfloat16 products are slower by a factor of hundreds.

    Raises:
        UserError: this machine has no such device.
    """
    kind, _, index = device.partition(":")
    here = list_devices()
    # "cuda" without a number is the first card.
    if device not in (*here, "cpu", "cuda") or (kind == "cuda" and "cuda:0" not in here):
        raise UserError("device.missing", device=device, here=", ".join(here))
    most = (os.cpu_count() or 1) if kind == "cpu" else len(here)
    if not 1 <= processes <= most:
        raise UserError("device.too_many", count=processes, here=", ".join(here))
    if processes > 1:
        # Spawned, not launched again from the command line: the pictures are taken in once.
        precision: Literal["32-true", "bf16-mixed"] = "32-true" if kind == "cpu" else "bf16-mixed"
        return Fabric(
            accelerator=kind, devices=processes, strategy="ddp_spawn", precision=precision
        )
    if kind == "cpu":
        return Fabric(accelerator="cpu", devices=1, precision="32-true")
    if kind == "mps":
        return Fabric(accelerator="mps", devices=1, precision="32-true")
    return Fabric(accelerator="cuda", devices=[int(index or 0)], precision="bf16-mixed")


def is_out_of_memory(problem: Exception) -> bool:
    """Whether a device, or this machine, has no memory left; torch says so in several ways."""
    if isinstance(problem, (torch.OutOfMemoryError, MemoryError)):
        return True
    # The CPU's allocator raises a plain RuntimeError, to be told by its text alone.
    text = str(problem).lower()
    return "out of memory" in text or "can't allocate memory" in text
