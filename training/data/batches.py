"""Pictures as tensors, in batches.

Square, on the device, in an order that depends on the seed alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.data.splits import Indices

IN_MEMORY_BYTES = 2**30  # larger sets are mapped from a temporary file beside the pictures


def stream_squares(images: ImageSet, rows: Indices, side: int, batch_size: int) -> Iterator[Tensor]:
    """Batches (B, 3, side, side) uint8 in the order of ``rows``, prepared one batch ahead."""
    chunks = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]

    def prepare(chunk: Indices) -> Tensor:
        return to_batch(np.stack([images.square(int(row), side) for row in chunk]))

    with ThreadPoolExecutor(1) as pool:
        # Two: one that is being handed over, and one that is being prepared meanwhile.
        ahead = [pool.submit(prepare, chunk) for chunk in chunks[:2]]
        for position in range(len(chunks)):
            yield ahead.pop(0).result()
            if position + 2 < len(chunks):
                ahead.append(pool.submit(prepare, chunks[position + 2]))


def load_squares(images: ImageSet, rows: Indices, side: int, device: torch.device) -> Tensor:
    """All of ``rows`` as (N, 3, side, side) uint8, on a CUDA device with room for three times that.

    Above ``IN_MEMORY_BYTES`` they are mapped from a file that vanishes with the tensor.

    Raises:
        UserError: they would have to be mapped, and the disk has too little room.
    """
    shape = (len(rows), side, side, 3)
    size = int(np.prod(shape))
    if size <= IN_MEMORY_BYTES:
        squares = np.empty(shape, np.uint8)
    else:
        if shutil.disk_usage(images.folder).free < 2 * size:  # a map on a full disk kills us
            raise UserError("train.disk", size=f"{2 * size / 2**30:.1f}")
        with tempfile.TemporaryFile(dir=images.folder) as file:  # gone with the map
            squares = np.memmap(file, np.uint8, "w+", shape=shape)

    def fill(position: int) -> None:
        squares[position] = images.square(int(rows[position]), side)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(fill, range(len(rows))):
            pass
    pixels = to_batch(squares)
    if device.type == "cuda" and size < torch.cuda.mem_get_info(device)[0] // 3:
        return pixels.to(device)
    return pixels


def to_batch(squares: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) uint8 without a copy: channels_last in memory."""
    return torch.from_numpy(squares).permute(0, 3, 1, 2)


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """``x`` on ``device``; to a graphics card without waiting for it, from pinned memory."""
    if device.type == "cuda" and x.device.type == "cpu":
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


def to_unit(pixels: Tensor, device: torch.device) -> Tensor:
    """(B, 3, H, W) uint8 to float32 in [0, 1] on ``device``, channels_last."""
    moved = to_device(pixels, device)
    return moved.to(torch.float32, memory_format=torch.channels_last) / 255


def to_symmetric(pixels: Tensor, device: torch.device) -> Tensor:
    """(B, 3, H, W) uint8 to float32 in [-1, 1] on ``device``, channels_last: as GANs take them."""
    moved = to_device(pixels, device)
    return moved.to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1


@lru_cache(maxsize=4)
def epoch_order(count: int, epoch: int, seed: int) -> Tensor:
    """A permutation (count,) for one epoch, by its arguments alone: a resumed run goes on in it."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def batch_rows(count: int, images_seen: int, size: int, seed: int) -> Tensor:
    """Which pictures come after the first ``images_seen`` ones: (size,), running on over epochs."""
    rows: list[Tensor] = []
    while size > 0:
        epoch, start = divmod(images_seen, count)
        part = epoch_order(count, epoch, seed)[start : start + size]
        rows.append(part)
        images_seen += len(part)
        size -= len(part)
    return torch.cat(rows)


SEED_STEP = 1_000_003  # a prime that keeps the seeds of neighbouring runs apart
