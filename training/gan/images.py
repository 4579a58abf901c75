"""Training pictures, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from models.gans.registry import GanShape
from training.data.batches import batch_rows, load_squares, to_device, to_symmetric
from training.data.imageset import ImageSet
from training.data.splits import Split

# How many latents the BatchNorms of an average are measured with. The default on Fashion-MNIST,
# 24,000 pictures, two seeds: FD 34.4 and 31.1 with the generator's own statistics and an average
# over half as many images, 30.9 and 28.2 with these; 1,024 latents took four times as long and gave
# 30.6 and 28.2.
STATISTICS_LATENTS, STATISTICS_BATCH, STATISTICS_SEED = 256, 64, 3

Batch = tuple[Tensor, Tensor | None]  # (B, 3, R, R) float32 in [-1, 1], and (B,) classes or none


@dataclass(frozen=True)
class Pictures:
    """Squares (N, 3, R, R) uint8 in each part.

    Labels are (N,) int64, or ``None`` for networks without classes. Pictures stay on the CPU where
    an accelerator has no room for them.
    """

    train: Tensor
    val: Tensor
    labels: Tensor | None
    val_labels: Tensor | None
    fabric: Fabric

    @classmethod
    def load(cls, images: ImageSet, split: Split, shape: GanShape, fabric: Fabric) -> Pictures:
        """Squares of the shape's resolution, on the device where there is room."""
        device, side = fabric.device, shape.resolution
        labels = torch.from_numpy(images.labels).to(device) if shape.class_count else None
        return cls(
            load_squares(images, split.train, side, device),
            load_squares(images, split.val, side, device),
            labels[split.train] if labels is not None else None,
            labels[split.val] if labels is not None else None,
            fabric,
        )

    def batch(self, images_seen: int, size: int, seed: int) -> Batch:
        """This process's part of the ``size`` training pictures after ``images_seen``."""
        rows = batch_rows(len(self.train), images_seen, size, seed)
        return self._take(
            self.train, self.labels, rows[self.fabric.global_rank :: self.fabric.world_size]
        )

    def any(self, part: str, size: int, draws: torch.Generator) -> Batch:
        """``size`` pictures of "train" or "val" as ``draws`` has it, the same in all processes."""
        pixels, labels = (
            (self.train, self.labels) if part == "train" else (self.val, self.val_labels)
        )
        return self._take(pixels, labels, torch.randint(len(pixels), (size,), generator=draws))

    def statistics_batches(self, latent_size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Always the same latents, and classes as often as in the training pictures."""
        draws = torch.Generator().manual_seed(STATISTICS_SEED)
        for _ in range(STATISTICS_LATENTS // STATISTICS_BATCH):
            z = torch.randn(STATISTICS_BATCH, latent_size, generator=draws)
            labels = None
            if self.labels is not None:
                rows = torch.randint(len(self.labels), (STATISTICS_BATCH,), generator=draws)
                labels = self.labels[rows.to(self.labels.device)]
            yield z.to(self.fabric.device), labels

    def _take(self, pixels: Tensor, labels: Tensor | None, rows: Tensor) -> Batch:
        x = to_symmetric(pixels[to_device(rows, pixels.device)], self.fabric.device)
        return x, labels[to_device(rows, labels.device)] if labels is not None else None


def mix_classes(labels: Tensor | None, share: float, class_count: int) -> Tensor | None:
    """Classes (B,) as mixes (B, C): ``share`` of the own one, the rest the same of each.

    The networks take a mix as the weighted mean of what they know of its classes. With a ``share``
    of 1, or without classes, labels stay as they are.
    """
    if labels is None or share == 1:
        return labels
    mixes = F.one_hot(labels, class_count).float() * share
    return mixes + (1 - share) / class_count
