"""What a person does on the latent page: steps back and forth, the tray, neighbours and files."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeSet
from tests.visiting import (
    LATENT,
    SIDE,
    Person,
    attributes,
    generator_run,
    pictures_in,
    value_in,
)
from training.home import Home, new_id
from training.imageset import ImageSet
from training.limits import Limits
from training.recipe import Recipe, half_exact
from training.runs import RunManager
from training.text import t
from ui.latent_near import CHILDREN
from ui.latent_tray import MOST_KEPT
from ui.latent_view import PAD_COLUMNS, Tile, data_uri, pad_html, picture_html, tiles_html
from ui.page import Page

ANNA = new_id()
EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def images(make_set: MakeSet) -> ImageSet:
    return make_set({EVIL: 20, "dogs": 20, "emus": 20}, side=16)


@pytest.fixture
def page(tmp_path: Path, images: ImageSet) -> Page:
    home = Home(tmp_path / "home")
    generator_run(home, images, "dcgan", ANNA, classes=False)
    generator_run(home, images, "stylegan2", ANNA)
    return Page(home, RunManager(home, ("cpu",)), Limits())


def person(page: Page, family: str) -> Person:
    """Anna before the picture of one of her generators."""
    anna = Person(page, ANNA)
    (run,) = [run for run in page.frame.manager.runs(ANNA) if run.about.name == family]
    anna.open(run.id)
    return anna


@pytest.fixture
def plain(page: Page) -> Person:
    return person(page, "dcgan")


@pytest.fixture
def style(page: Page) -> Person:
    return person(page, "stylegan2")


def story(person: Person, part: str) -> int:
    return len(dict(person.values[person.tab.desk.story] or {}).get(part, []))


def drag(person: Person, number: int, value: float) -> Recipe:
    """Move a slider and let it go."""
    person.values[person.tab.controls.directions[number]] = value
    person.do(person.tab.stage.picture, "apply")
    return person.now().recipe


def problem(person: Person) -> str:
    return str(person.values[person.tab.message])


# ---- back and forth


def test_steps_are_undone_and_redone_in_order(plain: Person) -> None:
    stage = plain.tab.stage
    steps = [plain.now().recipe]
    for button in (stage.random_btn, stage.on_btn):
        plain.do(button, "click")
        steps.append(plain.now().recipe)
    steps += [drag(plain, 2, 1.5), drag(plain, 4, -1.0)]
    plain.do(stage.level_btn, "click")
    steps.append(plain.now().recipe)
    assert len({recipe.to_text() for recipe in steps}) == 6
    for button, order in ((stage.undo_btn, reversed(steps[:-1])), (stage.redo_btn, steps[1:])):
        for recipe in order:
            plain.do(button, "click")
            assert plain.now().recipe == recipe
            assert np.array_equal(plain.shown(), plain.painted())
        assert plain.do(button, "click") == {plain.tab.message: ""}  # there is no further one


def test_a_new_step_ends_what_was_undone(plain: Person) -> None:
    stage = plain.tab.stage
    drag(plain, 0, 1.0)
    plain.do(stage.undo_btn, "click")
    other = drag(plain, 1, 1.0)
    plain.do(stage.redo_btn, "click")
    assert plain.now().recipe == other


def test_letting_go_twice_is_one_step(plain: Person) -> None:
    drag(plain, 0, 1.0)
    assert (story(plain, "past"), plain.do(plain.tab.stage.picture, "apply")) == (
        1,
        {plain.tab.message: ""},
    )
    drag(plain, 0, 1.0)
    assert story(plain, "past") == 1
    drag(plain, 0, 2.0)
    assert story(plain, "past") == 2


def test_what_was_not_let_go_of_yet_can_be_undone_too(plain: Person) -> None:
    first = drag(plain, 0, 1.0)
    plain.values[plain.tab.controls.psi] = 0.4
    plain.do(plain.tab.stage.undo_btn, "click")
    assert plain.now().recipe == first
    plain.do(plain.tab.stage.redo_btn, "click")
    assert plain.now().recipe.psi == 0.4


def test_every_undo_leads_to_another_picture(style: Person) -> None:
    """With classes, too, whose mix a generator's first picture does not name."""
    pictures = [style.shown()]
    for _ in range(2):
        style.do(style.tab.stage.random_btn, "click")
        pictures.append(style.shown())
    for before in reversed(pictures[:-1]):
        style.do(style.tab.stage.undo_btn, "click")
        assert np.array_equal(style.shown(), before)
    assert style.do(style.tab.stage.undo_btn, "click") == {style.tab.message: ""}


def test_a_picture_that_was_found_can_be_left_again(style: Person) -> None:
    """A search names the one class of what it found."""
    tab = style.tab
    style.do(tab.stage.random_btn, "click")
    before = style.shown()
    w = half_exact(style.now().sampler.point(Recipe(seed=99))[0, 0])
    style.values[tab.mine.best] = Recipe(w=w, classes={2: 1.0}).to_text()
    style.do(tab.mine.use_btn, "click")
    assert problem(style) == "" and not np.array_equal(style.shown(), before)
    style.do(tab.stage.undo_btn, "click")
    assert np.array_equal(style.shown(), before)


def test_numbers_set_in_any_order_can_be_undone(plain: Person) -> None:
    controls, stage = plain.tab.controls, plain.tab.stage
    plain.values[controls.numbers[0]] = 2.0
    plain.do(stage.picture, "apply")
    one = plain.now().recipe
    plain.set(controls.first, 9, "input")
    plain.values[controls.numbers[0]] = 3.0
    plain.do(stage.picture, "apply")
    plain.set(controls.first, 1, "input")
    plain.do(stage.undo_btn, "click")
    assert plain.now().recipe == one


def test_the_story_of_one_generator_is_not_anothers(page: Page, plain: Person) -> None:
    drag(plain, 0, 1.0)
    (run,) = [r for r in page.frame.manager.runs(ANNA) if r.about.name == "stylegan2"]
    plain.open(run.id)
    before = plain.shown()
    plain.do(plain.tab.stage.undo_btn, "click")
    assert np.array_equal(plain.shown(), before) and plain.now().recipe.steps == {}


# ---- the tray


def keep(person: Person, count: int) -> list[Recipe]:
    kept = []
    for _ in range(count):
        person.do(person.tab.stage.keep_btn, "click")
        kept.append(person.now().recipe)
        person.do(person.tab.stage.on_btn, "click")
    return kept


def tray(person: Person) -> list[Recipe]:
    return person.tab.tray.recipes(person.values, person.now())


def press(person: Person, place: int, action: str) -> None:
    person.do(person.tab.tray.tiles, "select", {"place": place, "action": action})


def test_pictures_are_kept_once_ordered_and_removed(plain: Person) -> None:
    a, b, c = keep(plain, 3)
    assert tray(plain) == [a, b, c]
    shown = plain.values[plain.tab.tray.tiles]
    painted = plain.now().sampler.paint([a, b, c]).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack(pictures_in(shown)), painted)
    plain.do(plain.tab.stage.back_btn, "click")
    plain.do(plain.tab.stage.keep_btn, "click")  # c again
    assert tray(plain) == [a, b, c]
    press(plain, 2, "sooner")
    assert tray(plain) == [a, c, b]
    press(plain, 0, "sooner")
    assert tray(plain) == [a, c, b]
    press(plain, 1, "remove")
    assert tray(plain) == [a, b]
    press(plain, 0, "open")
    assert plain.now().recipe == a and np.array_equal(plain.shown(), plain.painted())
    for place in (-1, 2, 99):
        press(plain, place, "remove")
    assert tray(plain) == [a, b] and problem(plain) == ""


def test_the_way_to_a_kept_picture_begins_here_and_ends_there(plain: Person) -> None:
    (there,) = keep(plain, 1)
    here, way = plain.shown(), plain.tab.controls.way
    press(plain, 0, "towards")
    recipe = plain.now().recipe
    assert recipe.other == there and recipe.share == plain.values[way] == 0.5
    for share, picture in ((0.0, here), (1.0, plain.now().sampler.paint([there])[0])):
        plain.values[way] = share
        wanted = picture if isinstance(picture, np.ndarray) else picture.permute(1, 2, 0).numpy()
        assert np.abs(plain.painted().astype(int) - wanted).max() <= 1
    press(plain, 0, "towards")  # from on the way: there is no chain of others
    assert problem(plain) == "" and plain.now().recipe.other == there


def test_a_full_tray_says_so(plain: Person) -> None:
    run = plain.values[plain.tab.picker]
    texts = [Recipe(seed=seed).to_text() for seed in range(100, 100 + MOST_KEPT)]
    plain.values[plain.tab.tray.kept] = {run: texts}
    plain.do(plain.tab.stage.keep_btn, "click")
    assert t("error.latent.tray_full.what", most=MOST_KEPT) in problem(plain)
    assert len(tray(plain)) == MOST_KEPT
    press(plain, 0, "remove")
    plain.do(plain.tab.stage.keep_btn, "click")
    assert problem(plain) == "" and tray(plain)[-1].seed == 0


@pytest.mark.parametrize(
    "texts",
    [
        [7, None, "", "x" * 50_000, ["a"], {}],
        [Recipe(w=(1.0,) * LATENT).to_text(), Recipe(z=(1.0,)).to_text()],
        [Recipe(classes={9: 1.0}).to_text()] * 2 + [Recipe(steps={99: 1.0}).to_text()],
        [Recipe(coordinates={99: 1.0}, other=Recipe(seed=4), share=0.5).to_text()],
    ],
)
def test_what_was_forged_is_left_out_of_the_tray(style: Person, texts: list[object]) -> None:
    good = Recipe(seed=3)
    run = style.values[style.tab.picker]
    texts = [text for text in texts if text != Recipe(w=(1.0,) * LATENT).to_text()]
    style.values[style.tab.tray.kept] = {run: [*texts, good.to_text()]}
    assert tray(style) == [good]
    press(style, 0, "open")
    assert problem(style) == "" and style.now().recipe.seed == 3


@pytest.mark.parametrize("forged", [None, "", 7, [], ["x"], {"run": 1}])
def test_a_tray_that_is_none_is_an_empty_one(plain: Person, forged: object) -> None:
    run = plain.values[plain.tab.picker]
    for whole in (forged, {run: forged}):
        plain.values[plain.tab.tray.kept] = whole
        assert tray(plain) == []
        plain.do(plain.tab.stage.keep_btn, "click")
        assert problem(plain) == "" and len(tray(plain)) == 1


@pytest.mark.parametrize("mix_seed", ["", [], {}, False])
def test_a_recipe_with_a_seed_that_is_none_is_no_picture(style: Person, mix_seed: object) -> None:
    import base64
    import zlib

    packed = zlib.compress(json.dumps({"seed": 4, "mix_seed": mix_seed}).encode())
    forged = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    style.values[style.tab.tray.kept] = {style.values[style.tab.picker]: [forged]}
    assert tray(style) == []


# ---- neighbours and the map


def children(person: Person) -> list[str]:
    found = attributes(person.values[person.tab.near.children], "data-recipe")
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
def test_neighbours_stay_the_same_until_others_are_wanted(page: Page, family: str) -> None:
    anna = person(page, family)
    first = children(anna)
    assert len(first) == CHILDREN
    near = anna.tab.near
    anna.do(near.strength, "release")
    assert children(anna) == first
    anna.do(near.others_btn, "click")
    assert len(set(first + children(anna))) == 2 * CHILDREN
    anna.set(near.strength, 0.9, "release")
    anna.values[near.round] = 0
    anna.do(near.strength, "release")
    assert not set(first) & set(children(anna))


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
def test_a_neighbour_that_is_pressed_is_shown_and_has_children_of_its_own(
    page: Page, family: str
) -> None:
    anna = person(page, family)
    if family == "stylegan2":  # as after a search
        w = half_exact(anna.now().sampler.point(Recipe(seed=99))[0, 0])
        anna.values[anna.tab.mine.best] = Recipe(w=w, classes={0: 1.0}).to_text()
        anna.do(anna.tab.mine.use_btn, "click")
    drag(anna, 1, 2.0)
    first, tiles = children(anna), pictures_in(anna.values[anna.tab.near.children])
    anna.do(anna.tab.near.children, "select", {"recipe": first[3], "place": 3, "action": "open"})
    assert problem(anna) == "" and anna.now().recipe.steps == {1: 2.0}
    # Alone or among eight: the same but for rounding.
    assert np.abs(anna.shown().astype(int) - tiles[3]).max() <= 1
    assert not set(first) & set(children(anna))


def test_a_forged_neighbour_is_refused(plain: Person) -> None:
    before = plain.shown()
    for data in ({"recipe": "x"}, {}, {"recipe": Recipe(z=(1.0,)).to_text()}):
        plain.do(plain.tab.near.children, "select", data)
        assert t("error.latent.no_recipe.what") in problem(plain)
    assert np.array_equal(plain.shown(), before)


def test_the_map_shows_where_two_sliders_lead(style: Person) -> None:
    near = style.tab.near
    drag(style, 5, 1.0)
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
    drag(style, 2, -1.5)
    assert "left:25.00%;top:50.00%" in style.values[near.pad]


def test_a_panel_that_is_closed_is_not_drawn(plain: Person) -> None:
    opened = plain.set(plain.tab.panel, "tray", "change")
    visible = {name: opened[body].visible for name, body in plain.tab.bodies.items()}
    assert visible == {name: name == "tray" for name in plain.tab.bodies}
    plain.values[plain.tab.controls.psi] = 0.5
    assert not {plain.tab.near.children, plain.tab.near.pad} & set(
        plain.do(plain.tab.stage.picture, "apply")
    )


# ---- names


def test_a_name_stands_on_the_slider_and_on_the_map(style: Person) -> None:
    tab = style.tab
    style.values |= {tab.names.named: 4, tab.names.name: "sleeves"}
    answer = style.do(tab.names.name_btn, "click")
    assert answer[tab.controls.directions[4]].label == "sleeves"
    assert answer[tab.controls.directions[3]].label == t("latent.direction", number=4)
    for axis in tab.near.axes:
        assert ("sleeves", 4) in answer[axis].choices
    assert style.values[tab.names.name] == ""
    opened = style.do(tab.picker, "change")
    assert opened[tab.controls.directions[4]].label == "sleeves"


# ---- what is taken home


def test_files_are_what_they_say(style: Person) -> None:
    tab = style.tab
    drag(style, 0, 2.5)
    made = {}
    for kind, button in tab.tray.makers.items():
        made[kind] = Path(value_in(style.do(button, "click")[tab.tray.file]))
        assert problem(style) == ""
    with Image.open(made["png"]) as picture:
        assert picture.format == "PNG" and np.array_equal(np.asarray(picture), style.painted())
    said = json.loads(made["json"].read_text(encoding="utf-8"))
    assert Recipe.from_json(said["recipe"]) == style.now().recipe
    assert (said["space"], said["resolution"], said["name"]) == ("w", SIDE, "stylegan2")
    assert np.shape(said["point"])[-1] == LATENT and said["classes"] == [EVIL, "dogs", "emus"]
    with Image.open(made["sheet"]) as alone:
        one = alone.size
    keep(style, 3)
    again = style.do(tab.tray.makers["sheet"], "click")[tab.tray.file]
    with Image.open(value_in(again)) as sheet:
        assert sheet.size > one


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_walk_through_the_tray_is_a_film(plain: Person, kind: str) -> None:
    tray = plain.tab.tray
    plain.values |= {tray.seconds: 1, tray.fps: 4}
    plain.do(tray.films[kind], "click")
    assert t("error.latent.stops.what", count=0, most=8) in problem(plain)
    keep(plain, 2)
    answer = plain.do(tray.films[kind], "click")
    assert problem(plain) == ""
    path = Path(value_in(answer[tray.film_file]))
    assert path.suffix == f".{kind}" and value_in(answer[tray.players[kind]]) == str(path)
    with av.open(str(path)) as film:
        assert len(list(film.decode(video=0))) == 4
    assert [player.visible for name, player in tray.players.items() if name != kind] == [False]
    assert not answer[tray.players["gif" if kind == "mp4" else "mp4"]].visible


# ---- markup


def test_names_are_never_markup(page: Page, style: Person) -> None:
    tab = style.tab
    style.values |= {tab.names.named: 0, tab.names.name: EVIL, tab.panel: "map"}
    style.do(tab.names.name_btn, "click")
    assert problem(style) == ""
    style.do(tab.panel, "change")
    keep(style, 1)
    style.set(tab.panel, "tray", "change")
    style.do(tab.picker, "change")
    style.do(tab.mine.real_btn, "click")
    assert problem(style) == ""
    shown = [value for value in style.values.values() if isinstance(value, str) and "<" in value]
    assert any("&quot;&gt;&lt;img src=x" in value for value in shown)  # on the map
    assert not any("<img src=x" in value for value in shown if value != EVIL)


def test_no_word_becomes_markup() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    tile = Tile(pixels, EVIL, Recipe(), EVIL)
    flat = np.zeros((3, 4, 4), np.uint8)
    import torch

    pages = [
        tiles_html([tile], [("remove", "x", EVIL)]),
        pad_html(pixels, (0, 1), (0.0, 0.0), EVIL),
        picture_html(torch.from_numpy(flat), EVIL, {"run": EVIL}),
    ]
    for page in pages:
        assert "<img src=x" not in page and "&lt;img src=x" in page
    assert json.loads(attributes(pages[2], "data-stage")[0]) == {"run": EVIL}


def test_a_picture_travels_without_loss() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    (back,) = pictures_in(data_uri(noise))
    assert np.array_equal(back, noise)
