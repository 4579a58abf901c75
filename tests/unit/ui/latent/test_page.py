"""The latent page: it opens where one was, and two ways lead from its sliders to one picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.visiting import ANNA, LATENT, Person, pictures_in, prop_in
from training.latent.recipe import Recipe
from ui.latent.picture import PicturePanel

SLIDERS = ("direction-0", "direction-15", "psi", "class-share", "way", "number-0", "number-7")


def remembered(person: Person) -> Recipe:
    """The picture that the browser keeps."""
    return Recipe.from_text(person.values[person.page.app.picture]["recipe"])


# ---- opening


@pytest.mark.parametrize("kind", ["plain", "classes", "style"])
def test_a_generator_opens_with_its_first_picture(
    anna: Person, runs: dict[str, str], kind: str
) -> None:
    answer = anna.open(runs[kind])
    assert anna.problem() == "" and anna.values[anna.page.app.run] == runs[kind]
    assert np.array_equal(anna.shown(), anna.painted())
    slider_panel = anna.tab.sliders
    assert prop_in(answer[slider_panel.class_row], "visible") == (kind != "plain")
    assert prop_in(answer[slider_panel.style_body], "visible") == (kind == "style")
    assert remembered(anna).seed == 0


def test_a_page_that_loads_shows_a_generator_and_a_reload_the_same_picture(anna: Person) -> None:
    anna.arrive()
    assert np.array_equal(anna.shown(), anna.painted())
    anna.set(anna.tab.picture_panel.seed, 77, "input")
    again = Person(anna.page, ANNA)
    for state in (anna.page.app.picture, anna.page.app.run):
        again.values[state] = anna.values[state]
    again.arrive()
    assert np.array_equal(again.shown(), anna.shown()) and again.now().recipe.seed == 77


@pytest.mark.parametrize("length", [1, LATENT + 1])
def test_a_recipe_that_no_longer_fits_the_model_is_forgotten(
    anna: Person, runs: dict[str, str], length: int
) -> None:
    old = Recipe(z=(1.0,) * length).to_text()
    anna.values[anna.page.app.picture] = {"run": runs["plain"], "recipe": old}
    anna.open(runs["plain"])
    assert remembered(anna) == Recipe() and np.array_equal(anna.shown(), anna.painted())


def test_numbers_that_a_smaller_model_lacks_are_not_steered(
    anna: Person, runs: dict[str, str]
) -> None:
    anna.values[anna.tab.sliders.first] = 100  # of a model with many more
    anna.open(runs["plain"])
    assert anna.values[anna.tab.sliders.first] <= LATENT
    assert anna.steer(anna.stage(), number_0=2.0)["source"]


# ---- two ways to one picture


def on_the_way(person: Person, run: str) -> None:
    """Somewhere between two pictures, so that every slider counts."""
    person.open(run)
    person.do(person.tab.picture_panel.keep_btn, "click")
    person.do(person.tab.picture_panel.on_btn, "click")
    person.do(person.tab.tray.tiles, "select", {"place": 0, "action": "towards"})
    assert person.problem() == ""


@pytest.mark.parametrize("name", SLIDERS)
@pytest.mark.parametrize("kind", ["plain", "classes", "style"])
def test_a_slider_makes_the_same_picture_by_the_short_way_and_the_long(
    anna: Person, runs: dict[str, str], kind: str, name: str
) -> None:
    on_the_way(anna, runs[kind])
    before = anna.shown()
    value = {"psi": 0.45, "class-share": 0.75, "way": 0.2}.get(name, -2.35)
    sent = anna.steer(anna.stage(), **{name.replace("-", "_"): value})
    anna.values[anna.tab.sliders.steering[name]] = value
    assert Recipe.from_text(json.loads(sent["stage"])["recipe"]) == anna.now().recipe
    assert np.array_equal(pictures_in(sent["source"])[0], anna.painted())
    changes = name != "class-share" or kind == "style"  # an untrained dcgan heeds no class
    assert np.array_equal(anna.painted(), before) != changes


def test_a_drag_of_several_sliders_adds_up(anna: Person, runs: dict[str, str]) -> None:
    on_the_way(anna, runs["style"])
    stage: object = anna.stage()
    for moves in ({"direction_1": 1.0, "psi": 0.9}, {"direction_1": -2.0}, {"way": 1.0}):
        stage = json.loads(anna.steer(stage, **moves)["stage"])
    slider_panel = anna.tab.sliders
    anna.values[slider_panel.directions[1]] = -2.0
    anna.values[slider_panel.psi], anna.values[slider_panel.way] = 0.9, 1.0
    assert isinstance(stage, dict) and Recipe.from_text(stage["recipe"]) == anna.now().recipe


def test_what_is_let_go_is_remembered(anna: Person, runs: dict[str, str]) -> None:
    on_the_way(anna, runs["classes"])
    anna.values[anna.tab.sliders.psi] = 0.5
    anna.do(anna.tab.picture_panel.picture, "apply")
    assert remembered(anna) == anna.now().recipe and remembered(anna).psi == 0.5


@pytest.mark.parametrize(
    ("name", "sent", "taken"),
    [
        ("direction-0", 6.5, 3.0),
        ("direction-0", -1e300, -3.0),
        ("direction-0", float("inf"), 0.0),
        ("psi", 7, 1.5),
        ("psi", float("nan"), 0.0),
        ("way", -0.5, 0.0),
        ("class-share", 1.5, 1.0),
        ("number-0", 99, 4.0),
        ("direction-0", "a long way", 0.0),
        ("direction-0", None, 0.0),
    ],
)
def test_a_number_out_of_bounds_is_brought_back_by_both_ways(
    anna: Person, runs: dict[str, str], name: str, sent: Any, taken: float
) -> None:
    on_the_way(anna, runs["style"])
    slider = anna.tab.sliders.steering[name]
    short = [anna.steer(anna.stage(), **{name.replace("-", "_"): x}) for x in (sent, taken)]
    assert short[0] == short[1] and short[0]["source"]
    anna.values[slider] = sent
    long = anna.now().recipe
    anna.values[slider] = taken
    assert long == anna.now().recipe == Recipe.from_text(json.loads(short[0]["stage"])["recipe"])


@pytest.mark.parametrize(
    "moves",
    [
        {"direction_99": 1.0},
        {"number_99": 1.0},
        {"direction_": 1.0},
        {"direction_-1": 1.0},
        {"seed": 5},
        {"": 1},
        {"psi": 10**400},
    ],
)
def test_a_move_of_no_slider_gets_no_picture(
    anna: Person, runs: dict[str, str], moves: dict[str, Any]
) -> None:
    anna.open(runs["style"])
    assert anna.steer(anna.stage(), **moves) == {}
    assert anna.steer(anna.stage(), direction_0=1.0)["source"]


@pytest.mark.parametrize(
    "change",
    [
        {"token": ""},
        {"token": None},
        {"token": "00ffffffff-" + "0" * 32},
        {"run": "../../etc"},
        {"run": None},
        {"run": "\ud800"},
        {"recipe": "nothing"},
        {"recipe": None},
        {"recipe": Recipe(w=(1.0,) * LATENT).to_text()},
        {"first": 10**6},
        {"first": "a"},
        {"first": float("inf")},
    ],
)
def test_a_forged_stage_gets_no_picture(
    anna: Person, runs: dict[str, str], change: dict[str, Any]
) -> None:
    anna.open(runs["plain"])
    stage = anna.stage()
    assert anna.steer(stage, number_0=1.0)["source"]
    assert anna.steer({**stage, **change}, number_0=1.0) == {}


@pytest.mark.parametrize("data", [None, [], {}, {"stage": "{"}, {"stage": "[]", "moves": {}}])
def test_what_is_no_stage_at_all_gets_no_picture(anna: Person, data: Any) -> None:
    stage: PicturePanel = anna.tab.picture_panel
    assert stage.steer(data) == {}


def test_a_pass_steers_no_other_generator(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    stage = anna.stage()
    other = {**stage, "run": runs["classes"]}
    assert anna.steer(other, psi=0.5) == {}
    expired = anna.tab.session.tokens.make(runs["plain"], now=1e9)
    assert anna.steer({**stage, "token": expired}, psi=0.5) == {}
    assert anna.steer(stage, psi=0.5)["source"]


def test_a_generator_that_was_deleted_is_steered_no_more(
    anna: Person, runs: dict[str, str]
) -> None:
    anna.open(runs["doomed"])
    anna.page.app.manager.delete(runs["doomed"])
    assert anna.steer(anna.stage(), psi=0.5) == {}


# ---- what is chosen


def test_what_is_chosen_counts(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["style"])
    slider_panel = anna.tab.sliders
    anna.set(slider_panel.class_b, 2, "input")
    anna.values[slider_panel.class_share] = 0.5
    anna.do(anna.tab.picture_panel.picture, "apply")
    assert remembered(anna).classes == {0: 0.5, 2: 0.5}
    anna.values[slider_panel.directions[0]] = 3.0
    pictures = [anna.painted()]
    for component, value in (
        (slider_panel.part, "coarse"),
        (slider_panel.mix_seed, 5),
        (slider_panel.mix_part, "fine"),
        (slider_panel.noise, "none"),
        (slider_panel.noise, "other"),
        (slider_panel.class_a, 1),
    ):
        anna.set(component, value, "input")
        assert anna.problem() == "" and np.array_equal(anna.shown(), anna.painted())
        assert not any(np.array_equal(anna.shown(), before) for before in pictures)
        pictures.append(anna.shown())
    found = remembered(anna)
    assert (found.part, found.mix_seed, found.mix_part, found.noise) == ("coarse", 5, "fine", 1)
    assert found.classes == {1: 0.5, 2: 0.5}


def test_other_numbers_are_shown_and_those_before_stay(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    slider_panel = anna.tab.sliders
    anna.values[slider_panel.numbers[2]] = 3.5
    anna.do(anna.tab.picture_panel.picture, "apply")
    before = anna.shown(), anna.painted()
    anna.set(slider_panel.first, 9, "input")
    assert anna.now().recipe.coordinates == {2: 3.5} and anna.stage()["first"] == 8
    assert np.array_equal(anna.shown(), before[1]) and not np.array_equal(*before)
    assert "source" in anna.steer(anna.stage(), number_0=1.5)
    anna.values[slider_panel.numbers[0]] = 1.5
    assert anna.now().recipe.coordinates == {2: 3.5, 8: 1.5}


def test_all_sliders_go_to_the_middle_and_the_class_stays(
    anna: Person, runs: dict[str, str]
) -> None:
    on_the_way(anna, runs["style"])
    slider_panel = anna.tab.sliders
    anna.values |= {
        slider_panel.directions[3]: 1.0,
        slider_panel.psi: 0.5,
        slider_panel.class_share: 0.3,
    }
    seed = anna.now().recipe.seed
    anna.do(anna.tab.picture_panel.level_btn, "click")
    level = Recipe(seed=seed, classes={0: 0.7, 1: 0.3})
    assert anna.now().recipe == level and np.array_equal(anna.shown(), anna.painted())
