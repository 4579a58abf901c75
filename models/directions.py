"""Directions that change samples most.

In a generator's latent space. For the plain families as in GANSpace (arXiv 2004.02546): by what
the first layers make of ``z``. For the style networks in closed form (SeFa, arXiv 2007.06600): by
the weights that turn a style into the layers' gains. Pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.gans.layers import Generator
from models.gans.style import StyleGenerator

SAMPLES, BATCH, SEED = 4096, 256, 2004


@dataclass(frozen=True)
class Directions:
    """K directions of a latent space with D dimensions, the strongest first.

    Attributes:
        vectors: (K, D), orthogonal; adding one is one standard deviation of the latent vectors
            that the network was trained with, so that -3 to 3 are places that it knows.
        shares: (K,) how much of the effect of all directions is each one's; they sum to 1 over
            all D.
    """

    vectors: Tensor
    shares: Tensor


@torch.no_grad()
def find_directions(generator: Generator, count: int | None = None) -> Directions:
    """The ``count`` strongest directions, or all: of ``w`` for style networks, else of ``z``.

    The same for the same weights. ``generator`` is in eval mode; torch's global random numbers
    are not touched.
    """
    draws = torch.Generator().manual_seed(SEED)
    z = torch.randn(SAMPLES, generator.latent_size, generator=draws)
    classes = generator.class_count
    labels = torch.arange(SAMPLES) % classes if classes else None
    if isinstance(generator, StyleGenerator):
        found = _closed_form(generator, z, labels)
    else:
        found = _principal(generator, z, labels)
    return Directions(found.vectors[:count], found.shares[:count])


def _principal(generator: Generator, z: Tensor, labels: Tensor | None) -> Directions:
    """GANSpace: the principal directions of early features, brought back to ``z``.

    The features' linear part, E[f z^T] for a standard normal z, is found by sampling; what each
    class adds on its own is left out. Its right singular vectors are the directions.
    """
    parts = []
    device = next(generator.parameters()).device
    for start in range(0, len(z), BATCH):
        rows = slice(start, start + BATCH)
        y = labels[rows].to(device) if labels is not None else None
        parts.append(generator.early_features(z[rows].to(device), y).float().cpu())
    features = _centred(torch.cat(parts), labels)
    z = _centred(z, labels)
    effect = features.T @ z / len(z)  # (F, D)
    _, strengths, vectors = torch.linalg.svd(effect, full_matrices=False)
    return Directions(_signed(vectors), strengths.square() / strengths.square().sum())


def _closed_form(generator: StyleGenerator, z: Tensor, labels: Tensor | None) -> Directions:
    """SeFa: eigenvectors of A^T A, with the weights A of all layers from style to gain.

    Each as long as the spread of ``w`` in that direction, within a class where there are some.
    """
    weights = [weight.float().cpu() for weight in generator.style_weights()]
    # Each layer with the same say, however many gains it has.
    effect = torch.cat([weight / weight.norm() for weight in weights])  # (all gains, D)
    device = next(generator.parameters()).device
    y = labels.to(device) if labels is not None else None
    w = _centred(generator.mapping(z.to(device), y).float().cpu(), labels)
    _, strengths, vectors = torch.linalg.svd(effect, full_matrices=False)
    spread = (w @ vectors.T).std(dim=0)  # (D,)
    power = (strengths * spread).square()
    order = power.argsort(descending=True)
    vectors = _signed(vectors) * spread[:, None]
    return Directions(vectors[order], power[order] / power.sum())


def _centred(values: Tensor, labels: Tensor | None) -> Tensor:
    """(N, F) less the mean (of each class)."""
    if labels is None:
        return values - values.mean(dim=0)
    count = int(labels.max()) + 1
    sums = torch.zeros(count, values.shape[1]).index_add_(0, labels, values)
    means = sums / torch.bincount(labels, minlength=count)[:, None]
    return values - means[labels]


def _signed(vectors: Tensor) -> Tensor:
    """(K, D) with the largest component of each positive: a sign that means the same everywhere."""
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    return vectors * largest.sign()
