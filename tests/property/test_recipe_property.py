"""Recipes: there and back unchanged, and nothing else gets in."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.latent import LAYER_PARTS
from tests.generators import lively_generator
from training.core.messages import UserError
from training.latent.recipe import MAX_SEED, Recipe, half_exact
from training.latent.sampler import GanSampler
from training.latent.steering import MAX_DIRECTIONS

LATENT, NAMES = 16, ("bag", "boot", "coat")

seeds = st.integers(0, MAX_SEED)
steps = st.floats(-6, 6)
vectors = st.one_of(
    st.just(()),
    st.lists(st.floats(-4, 4), min_size=LATENT, max_size=LATENT).map(
        lambda numbers: half_exact(torch.tensor(numbers))
    ),
)
mixes = st.dictionaries(st.integers(0, 2), st.floats(0.01, 1))
alone = st.builds(
    Recipe,
    seed=seeds,
    z=vectors,
    w=vectors,
    coordinates=st.dictionaries(st.integers(0, LATENT - 1), steps, max_size=3),
    steps=st.dictionaries(st.integers(0, 7), steps, max_size=8),
    part=st.sampled_from(("", *LAYER_PARTS)),
    psi=st.floats(-1, 1.5),
    classes=mixes,
    mix_seed=st.one_of(st.none(), seeds),
    mix_part=st.sampled_from(LAYER_PARTS),
    noise=st.integers(-1, MAX_SEED),
)
recipes = st.builds(replace, alone, other=st.one_of(st.none(), alone), share=st.floats(0, 1))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@cache
def sampler(family: str) -> GanSampler:
    return GanSampler(lively_generator(family, len(NAMES)), NAMES)


@given(recipe=recipes)
def test_a_recipe_survives_a_link_and_a_file(recipe: Recipe) -> None:
    text = recipe.to_text()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert Recipe.from_text(text) == recipe
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_link_is_short() -> None:
    assert len(Recipe(seed=7, steps={0: 1.5, 3: -2.0}).to_text()) < 100
    assert len(Recipe(z=half_exact(torch.randn(128))).to_text()) < 700


@given(text=st.text(max_size=200) | recipes.map(lambda recipe: recipe.to_text()[:-3]))
def test_a_damaged_link_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        Recipe.from_text(text)


@given(
    data=json_values
    | st.dictionaries(
        st.sampled_from(tuple(Recipe.__dataclass_fields__)), json_values, min_size=1, max_size=3
    )
)
def test_data_is_a_recipe_or_refused(data: Any) -> None:
    try:
        recipe = Recipe.from_json(data)
    except UserError:
        return
    assert Recipe.from_json(recipe.to_json()) == recipe


@settings(deadline=None)
@given(recipe=recipes, family=st.sampled_from(("dcgan", "stylegan2", "r3gan")))
def test_any_recipe_is_a_picture_and_the_same_one_every_time(recipe: Recipe, family: str) -> None:
    styles = recipe.w or (recipe.other and recipe.other.w)
    if styles and family != "stylegan2":
        with pytest.raises(UserError):
            sampler(family).paint([recipe])
        return
    picture = sampler(family).paint([recipe])
    assert picture.shape == (1, 3, 32, 32) and picture.dtype == torch.uint8
    assert torch.equal(sampler(family).paint([Recipe.from_text(recipe.to_text())]), picture)
    together = sampler(family).paint([Recipe(seed=5), recipe, Recipe(seed=6, psi=0.5)])
    assert int((together[1].int() - picture[0].int()).abs().max()) <= 1  # rounding


def test_seeds_are_recipes() -> None:
    painted = sampler("dcgan").paint([Recipe(seed=seed, psi=0.8) for seed in range(70)])
    assert torch.equal(sampler("dcgan")(range(70), psi=0.8), painted)
    boots = sampler("dcgan").paint([Recipe(seed=seed, classes={1: 0.3}) for seed in (4, 5)])
    assert torch.equal(sampler("dcgan")([4, 5], "boot"), boots)


def test_every_part_of_a_recipe_counts() -> None:
    usual = sampler("stylegan2").paint([Recipe(seed=4)])
    changed: dict[str, Any] = {
        "seed": 7,
        "z": (1.0,) * LATENT,
        "w": (1.0,) * LATENT,
        "coordinates": {3: 2.0},
        "steps": {0: 3.0},
        "psi": 0.0,
        "classes": {0: 0.5, 2: 0.5},
        "mix_seed": 9,
        "noise": 5,
    }
    for name, value in changed.items():
        other = sampler("stylegan2").paint([Recipe(**{"seed": 4, name: value})])
        assert not torch.equal(other, usual), name
    whole, coarse = (
        sampler("stylegan2").paint([Recipe(seed=4, steps={0: 3.0}, part=part)])
        for part in ("", "coarse")
    )
    assert not torch.equal(whole, coarse)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(z=(1.0,) * (LATENT + 1)),
        Recipe(w=(1.0,)),
        Recipe(coordinates={LATENT: 1.0}),
        Recipe(steps={MAX_DIRECTIONS: 1.0}),
        Recipe(classes={len(NAMES): 1.0}),
    ],
)
def test_a_recipe_of_another_model_is_refused(recipe: Recipe) -> None:
    with pytest.raises(UserError):
        sampler("stylegan2").paint([recipe])


@pytest.mark.parametrize("family", ("dcgan", "stylegan2"))
def test_the_way_to_another_picture_begins_and_ends_exactly(family: str) -> None:
    here, there = Recipe(seed=3, steps={0: 1.0}, classes={0: 1.0}), Recipe(seed=8, psi=0.5)
    on_the_way = [replace(here, other=there, share=share) for share in (0.0, 0.5, 1.0)]
    first, middle, last = sampler(family).paint(on_the_way)
    one, other = sampler(family).paint([here, there])
    assert int((first.int() - one.int()).abs().max()) <= 1
    assert int((last.int() - other.int()).abs().max()) <= 1
    assert not torch.equal(middle, first) and not torch.equal(middle, last)


def test_there_is_no_chain_of_others() -> None:
    with pytest.raises(UserError):
        Recipe(other=Recipe(other=Recipe()))
