"""From one recipe to others: by sliders, and by mutation. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from models.latent import draw_latents, mutate
from training.recipe import MOST_SEED, Recipe, half_exact
from training.sample import Sampler
from training.text import UserError


def move(recipe: Recipe, moves: Mapping[str, float], sampler: Sampler, first: int = 0) -> Recipe:
    """The recipe with some sliders moved, by name; ``first`` is the first number of z shown.

    Raises:
        UserError: there is no such slider, or it doesn't go as far.
    """
    steps, coordinates = dict(recipe.steps), dict(recipe.coordinates)
    changes: dict[str, Any] = {}
    for name, value in moves.items():
        kind, _, number = name.partition("-")
        if kind == "direction" and number.isdecimal():
            steps[int(number)] = value
        elif kind == "number" and number.isdecimal():
            coordinates[first + int(number)] = value
        elif name == "psi":
            changes["psi"] = value
        elif name == "way":
            changes["share"] = value if recipe.other is not None else 0.0
        elif name == "class-share":
            if sampler.class_names:
                changes["classes"] = _mixed(recipe, value, len(sampler.class_names))
        else:
            raise UserError("latent.no_recipe")
    moved = {index: step for index, step in steps.items() if step}
    return replace(recipe, steps=moved, coordinates=coordinates, **changes)


def _mixed(recipe: Recipe, share: float, count: int) -> dict[int, float]:
    """The same two classes with another share of the second; both stay known."""
    (one, _), (other, _) = two_classes(recipe.classes or {recipe.seed % count: 1.0}, count)
    return {one: 1.0} if one == other else {one: 1 - share, other: share}


def two_classes(
    classes: Mapping[int, float], count: int
) -> tuple[tuple[int, float], tuple[int, float]]:
    """The first two of ``count`` classes in a mix; beside one alone stands the next one."""
    first = list(classes.items())[:2]
    return first[0], first[1] if len(first) == 2 else ((first[0][0] + 1) % count, 0.0)


def drawn_numbers(recipe: Recipe, sampler: Sampler) -> Sequence[float]:
    """``z`` before any coordinate was set by hand."""
    if recipe.z:
        return recipe.z
    drawn: list[float] = draw_latents([recipe.seed], sampler.latent_size)[0].tolist()
    return drawn


def neighbours(recipe: Recipe, sampler: Sampler, strength: float, numbers: range) -> list[Recipe]:
    """Mutations of a picture, the same for the same numbers.

    Sliders, classes and noise stay; the vector behind them changes by ``strength``, 0 to 1.
    """
    behind = replace(Recipe(seed=recipe.seed), z=recipe.z, w=recipe.w)
    origin = zlib.crc32(behind.to_text().encode())
    seeds = [(origin + number) % MOST_SEED for number in numbers]
    if recipe.w:
        here = torch.tensor(recipe.w)
        labels = sampler.labels([recipe])
        drawn = torch.cat(
            [
                sampler.space.enter(draw_latents([seed], sampler.latent_size), labels)
                for seed in seeds
            ]
        )[:, 0]
        return [replace(recipe, w=half_exact(here.lerp(other, strength))) for other in drawn]
    z = torch.tensor(recipe.z) if recipe.z else draw_latents([recipe.seed], sampler.latent_size)[0]
    for index, value in recipe.coordinates.items():
        z[index] = value
    return [
        replace(recipe, z=half_exact(child), coordinates={}) for child in mutate(z, strength, seeds)
    ]
