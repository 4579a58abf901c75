"""The latent page's steps back and forth, its neighbours, its map and its names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.visiting import (
    ANNA,
    LATENT,
    SIDE,
    Person,
    attributes,
    person_at,
    pictures_in,
    prop_in,
)
from training.core.messages import t
from training.latent.recipe import Recipe, half_exact
from ui.latent.explore import CHILDREN
from ui.latent.view import PAD_COLUMNS
from ui.page import Page


def story(person: Person, part: str) -> int:
    return len(dict(person.values[person.tab.session.story] or {}).get(part, []))


# ---- back and forth


def test_steps_are_undone_and_redone_in_order(plain: Person) -> None:
    stage = plain.tab.picture_panel
    steps = [plain.now().recipe]
    for button in (stage.random_btn, stage.on_btn):
        plain.do(button, "click")
        steps.append(plain.now().recipe)
    steps += [plain.drag(2, 1.5), plain.drag(4, -1.0)]
    plain.do(stage.level_btn, "click")
    steps.append(plain.now().recipe)
    assert all(a != b for a, b in itertools.pairwise(steps))
    for button, order in ((stage.undo_btn, reversed(steps[:-1])), (stage.redo_btn, steps[1:])):
        for recipe in order:
            plain.do(button, "click")
            assert plain.now().recipe == recipe
            assert np.array_equal(plain.shown(), plain.painted())
        assert plain.do(button, "click") == {plain.tab.message: ""}  # there is no further one


def test_a_new_step_ends_what_was_undone(plain: Person) -> None:
    stage = plain.tab.picture_panel
    plain.drag(0, 1.0)
    plain.do(stage.undo_btn, "click")
    other = plain.drag(1, 1.0)
    plain.do(stage.redo_btn, "click")
    assert plain.now().recipe == other


def test_letting_go_twice_is_one_step(plain: Person) -> None:
    plain.drag(0, 1.0)
    assert (story(plain, "past"), plain.do(plain.tab.picture_panel.picture, "apply")) == (
        1,
        {plain.tab.message: ""},
    )
    plain.drag(0, 1.0)
    assert story(plain, "past") == 1
    plain.drag(0, 2.0)
    assert story(plain, "past") == 2


def test_what_was_not_let_go_of_yet_can_be_undone_too(plain: Person) -> None:
    first = plain.drag(0, 1.0)
    plain.values[plain.tab.sliders.psi] = 0.4
    plain.do(plain.tab.picture_panel.undo_btn, "click")
    assert plain.now().recipe == first
    plain.do(plain.tab.picture_panel.redo_btn, "click")
    assert plain.now().recipe.psi == 0.4


def test_every_undo_leads_to_another_picture(style: Person) -> None:
    """With classes, too, whose mix a generator's first picture does not name."""
    pictures = [style.shown()]
    for _ in range(2):
        style.do(style.tab.picture_panel.random_btn, "click")
        pictures.append(style.shown())
    for before in reversed(pictures[:-1]):
        style.do(style.tab.picture_panel.undo_btn, "click")
        assert np.array_equal(style.shown(), before)
    assert style.do(style.tab.picture_panel.undo_btn, "click") == {style.tab.message: ""}


def test_a_picture_that_was_found_can_be_left_again(style: Person) -> None:
    """A search names the one class of what it found."""
    tab = style.tab
    style.do(tab.picture_panel.random_btn, "click")
    before = style.shown()
    w = half_exact(style.now().sampler.point(Recipe(seed=99))[0, 0])
    style.values[tab.mine.best] = Recipe(w=w, classes={2: 1.0}).to_text()
    style.do(tab.mine.use_btn, "click")
    assert style.problem() == "" and not np.array_equal(style.shown(), before)
    style.do(tab.picture_panel.undo_btn, "click")
    assert np.array_equal(style.shown(), before)


def test_numbers_set_in_any_order_can_be_undone(plain: Person) -> None:
    slider_panel, stage = plain.tab.sliders, plain.tab.picture_panel
    plain.values[slider_panel.numbers[0]] = 2.0
    plain.do(stage.picture, "apply")
    one = plain.now().recipe
    plain.set(slider_panel.first, 9, "input")
    plain.values[slider_panel.numbers[0]] = 3.0
    plain.do(stage.picture, "apply")
    plain.set(slider_panel.first, 1, "input")
    plain.do(stage.undo_btn, "click")
    assert plain.now().recipe == one


def test_the_story_of_one_generator_is_not_anothers(two: Page, plain: Person) -> None:
    plain.drag(0, 1.0)
    (run,) = [r for r in two.app.manager.runs(ANNA) if r.info.name == "stylegan2"]
    plain.open(run.id)
    before = plain.shown()
    plain.do(plain.tab.picture_panel.undo_btn, "click")
    assert np.array_equal(plain.shown(), before) and plain.now().recipe.steps == {}


# ---- neighbours and the map


def children(person: Person) -> list[str]:
    """The recipes that stand on the neighbours."""
    return attributes(person.values[person.tab.near.children], "data-recipe")


def vectors(person: Person) -> list[tuple[float, ...]]:
    """Where the neighbours lie."""
    recipes = [Recipe.from_text(text) for text in children(person)]
    return [recipe.w or recipe.z for recipe in recipes]


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
def test_neighbours_stay_the_same_until_others_are_wanted(two: Page, family: str) -> None:
    anna = person_at(two, ANNA, family)
    first = vectors(anna)
    assert len(first) == CHILDREN
    near = anna.tab.near
    anna.do(near.strength, "release")
    assert vectors(anna) == first
    anna.do(near.others_btn, "click")
    assert len(set(first + vectors(anna))) == 2 * CHILDREN
    anna.set(near.strength, 0.9, "release")
    anna.values[near.round] = 0
    anna.do(near.strength, "release")
    assert not set(first) & set(vectors(anna))


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
def test_a_neighbour_that_is_pressed_is_shown_and_has_children_of_its_own(
    two: Page, family: str
) -> None:
    anna = person_at(two, ANNA, family)
    if family == "stylegan2":  # as after a search
        w = half_exact(anna.now().sampler.point(Recipe(seed=99))[0, 0])
        anna.values[anna.tab.mine.best] = Recipe(w=w, classes={0: 1.0}).to_text()
        anna.do(anna.tab.mine.use_btn, "click")
    anna.drag(1, 2.0)
    first, tiles = children(anna), pictures_in(anna.values[anna.tab.near.children])
    anna.do(anna.tab.near.children, "select", {"recipe": first[3], "place": 3, "action": "open"})
    assert anna.problem() == "" and anna.now().recipe.steps == {1: 2.0}
    # Alone or among eight: the same but for rounding.
    assert np.abs(anna.shown().astype(int) - tiles[3]).max() <= 1
    assert not set(first) & set(children(anna))


def test_a_forged_neighbour_is_refused(plain: Person) -> None:
    before = plain.shown()
    for data in ({"recipe": "x"}, {}, {"recipe": Recipe(w=(1.0,) * LATENT).to_text()}):
        plain.do(plain.tab.near.children, "select", data)
        assert t("error.latent.no_recipe.what") in plain.problem()
    assert np.array_equal(plain.shown(), before)


def test_a_neighbour_of_another_model_is_refused(plain: Person) -> None:
    plain.do(plain.tab.near.children, "select", {"recipe": Recipe(z=(1.0,)).to_text()})
    assert t("error.latent.no_recipe.what") in plain.problem()


def test_the_map_shows_where_two_sliders_lead(style: Person) -> None:
    near = style.tab.near
    style.drag(5, 1.0)
    style.set(style.tab.panel, "map", "change")
    style.set(near.across, 2, "input")
    pad = style.values[near.pad]
    (sheet,) = pictures_in(pad)
    scale = sheet.shape[0] // (PAD_COLUMNS * SIDE)
    assert sheet.shape == (PAD_COLUMNS * SIDE * scale, PAD_COLUMNS * SIDE * scale, 3)
    assert attributes(pad, "data-across") == ["2"] and attributes(pad, "data-up") == ["1"]
    now = style.now()
    for row, column, x, y in ((0, 0, -3, 3), (0, 6, 3, 3), (6, 0, -3, -3), (3, 5, 2, 0)):
        recipe = Recipe(steps={5: 1.0, 2: x, 1: y}, classes=now.recipe.classes)
        wanted = now.sampler.paint([recipe])[0].permute(1, 2, 0).numpy().astype(int)
        tile = sheet[row * SIDE * scale :, column * SIDE * scale :]
        shown = tile[: SIDE * scale : scale, : SIDE * scale : scale]
        assert np.abs(shown - wanted).max() <= 1, (row, column)
    style.drag(2, -1.5)
    assert "left:25.00%;top:50.00%" in style.values[near.pad]


def test_a_panel_that_is_closed_is_not_drawn(plain: Person) -> None:
    opened = plain.set(plain.tab.panel, "tray", "change")
    visible = {name: prop_in(opened[body], "visible") for name, body in plain.tab.bodies.items()}
    assert visible == {name: name == "tray" for name in plain.tab.bodies}
    plain.values[plain.tab.sliders.psi] = 0.5
    assert not {plain.tab.near.children, plain.tab.near.pad} & set(
        plain.do(plain.tab.picture_panel.picture, "apply")
    )


# ---- names


def test_a_name_stands_on_the_slider_and_on_the_map(style: Person) -> None:
    tab = style.tab
    style.values |= {tab.names.named: 4, tab.names.name: "sleeves"}
    answer = style.do(tab.names.name_btn, "click")
    sliders = tab.sliders.directions
    assert prop_in(answer[sliders[4]], "label") == "sleeves"
    assert prop_in(answer[sliders[3]], "label") == t("latent.direction", number=4)
    for axis in tab.near.axes:
        assert ("sleeves", 4) in prop_in(answer[axis], "choices")
    assert style.values[tab.names.name] == ""
    opened = style.do(tab.picker, "change")
    assert prop_in(opened[sliders[4]], "label") == "sleeves"
    style.values |= {tab.names.named: 4, tab.names.name: ""}
    style.do(tab.names.name_btn, "click")
