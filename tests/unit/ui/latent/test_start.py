"""The door: a shipped generator that anybody may steer, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.weights import shipped_folder
from tests.visiting import Person, attributes
from training.latent.recipe import Recipe
from training.latent.steering import direction_names
from ui.latent.start import DIRECTIONS, DOORS, GENERATOR, StartTab
from ui.page import Page


def stage(**recipe: Any) -> str:
    return json.dumps({"recipe": Recipe(**recipe).to_text()})


@pytest.fixture
def start(page: Page) -> StartTab:
    tab: StartTab = page.tabs["start"]
    return tab


def test_a_slider_changes_the_picture_and_the_next_goes_on_from_there(start: StartTab) -> None:
    one = start.steer({"stage": stage(seed=5), "moves": {f"start-{DIRECTIONS[0]}": 2}})
    two = start.steer({"stage": one["stage"], "moves": {f"start-{DIRECTIONS[1]}": -1}})
    assert one["source"] != two["source"]
    recipe = Recipe.from_text(json.loads(two["stage"])["recipe"])
    assert recipe == Recipe(seed=5, steps={DIRECTIONS[0]: 2.0, DIRECTIONS[1]: -1.0})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"stage": "{}", "moves": {}},
        {"stage": "[]", "moves": {}},
        {"stage": stage(seed=1), "moves": {"start-7": 1}},
        {"stage": stage(seed=1), "moves": {f"start-{DIRECTIONS[0]}": "much"}},
        {"stage": stage(seed=1), "moves": [1]},
        {"stage": stage(seed=1, w=(1.0, 2.0)), "moves": {}},
    ],
)
def test_what_the_page_would_never_send_gets_no_picture(start: StartTab, data: Any) -> None:
    assert start.steer(data) == {}


@pytest.mark.parametrize(("claimed", "held"), [(99, 3.0), (-1e308, -3.0), (float("nan"), -3.0)])
def test_a_slider_stays_within_bounds(start: StartTab, claimed: float, held: float) -> None:
    name = f"start-{DIRECTIONS[0]}"
    answer = start.steer({"stage": stage(seed=1), "moves": {name: claimed}})
    assert Recipe.from_text(json.loads(answer["stage"])["recipe"]).steps == {DIRECTIONS[0]: held}


def test_another_picture_keeps_the_sliders(page: Page, start: StartTab, anna: Person) -> None:
    anna.values[start.sliders[0]] = 1.5
    shown = anna.do(start.random_btn, "click")[start.picture]
    said = json.loads(attributes(shown, "data-stage")[0])
    assert Recipe.from_text(said["recipe"]).steps == {DIRECTIONS[0]: 1.5}


def test_another_language_leaves_the_picture_alone(page: Page, start: StartTab) -> None:
    spoken = page.app.i18n.updates("zh")
    assert start.picture not in spoken
    assert all("value" not in spoken[slider] for slider in start.sliders)


def test_every_slider_has_a_name_in_both_languages(start: StartTab) -> None:
    for language in ("en", "zh"):
        names = direction_names(shipped_folder(GENERATOR), language)
        assert all(names[index] for index in DIRECTIONS)
    assert tuple(start.doors) == DOORS
