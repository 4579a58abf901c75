"""Projection into the latent space.

From a picture back to the sample that is most like it.

The best of a few hundred random samples is where Adam begins, on ``z`` or, in style networks, on
one ``w`` for all layers, as in the projector of StyleGAN2 (arXiv 1912.04958, appendix D). The
point stays as far from the middle as usual points are (arXiv 2003.03808), so that sliders and
walks that begin there stay among good pictures.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.latent import StyleSpace
from training.core.checks import check_number
from training.data.batches import to_batch
from training.data.imageset import centre_square
from training.features.perceptual import choose_perceptual_space
from training.latent.recipe import MAX_SEED, Recipe, half_exact
from training.latent.sampler import GanSampler

# The least closeness of "close" and of "rough", by kind of features. Set by eye on projections of
# held-out pictures into 64 px DCGANs of clothing and emoji. With mobilenet_v2, own pictures got
# 0.97 to 1.00, held-out ones 0.39 to 0.65 (clothing) and 0.53 to 0.81 (emoji), pictures of the
# other set 0.41 to 0.58, noise 0.53; the most similar of 800 real pieces of clothing has 0.38, two
# real pictures have 0 in the median and 0.20 in 1 of 20 pairs. With random features, own pictures
# got 0.99, held-out ones 0.67 to 0.95, one of the other set 0.89 and noise 0.32. A 32 px StyleGAN2
# of emoji gave 0.98 to 0.99 to its own pictures and 0.62 to 0.87 to held-out ones.
VERDICTS = {"pretrained": (0.75, 0.55), "random": (0.95, 0.8)}
SECONDS_BOUNDS, STEP_BOUNDS = (1.0, 600.0), (1, 10_000)
DRAWN = 1024  # latents that tell how far from the middle is usual
STARTS, START_BATCH, START_SHARE = 256, 32, 0.2  # of the time, at most
# In about the same time, 4 got to 0.422, 8 to 0.436 and 16 to 0.455 (the mean of 6 held-out
# pictures); with half the rate, 4 got to 0.454, and with twice as much to 0.412, but the pictures
# were less alike in the features of another network.
RESTARTS = 4
RATE, BETAS = 0.1, (0.9, 0.99)
FADE = 0.5  # share of the steps, at the end, in which the rate falls to zero
USUAL = (0.025, 0.975)  # quantiles of the distances from the middle
MIN_VARIANCE = 1e-6  # of the largest; w hardly varies along the directions below


@dataclass(frozen=True)
class ProjectionProgress:
    """The best sample so far, and how far the search is.

    Attributes:
        share: how much of the work is done, 0 to 1.
        distance: between the picture and what ``recipe`` paints, in the features of ``space``.
        start_distance: the same of the best random sample.
        usual_distance: the same of the random samples, their median.
        recipe: paints it.
        space: only distances of the same one can be compared.
    """

    share: float
    distance: float
    start_distance: float
    usual_distance: float
    recipe: Recipe
    space: str

    @property
    def closeness(self) -> float:
        """0 is as far as any random sample is, 1 an exact hit; comparable between generators."""
        return max(0.0, 1 - self.distance / self.usual_distance) if self.usual_distance else 1.0

    @property
    def verdict(self) -> str:
        """``closeness`` in a word, by the thresholds in ``VERDICTS``: "close", "rough" or "far"."""
        close, rough = VERDICTS["random" if self.space.startswith("random") else "pretrained"]
        return "close" if self.closeness >= close else "rough" if self.closeness >= rough else "far"


def square_picture(picture: Image.Image, side: int) -> Tensor:
    """The central square of an RGB picture as ``read_picture`` gives it: (3, side, side) uint8."""
    return to_batch(centre_square(np.asarray(picture), side)[None])[0]


def project(
    sampler: GanSampler,
    picture: Tensor,
    *,
    seconds: float = 20.0,
    steps: int | None = None,
    seed: int = 0,
) -> Generator[ProjectionProgress, None, None]:
    """Look for the point of the latent space whose picture is most like ``picture``.

    Args:
        sampler: of a generator of any family.
        picture: (3, R, R) uint8 at the generator's resolution, see ``square_picture``.
        seconds: how long it takes; the clock also runs while nobody iterates.
        steps: of Adam, instead of ``seconds``; the outcome then depends on nothing else.
        seed: draws the samples to begin with.

    Yields:
        The best so far, after every step; close the iterator to stop.

    Raises:
        UserError: a number is out of bounds.
        ValueError: ``picture`` has another shape or type.
    """
    check_number("seconds", seconds, *SECONDS_BOUNDS, whole=False)
    check_number("steps", STEP_BOUNDS[0] if steps is None else steps, *STEP_BOUNDS, whole=True)
    check_number("seed", seed, 0, MAX_SEED, whole=True)
    wanted = (3, sampler.resolution, sampler.resolution)
    if picture.shape != wanted or picture.dtype != torch.uint8:
        raise ValueError(f"{tuple(picture.shape)} {picture.dtype}, but {wanted} uint8 is needed.")
    return _Projection(sampler, picture, seed).run(seconds, steps)


class _Projection:
    """One search. It goes by coordinates of unit variance: ``z`` as it is, ``w`` whitened."""

    def __init__(self, sampler: GanSampler, picture: Tensor, seed: int) -> None:
        self.sampler, self.styles = sampler, isinstance(sampler.space, StyleSpace)
        self.space = choose_perceptual_space()
        self.target = self.space.embed(picture[None])
        self._draw(torch.Generator().manual_seed(seed))
        self.best, self.distance = Recipe(), math.inf
        self.start_distance = self.usual_distance = math.inf

    @torch.no_grad()
    def _draw(self, draws: torch.Generator) -> None:
        """Random latents and their classes; mean, axes and usual lengths among them."""
        classes = len(self.sampler.class_names)
        latents = torch.randn(DRAWN, self.sampler.latent_size, generator=draws)
        order = torch.randperm(max(1, classes), generator=draws)
        self.labels = order[torch.arange(DRAWN) % classes] if classes else None
        self.mean = torch.zeros(self.sampler.latent_size)
        self.axes = torch.eye(self.sampler.latent_size)  # (D, K), each as long as one deviation
        if self.styles:
            latents = self.sampler.space.enter(latents, self.labels)[:, 0]
            self.mean = latents.mean(0)
            variances, axes = torch.linalg.eigh(torch.cov(latents.T))
            kept = variances > MIN_VARIANCE * variances[-1].clamp(min=1e-12)
            self.axes = axes[:, kept] * variances[kept].sqrt()
        self.latents = latents[:STARTS].half().float()  # as exact as a recipe can hold them
        lengths = self._coordinates(latents).norm(dim=1)
        self.shortest, self.longest = lengths.quantile(torch.tensor(USUAL)).tolist()
        if self.styles:
            self.shortest = 0.0  # nearer to the mean w is as good, and better

    def _coordinates(self, latents: Tensor) -> Tensor:
        """(B, D) to (B, K): how many deviations along each axis."""
        # The axes are orthogonal, so dividing by their squared lengths inverts them.
        return (latents - self.mean) @ (self.axes / self.axes.square().sum(0))

    def run(self, seconds: float, steps: int | None) -> Generator[ProjectionProgress, None, None]:
        """Try the random samples, then go on from the best."""
        began = time.monotonic()
        apart: list[Tensor] = []
        for rows in torch.arange(STARTS).split(START_BATCH):
            share = (time.monotonic() - began) / seconds
            if steps is None and apart and share > START_SHARE:
                break
            latents, labels = self.latents[rows], self._labels(rows)
            with torch.no_grad():
                apart.append(self._distances(latents, labels))
            self._consider(latents, labels, apart[-1])
            self.start_distance = self.distance
            self.usual_distance = float(torch.cat(apart).median())
            yield self._progress(START_SHARE * len(apart) * START_BATCH / STARTS)
        best = torch.cat(apart).argsort()[:RESTARTS]
        left = seconds - (time.monotonic() - began)
        yield from self._optimizer_step(best, left, steps)

    def _optimizer_step(
        self, rows: Tensor, seconds: float, steps: int | None
    ) -> Iterator[ProjectionProgress]:
        """Adam from several starts at once."""
        began = time.monotonic()
        labels = self._labels(rows)
        x = self._usual(self._coordinates(self.latents[rows])).requires_grad_()
        adam = torch.optim.Adam([x], betas=BETAS)
        for step in itertools.count():
            share = step / steps if steps else (time.monotonic() - began) / seconds
            if share >= 1:
                break
            adam.param_groups[0]["lr"] = RATE * min(1.0, (1 - share) / FADE)
            with torch.enable_grad():
                latents = self.mean + x @ self.axes.T
                distances = self._distances(latents, labels)
                adam.zero_grad()
                distances.sum().backward()  # a sum: the starts do not share gradients
            self._consider(latents.detach(), labels, distances.detach())
            adam.step()
            # Back to where usual latents lie; the generator has never seen any others.
            x.data = self._usual(x.data)
            yield self._progress(START_SHARE + (1 - START_SHARE) * share)
        yield self._progress(1.0)

    def _usual(self, x: Tensor) -> Tensor:
        """Coordinates (B, K), as far from the middle as usual ones are."""
        length = x.norm(dim=1, keepdim=True).clamp(min=1e-12)
        usual: Tensor = x * (length.clamp(self.shortest, self.longest) / length)
        return usual

    def _labels(self, rows: Tensor) -> Tensor | None:
        return None if self.labels is None else self.labels[rows]

    def _distances(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """(B,) of the pictures of ``latents`` (B, D) to the picture."""
        space = self.sampler.space
        points = latents
        if isinstance(space, StyleSpace):
            points = latents[:, None].expand(-1, space.generator.layer_count, -1)
        embeddings = self.space(space.paint(points, labels).clamp(-1, 1))
        distances: Tensor = (embeddings - self.target).square().sum(1)
        return distances

    def _consider(self, latents: Tensor, labels: Tensor | None, distances: Tensor) -> None:
        """Keep the best if it is better; it is measured on what its recipe really paints."""
        row = int(distances.argmin())
        if not distances[row] < self.distance:
            return
        vector = half_exact(latents[row])
        z, w = ((), vector) if self.styles else (vector, ())
        recipe = Recipe(z=z, w=w, classes={} if labels is None else {int(labels[row]): 1.0})
        painted = self.space.embed(self.sampler.paint([recipe]))
        distance = float((painted - self.target).square().sum())
        if distance < self.distance:
            self.best, self.distance = recipe, distance

    def _progress(self, share: float) -> ProjectionProgress:
        return ProjectionProgress(
            share,
            self.distance,
            self.start_distance,
            self.usual_distance,
            self.best,
            self.space.name,
        )
