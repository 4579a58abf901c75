"""What all GAN families share.

The two base classes, class labels, and resolutions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASS_GAIN = 3.0  # of a class's direction in the score: it counts sooner, measured with dcgan
LOWEST = 4  # px: where convolutional generators start and discriminators end
SLOPE = 0.2  # of LeakyReLU below zero, as in DCGAN and StyleGAN


def channels_at(resolution: int, width: int) -> int:
    """Channels at ``resolution`` px, ``width`` at 32 px, and 8 at least.

    They do not depend on the network's own resolution, so the layers of a small network have the
    shapes of the same layers in a larger one, and can be carried over.
    """
    return max(8, width * 32 // resolution)


def resolutions_up_to(resolution: int) -> Iterator[int]:
    """Powers of two above ``LOWEST``, up to ``resolution``: 8, 16, 32 ..."""
    step = LOWEST
    while step < resolution:
        step *= 2
        yield step


def activate(x: Tensor) -> Tensor:
    """LeakyReLU in place: large new tensors are slow on a CPU. The same shape in and out."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class Generator(nn.Module):
    """Latent vectors, and class labels where there are classes, to pictures.

    Attributes:
        resolution: side of the pictures in pixels.
        class_count: 0 is an unconditional network.
        latent_size: length of ``z``.
    """

    def __init__(self, resolution: int, class_count: int, latent_size: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.class_count = class_count
        self.latent_size = latent_size

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Make pictures.

        Args:
            z: (B, latent_size), standard normal.
            labels: (B,) int64, each below ``class_count``, or (B, class_count) float32, the
                weights of a mix of classes; ignored by an unconditional network.

        Returns:
            (B, 3, resolution, resolution) around [-1, 1]. The families that end in a tanh stay
            within; the others overshoot a little, so clamp before turning it into pixels.

        Raises:
            ValueError: there are classes, but no ``labels``.
        """
        raise NotImplementedError

    def early_features(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, F): what the first layers make of ``z`` (B, latent_size), for GANSpace.

        The style families have none: there SeFa works on the weights behind a style.

        Raises:
            NotImplementedError: this is a style family.
        """
        raise NotImplementedError


class Discriminator(nn.Module):
    """Pictures to scores, higher for what looks real.

    A family fills in ``blocks``, from the pixels up and named by the resolution that they take,
    then ``neck``, which makes one vector of each picture, and ``head``.
    """

    blocks: nn.ModuleDict
    neck: nn.Module
    head: ProjectionHead

    @property
    def stages(self) -> list[nn.Module]:
        """The blocks from the pixels up; FreezeD (arXiv 2002.10964) freezes the first few."""
        return list(self.blocks.values())

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, R, R) in [-1, 1] to (B, F): what the head makes scores of."""
        for block in self.blocks.values():
            x = block(x)
        vectors: Tensor = self.neck(x)
        return vectors

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, 3, R, R) in [-1, 1], with ``labels`` (B,) where there are classes, to (B,) scores.

        Scores have full precision under autocast, too: losses compare them.

        Raises:
            ValueError: there are classes, but no ``labels``.
        """
        scores: Tensor = self.head(self.features(x), labels)
        return scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores


def class_vectors(embedding: nn.Embedding, labels: Tensor | None) -> Tensor:
    """The learned vector of each picture's class, or of its mix of classes.

    Args:
        embedding: one row for each class.
        labels: (B,) int64, or the weights of mixes, (B, class_count) float32.

    Returns:
        (B, D)

    Raises:
        ValueError: there are none.
    """
    if labels is None:
        count = embedding.num_embeddings
        raise ValueError(f"This network has {count} classes: labels are missing.")
    if labels.is_floating_point():
        return labels @ embedding.weight
    vectors: Tensor = embedding(labels)
    return vectors


class LatentInput(nn.Module):
    """``z``, with a learned vector of the class beside it where there are classes.

    The vector is as long as ``z`` and normalised to its scale, so neither drowns the other.
    ``size`` is the length of what comes out: twice that of ``z`` where there are classes.
    """

    def __init__(self, latent_size: int, class_count: int) -> None:
        super().__init__()
        self.size = latent_size * (2 if class_count else 1)
        self.embedding = nn.Embedding(class_count, latent_size) if class_count else None

    def forward(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """(B, latent_size), (B,) to (B, size)."""
        if self.embedding is None:
            return z
        vectors = class_vectors(self.embedding, labels)
        scale = math.sqrt(vectors.shape[1])
        return torch.cat([z, scale * F.normalize(vectors, dim=1)], dim=1)


class ProjectionHead(nn.Module):
    """Feature vectors to scores; where there are classes, each adds a direction of its own.

    score = linear(f) + g <embedding[y], f> / sqrt(F) with g = ``CLASS_GAIN`` (arXiv 1802.05637).
    ``linear`` takes (B, ``feature_count``) to (B, 1).
    """

    def __init__(self, linear: nn.Module, feature_count: int, class_count: int) -> None:
        super().__init__()
        self.linear = linear
        self.scale = CLASS_GAIN / math.sqrt(feature_count)
        self.embedding = nn.Embedding(class_count, feature_count) if class_count else None
        if self.embedding is not None:
            # Random directions would ask for something arbitrary of each class at first.
            nn.init.zeros_(self.embedding.weight)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """(B, F), (B,) to (B,).

        Raises:
            ValueError: there are classes, but no ``labels``.
        """
        scores: Tensor = self.linear(features).squeeze(1)
        if self.embedding is None:
            return scores
        directions = class_vectors(self.embedding, labels)
        projected: Tensor = (directions * features).sum(1) * self.scale
        return scores + projected
