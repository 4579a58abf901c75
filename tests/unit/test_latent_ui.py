"""The latent page: one picture by two ways, the steps back, whose it is, and links to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MakeSet
from tests.visiting import LATENT, Person, generator_run, pictures_in
from training.home import Home, new_id
from training.imageset import ImageSet
from training.limits import Limits
from training.recipe import Recipe
from training.runs import RunManager
from training.text import UserError, t
from ui.latent_stage import Stage
from ui.links import Link
from ui.page import Page

ANNA, BEN = new_id(), new_id()
SLIDERS = ("direction-0", "direction-15", "psi", "class-share", "way", "number-0", "number-7")


@pytest.fixture
def images(make_set: MakeSet) -> ImageSet:
    return make_set({"cats": 8, "dogs": 8, "<b>emus</b>": 8}, side=16)


@pytest.fixture
def runs(tmp_path: Path, images: ImageSet) -> dict[str, str]:
    """Anna's generators by name."""
    home = Home(tmp_path / "home")
    return {
        "plain": generator_run(home, images, "dcgan", ANNA, classes=False),
        "classes": generator_run(home, images, "dcgan", ANNA),
        "style": generator_run(home, images, "stylegan2", ANNA),
    }


@pytest.fixture
def page(tmp_path: Path, runs: dict[str, str]) -> Page:
    home = Home(tmp_path / "home")
    return Page(home, RunManager(home, ("cpu",)), Limits())


@pytest.fixture
def anna(page: Page) -> Person:
    return Person(page, ANNA)


def remembered(person: Person) -> Recipe:
    """The picture that the browser keeps."""
    return Recipe.from_text(person.values[person.page.frame.picture]["recipe"])


def problem(person: Person) -> str:
    return str(person.values[person.tab.message])


# ---- opening


@pytest.mark.parametrize("kind", ["plain", "classes", "style"])
def test_a_generator_opens_with_its_first_picture(
    anna: Person, runs: dict[str, str], kind: str
) -> None:
    answer = anna.open(runs[kind])
    assert problem(anna) == "" and anna.values[anna.page.frame.run] == runs[kind]
    assert np.array_equal(anna.shown(), anna.painted())
    controls = anna.tab.controls
    assert answer[controls.class_row].visible == (kind != "plain")
    assert answer[controls.style_body].visible == (kind == "style")
    assert remembered(anna).seed == 0


def test_a_page_that_loads_shows_a_generator_and_a_reload_the_same_picture(anna: Person) -> None:
    anna.arrive()
    assert np.array_equal(anna.shown(), anna.painted())
    anna.set(anna.tab.stage.seed, 77, "input")
    again = Person(anna.page, ANNA)
    for state in (anna.page.frame.picture, anna.page.frame.run):
        again.values[state] = anna.values[state]
    again.arrive()
    assert np.array_equal(again.shown(), anna.shown()) and again.now().recipe.seed == 77


def test_a_recipe_that_no_longer_fits_the_model_is_forgotten(
    anna: Person, runs: dict[str, str]
) -> None:
    old = Recipe(z=(1.0,) * (LATENT + 1)).to_text()
    anna.values[anna.page.frame.picture] = {"run": runs["plain"], "recipe": old}
    anna.open(runs["plain"])
    assert remembered(anna) == Recipe() and np.array_equal(anna.shown(), anna.painted())


def test_numbers_that_a_smaller_model_lacks_are_not_steered(
    anna: Person, runs: dict[str, str]
) -> None:
    anna.values[anna.tab.controls.first] = 100  # of a model with many more
    anna.open(runs["plain"])
    assert anna.values[anna.tab.controls.first] <= LATENT
    assert anna.steer(anna.stage(), number_0=2.0)["source"]


# ---- two ways to one picture


def on_the_way(person: Person, run: str) -> None:
    """Somewhere between two pictures, so that every slider counts."""
    person.open(run)
    person.do(person.tab.stage.keep_btn, "click")
    person.do(person.tab.stage.on_btn, "click")
    person.do(person.tab.tray.tiles, "select", {"place": 0, "action": "towards"})
    assert problem(person) == ""


@pytest.mark.parametrize("name", SLIDERS)
@pytest.mark.parametrize("kind", ["plain", "classes", "style"])
def test_a_slider_makes_the_same_picture_by_the_short_way_and_the_long(
    anna: Person, runs: dict[str, str], kind: str, name: str
) -> None:
    on_the_way(anna, runs[kind])
    before = anna.shown()
    value = {"psi": 0.45, "class-share": 0.75, "way": 0.2}.get(name, -2.35)
    sent = anna.steer(anna.stage(), **{name.replace("-", "_"): value})
    anna.values[anna.tab.controls.steering[name]] = value
    assert Link.from_text(f"{runs[kind]}.{anna.stage()['token']}.{_recipe(sent)}").recipe == (
        anna.now().recipe
    )
    assert np.array_equal(pictures_in(sent["source"])[0], anna.painted())
    changes = kind != "plain" or name != "class-share"
    assert np.array_equal(anna.painted(), before) != changes


def _recipe(sent: dict[str, str]) -> str:
    import json

    return str(json.loads(sent["stage"])["recipe"])


def test_a_drag_of_several_sliders_adds_up(anna: Person, runs: dict[str, str]) -> None:
    import json

    on_the_way(anna, runs["style"])
    stage: object = anna.stage()
    for moves in ({"direction_1": 1.0, "psi": 0.9}, {"direction_1": -2.0}, {"way": 1.0}):
        stage = json.loads(anna.steer(stage, **moves)["stage"])
    controls = anna.tab.controls
    anna.values[controls.directions[1]] = -2.0
    anna.values[controls.psi], anna.values[controls.way] = 0.9, 1.0
    assert isinstance(stage, dict) and Recipe.from_text(stage["recipe"]) == anna.now().recipe


def test_what_is_let_go_is_remembered(anna: Person, runs: dict[str, str]) -> None:
    on_the_way(anna, runs["classes"])
    anna.values[anna.tab.controls.psi] = 0.5
    anna.do(anna.tab.stage.picture, "apply")
    assert remembered(anna) == anna.now().recipe and remembered(anna).psi == 0.5


def refused(person: Person, stage: object, **moves: object) -> bool:
    """Whether the page's script gets no picture."""
    try:
        return "source" not in person.steer(stage, **moves)
    except (UserError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return True


@pytest.mark.parametrize(
    "moves",
    [
        {"direction_0": 6.5},
        {"direction_99": 1.0},
        {"number_99": 1.0},
        {"number_0": float("inf")},
        {"psi": 7},
        {"psi": float("nan")},
        {"way": -0.5},
        {"class_share": 1.5},
        {"direction_0": "a long way"},
        {"direction_0": None},
        {"direction_": 1.0},
        {"direction_-1": 1.0},
        {"seed": 5},
        {"": 1},
    ],
)
def test_a_move_that_no_slider_makes_gets_no_picture(
    anna: Person, runs: dict[str, str], moves: dict[str, Any]
) -> None:
    on_the_way(anna, runs["style"])
    assert refused(anna, anna.stage(), **moves)
    assert not refused(anna, anna.stage(), direction_0=1.0)


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
    assert not refused(anna, stage, number_0=1.0)
    assert refused(anna, {**stage, **change}, number_0=1.0)


@pytest.mark.parametrize("data", [None, [], {}, {"stage": "{"}, {"stage": "[]", "moves": {}}])
def test_what_is_no_stage_at_all_gets_no_picture(anna: Person, data: Any) -> None:
    stage: Stage = anna.tab.stage
    try:
        assert "source" not in stage.steer(data)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass


def test_a_pass_steers_no_other_generator(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    stage = anna.stage()
    other = {**stage, "run": runs["classes"]}
    assert anna.steer(other, psi=0.5) == {}
    expired = anna.tab.desk.passes.make(runs["plain"], now=1e9)
    assert anna.steer({**stage, "token": expired}, psi=0.5) == {}
    assert anna.steer(stage, psi=0.5)["source"]


def test_a_generator_that_was_deleted_is_steered_no_more(
    anna: Person, runs: dict[str, str]
) -> None:
    anna.open(runs["plain"])
    anna.page.frame.manager.delete(runs["plain"])
    assert anna.steer(anna.stage(), psi=0.5) == {}


# ---- what is chosen


def test_what_is_chosen_counts(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["style"])
    controls = anna.tab.controls
    anna.set(controls.class_b, 2, "input")
    anna.values[controls.class_share] = 0.5
    anna.do(anna.tab.stage.picture, "apply")
    assert remembered(anna).classes == {0: 0.5, 2: 0.5}
    anna.values[controls.directions[0]] = 3.0
    pictures = [anna.painted()]
    for component, value in (
        (controls.part, "coarse"),
        (controls.mix_seed, 5),
        (controls.mix_part, "fine"),
        (controls.noise, "none"),
        (controls.noise, "other"),
        (controls.class_a, 1),
    ):
        anna.set(component, value, "input")
        assert problem(anna) == "" and np.array_equal(anna.shown(), anna.painted())
        assert not any(np.array_equal(anna.shown(), before) for before in pictures)
        pictures.append(anna.shown())
    found = remembered(anna)
    assert (found.part, found.mix_seed, found.mix_part, found.noise) == ("coarse", 5, "fine", 1)
    assert found.classes == {1: 0.5, 2: 0.5}


def test_other_numbers_are_shown_and_those_before_stay(anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    controls = anna.tab.controls
    anna.values[controls.numbers[2]] = 3.5
    anna.do(anna.tab.stage.picture, "apply")
    before = anna.shown(), anna.painted()
    anna.set(controls.first, 9, "input")
    assert anna.now().recipe.coordinates == {2: 3.5} and anna.stage()["first"] == 8
    assert np.array_equal(anna.shown(), before[1]) and not np.array_equal(*before)
    assert "source" in anna.steer(anna.stage(), number_0=1.5)
    anna.values[controls.numbers[0]] = 1.5
    assert anna.now().recipe.coordinates == {2: 3.5, 8: 1.5}


def test_all_sliders_go_to_the_middle_and_the_class_stays(
    anna: Person, runs: dict[str, str]
) -> None:
    on_the_way(anna, runs["style"])
    controls = anna.tab.controls
    anna.values |= {controls.directions[3]: 1.0, controls.psi: 0.5, controls.class_share: 0.3}
    seed = anna.now().recipe.seed
    anna.do(anna.tab.stage.level_btn, "click")
    level = Recipe(seed=seed, classes={0: 0.7, 1: 0.3})
    assert anna.now().recipe == level and np.array_equal(anna.shown(), anna.painted())


# ---- whose it is


def test_a_stranger_sees_nothing(page: Page, anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    ben = Person(page, BEN)
    ben.arrive()
    assert ben.values[ben.tab.picker] is None
    refusal = t("error.page.no_such_run.what")
    picture = ben.values[ben.tab.stage.picture]
    for claim in (runs["plain"], "../../etc", None, ["x"], new_id()):
        answer = ben.open(claim)
        assert refusal in problem(ben) and set(answer) == {ben.tab.message}
    for button in (ben.tab.stage.random_btn, ben.tab.names.name_btn, ben.tab.mine.real_btn):
        ben.values |= {ben.tab.picker: runs["plain"], ben.tab.message: ""}
        assert set(ben.do(button, "click")) == {ben.tab.message} and refusal in problem(ben)
    assert ben.values[ben.tab.stage.picture] == picture


def test_nobody_is_nobody(page: Page, runs: dict[str, str]) -> None:
    nobody = Person(page, "")
    assert set(nobody.open(runs["plain"])) == {nobody.tab.message}
    assert t("error.page.not_ready.what") in problem(nobody)


@pytest.fixture
def guest(page: Page, anna: Person, runs: dict[str, str]) -> Person:
    """Ben, after Anna has sent him a link."""
    anna.open(runs["classes"])
    anna.set(anna.tab.stage.seed, 5, "input")
    anna.values[anna.tab.controls.directions[1]] = 2.0
    anna.do(anna.tab.tray.link_btn, "click")
    ben = Person(page, BEN)
    ben.arrive(anna.values[anna.tab.tray.link])
    return ben


def test_a_link_leads_to_the_picture_and_lets_steer(
    guest: Person, anna: Person, runs: dict[str, str]
) -> None:
    assert guest.values[guest.tab.link_message] == "" and problem(guest) == ""
    assert guest.values[guest.tab.picker] == guest.values[guest.page.frame.run] == runs["classes"]
    assert np.array_equal(guest.shown(), anna.painted()) and not guest.now().mine
    assert guest.steer(guest.stage(), psi=0.5)["source"]
    guest.do(guest.tab.stage.random_btn, "click")
    assert problem(guest) == "" and np.array_equal(guest.shown(), guest.painted())


def test_a_guest_names_nothing_and_sees_no_training_pictures(
    guest: Person, anna: Person, runs: dict[str, str]
) -> None:
    tab = guest.tab
    opened = guest.do(tab.picker, "change")
    assert opened[tab.names.body].visible is False and opened[tab.mine.real_btn].visible is False
    guest.values |= {tab.names.named: 0, tab.names.name: "mine now"}
    assert set(guest.do(tab.names.name_btn, "click")) == {tab.message}
    assert t("error.page.no_such_run.what") in problem(guest)
    assert set(guest.do(tab.mine.real_btn, "click")) == {tab.message}
    assert t("error.page.no_such_run.what") in problem(guest)
    folder = guest.page.frame.manager.folder(runs["classes"]).path
    assert "mine now" not in (folder / "directions.json").read_text(encoding="utf-8")
    mine = anna.do(anna.tab.picker, "change")
    assert mine[tab.names.body].visible is True and mine[tab.mine.real_btn].visible is True


def test_a_guest_passes_on_no_more_than_they_have(guest: Person, runs: dict[str, str]) -> None:
    guest.do(guest.tab.tray.link_btn, "click")
    link = Link.from_text(guest.values[guest.tab.tray.link])
    assert link.token == guest.values[guest.page.frame.shared][runs["classes"]]


@pytest.mark.parametrize("why", ["expired", "forged", "deleted", "damaged"])
def test_a_link_that_is_no_good_says_so(
    page: Page, anna: Person, runs: dict[str, str], why: str
) -> None:
    passes, run = anna.tab.desk.passes, runs["plain"]
    token = passes.make(run, now=1e9 if why == "expired" else None)
    link = Link(runs["style"] if why == "forged" else run, token, Recipe(seed=5)).to_text()
    if why == "deleted":
        page.frame.manager.delete(run)
    ben = Person(page, BEN)
    ben.arrive(link[:-9] if why == "damaged" else link)
    error = "latent.no_recipe" if why == "damaged" else "latent.no_link"
    assert t(f"error.{error}.what") in ben.values[ben.tab.link_message]
    assert not ben.values[page.frame.shared] and not ben.values[ben.tab.stage.picture]


def test_ones_own_old_link_still_leads_there(anna: Person, runs: dict[str, str]) -> None:
    token = anna.tab.desk.passes.make(runs["plain"], now=1e9)
    anna.arrive(Link(runs["plain"], token, Recipe(seed=9)).to_text())
    assert anna.now().recipe.seed == 9 and anna.now().mine
    assert anna.steer(anna.stage(), psi=0.5)["source"]
