"""Samples from a trained generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from models.directions import Directions, find_directions
from models.gans.layers import Generator
from models.gans.registry import GanShape, create_generator
from models.gans.style import Noise
from models.latent import StyleSpace, draw_latents, latent_space
from training.core.messages import UserError
from training.latent.recipe import FIXED_NOISE, NO_NOISE, Recipe, class_mix

BATCH = 64
GRID_LATENTS, GRID_COLUMNS, MAX_CLASS_ROWS = 64, 8, 16


def to_pixels(images: Tensor) -> Tensor:
    """(B, 3, R, R) around [-1, 1] to uint8 on the CPU; what overshoots is clamped."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


@torch.no_grad()
def make_pictures(generator: Generator, z: Tensor, labels: Tensor | None) -> Tensor:
    """(N, latent_size) and (N,) to (N, 3, R, R) uint8 on the CPU; ``generator`` in eval mode."""
    device = next(generator.parameters()).device
    batches = []
    for start in range(0, len(z), BATCH):
        rows = slice(start, start + BATCH)
        y = labels[rows].to(device) if labels is not None else None
        batches.append(to_pixels(generator(z[rows].to(device), y)))
    return torch.cat(batches)


def grid_labels(class_count: int) -> Tensor | None:
    """The classes of a grid of ``GRID_COLUMNS`` columns and at least ``GRID_LATENTS`` samples.

    Each class has the same number of rows, one after the other; more than ``MAX_CLASS_ROWS``
    classes take turns instead. ``None`` without classes.
    """
    if class_count == 0:
        return None
    if class_count > MAX_CLASS_ROWS:
        return torch.arange(GRID_LATENTS) % class_count
    rows = -(-GRID_LATENTS // (GRID_COLUMNS * class_count))
    return torch.arange(class_count).repeat_interleave(rows * GRID_COLUMNS)


def generator_from(shape: GanShape, weights: Mapping[str, Tensor]) -> Generator:
    """The generator that ``weights`` were taken from, in eval mode; it takes them over.

    Raises:
        RuntimeError: they belong to another network.
    """
    with torch.device("meta"):  # no random weights only to throw them away
        generator = create_generator(shape)
    generator.load_state_dict(weights, assign=True)
    return generator.eval().requires_grad_(False)


class GanSampler:
    """One generator in eval mode, and the directions in which it can be steered.

    It has classes exactly where there are ``class_names``. ``find`` gives its directions.
    """

    def __init__(
        self,
        generator: Generator,
        class_names: Sequence[str],
        find: Callable[[Generator], Directions] = find_directions,
    ) -> None:
        self._find = find
        self.generator, self.class_names = generator, tuple(class_names)
        self.resolution, self.latent_size = generator.resolution, generator.latent_size
        self.space = latent_space(generator)

    @cached_property
    def directions(self) -> Directions:
        """What changes the samples most; found when first asked for, and kept."""
        return self._find(self.generator)

    def __call__(
        self, seeds: Sequence[int], class_name: str | None = None, psi: float = 1.0
    ) -> Tensor:
        """(N, 3, R, R) uint8, one picture for each seed; the same seed gives the same picture.

        Without ``class_name`` a generator with classes takes them in turn, by seed.

        Raises:
            UserError: no such class, or ``psi`` out of bounds.
        """
        if class_name and class_name not in self.class_names:
            names = ", ".join(self.class_names) or "-"
            raise UserError("gan.no_class", name=class_name, allowed=names)
        classes = {self.class_names.index(class_name): 1.0} if class_name else {}
        return self.paint([Recipe(seed=seed, psi=psi, classes=classes) for seed in seeds])

    @torch.no_grad()
    def point(self, recipe: Recipe) -> Tensor:
        """Where in the latent space the picture lies: one point, (1, ...).

        Raises:
            UserError: the recipe is of another model.
        """
        here = self._point(recipe)
        if recipe.other is None:
            return here
        return self.space.between(here, self._point(recipe.other), recipe.share)

    def _point(self, recipe: Recipe) -> Tensor:
        space, label = self.space, self.labels([replace(recipe, other=None)])
        z = draw_latents([recipe.seed], self.latent_size)
        if recipe.z:
            z = self._vector(recipe.z)
        for index, value in recipe.coordinates.items():
            if not 0 <= index < self.latent_size:
                raise UserError("latent.no_recipe")
            z[0, index] = value
        point = space.enter(z, label)
        if recipe.w:
            if not isinstance(space, StyleSpace):
                raise UserError("latent.no_recipe")
            point = self._vector(recipe.w)[:, None].expand_as(point)
        if recipe.mix_seed is not None:
            other = draw_latents([recipe.mix_seed], self.latent_size)
            point = space.mix(point, space.enter(other, label), recipe.mix_part)
        if any(recipe.steps.values()):
            point = space.move(point, self._steps(recipe.steps), recipe.part)
        return space.truncate(point, label, recipe.psi)

    @torch.no_grad()
    def paint(self, recipes: Sequence[Recipe]) -> Tensor:
        """(N, 3, R, R) uint8, one picture for each recipe.

        Raises:
            UserError: a recipe is of another model.
        """
        parts = []
        for noise, group in groupby(recipes, key=lambda each: each.noise):
            same = list(group)
            for start in range(0, len(same), BATCH):
                part = same[start : start + BATCH]
                points = torch.cat([self.point(recipe) for recipe in part])
                parts.append(self.paint_points(points, self.labels(part), noise))
        return torch.cat(parts)

    @torch.no_grad()
    def paint_points(self, points: Tensor, labels: Tensor | None, noise: int) -> Tensor:
        """(N, 3, R, R) uint8 of points, (N, ...), and classes, (N,) or (N, class_count).

        ``noise`` is that of ``Recipe``; only style networks have it.
        """
        pattern: Noise = "none" if noise == NO_NOISE else "fixed"
        if noise > FIXED_NOISE:
            pattern = torch.Generator().manual_seed(noise)
        return to_pixels(self.space.paint(points, labels, pattern))

    def labels(self, recipes: Sequence[Recipe]) -> Tensor | None:
        """``class_mix`` for this generator: (N,) int64, (N, class_count) weights, or ``None``.

        Raises:
            UserError: there is no such class.
        """
        return class_mix(recipes, len(self.class_names))

    def _vector(self, numbers: Sequence[float]) -> Tensor:
        if len(numbers) != self.latent_size:
            raise UserError("latent.no_recipe")
        return torch.tensor([numbers])

    def _steps(self, steps: Mapping[int, float]) -> Tensor:
        """(1, D): all steps along the directions together."""
        vectors = self.directions.vectors
        amounts = torch.zeros(1, len(vectors))
        for index, value in steps.items():
            if not 0 <= index < len(vectors):
                raise UserError("latent.no_recipe")
            amounts[0, index] = value
        return amounts @ vectors
