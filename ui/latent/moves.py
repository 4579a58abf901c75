"""From one recipe to others.

By sliders, by mutation, and to the nearest recipe that the sliders can show. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from models.latent import draw_latents, mutate
from training.core.messages import UserError
from training.latent.recipe import MAX_SEED, Recipe, half_exact
from training.latent.sampler import GanSampler

FIRST, MORE, NUMBERS = 8, 8, 8  # sliders of directions, further ones, and of single numbers of z
REACH, NUMBER_REACH = 3.0, 4.0
OTHER_NOISE = 1  # the seed of another pattern


def move(recipe: Recipe, moves: Mapping[str, float], sampler: GanSampler, first: int = 0) -> Recipe:
    """The recipe with some sliders moved, by name; ``first`` is the first number of z shown.

    The names are the sliders' ``elem_id``: "direction-3", "number-0", "psi", "way", "class-share".

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
                changes["classes"] = _mixed(recipe, value, sampler)
        else:
            raise UserError("latent.no_recipe")
    moved = {index: step for index, step in steps.items() if step}
    return replace(recipe, steps=moved, coordinates=coordinates, **changes)


def _mixed(recipe: Recipe, share: float, sampler: GanSampler) -> dict[int, float]:
    """The same two classes with another share of the second; both stay in it at share 0."""
    (one, _), (other, _) = classes_shown(recipe, sampler)
    return _two(one, other, share)


def _two(one: int, other: int, share: float) -> dict[int, float]:
    return {one: 1.0} if one == other else {one: 1 - share, other: share}


def classes_shown(
    recipe: Recipe, sampler: GanSampler
) -> tuple[tuple[int, float], tuple[int, float]]:
    """The first two classes of the mix and their weights, as the page has menus for two.

    A class alone is paired with the next one at weight 0. Only for generators with classes.
    """
    count = len(sampler.class_names)
    found = list((recipe.classes or {recipe.seed % count: 1.0}).items())
    if len(found) > 2:
        found = [(index, weight) for index, weight in found if weight]
    return found[0], found[1] if len(found) > 1 else ((found[0][0] + 1) % count, 0.0)


def fitted(recipe: Recipe, sampler: GanSampler) -> Recipe:
    """The recipe that the sliders show for one that may come from elsewhere.

    One that they have made themselves stays as it is: else reading them would look like a change.

    Raises:
        UserError: the recipe is of another model.
    """
    sampler.point(recipe), sampler.labels([recipe])
    steps = {
        index: max(-REACH, min(REACH, step)) if index < FIRST + MORE else step
        for index, step in recipe.steps.items()
        if step
    }
    changes: dict[str, Any] = {"noise": min(OTHER_NOISE, recipe.noise)}
    if recipe.coordinates and not recipe.w:
        changes["coordinates"] = _set_by_hand(recipe, sampler)
    if sampler.class_names:
        (one, weight), (other, rest) = classes_shown(recipe, sampler)
        changes["classes"] = _two(one, other, rest / (weight + rest))
    if recipe.other is None:
        changes["share"] = 0.0
    return replace(recipe, steps=steps, **changes)


def _set_by_hand(recipe: Recipe, sampler: GanSampler) -> dict[int, float]:
    """The coordinates, clipped to a slider's reach, that differ from the numbers drawn."""
    drawn = drawn_numbers(recipe, sampler)
    inside = {
        index: max(-NUMBER_REACH, min(NUMBER_REACH, value))
        for index, value in recipe.coordinates.items()
    }
    return {index: value for index, value in inside.items() if differs(value, drawn[index])}


def shown_number(number: float) -> float:
    """Where a slider stands for a number of z: two decimals, ``NUMBER_REACH`` at most."""
    return max(-NUMBER_REACH, min(NUMBER_REACH, round(number, 2)))


def differs(value: float, drawn: float) -> bool:
    """Whether a slider at ``value`` stands elsewhere than where it shows the number drawn."""
    return abs(value - shown_number(drawn)) > 1e-6


def drawn_numbers(recipe: Recipe, sampler: GanSampler) -> Sequence[float]:
    """``z``, (D,), before any coordinate was set by hand: the recipe's own, else its seed's."""
    if recipe.z:
        return recipe.z
    drawn: list[float] = draw_latents([recipe.seed], sampler.latent_size)[0].tolist()
    return drawn


def neighbours(
    recipe: Recipe, sampler: GanSampler, strength: float, numbers: range
) -> list[Recipe]:
    """Mutations of a picture, the same for the same numbers.

    Sliders, classes and noise stay; the vector behind them changes by ``strength``, 0 to 1.
    A picture given by its style ``w`` goes towards other styles instead, as no ``z`` is known.
    """
    # By the vector behind the sliders alone: moving one must not deal other neighbours.
    behind = replace(Recipe(seed=recipe.seed), z=recipe.z, w=recipe.w)
    origin = zlib.crc32(behind.to_text().encode())
    seeds = [(origin + number) % MAX_SEED for number in numbers]
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
