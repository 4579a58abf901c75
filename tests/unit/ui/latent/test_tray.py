"""The tray of the latent page: what is kept there, what comes of it, and what is never markup."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.visiting import (
    EVIL,
    LATENT,
    SIDE,
    Person,
    attributes,
    pictures_in,
    prop_in,
    value_in,
)
from training.core.messages import t
from training.latent.recipe import Recipe
from ui.common.images import png_uri
from ui.latent.tray import MAX_KEPT
from ui.latent.view import Tile, pad_html, picture_html, tiles_html
from ui.page import Page

# ---- the tray


def keep(person: Person, count: int) -> list[Recipe]:
    kept = []
    for _ in range(count):
        person.do(person.tab.picture_panel.keep_btn, "click")
        kept.append(person.now().recipe)
        person.do(person.tab.picture_panel.on_btn, "click")
    return kept


def tray(person: Person) -> list[Recipe]:
    return person.tab.tray.recipes(person.call())


def press(person: Person, place: int, action: str) -> None:
    person.do(person.tab.tray.tiles, "select", {"place": place, "action": action})


def test_pictures_are_kept_once_ordered_and_removed(plain: Person) -> None:
    a, b, c = keep(plain, 3)
    assert tray(plain) == [a, b, c]
    shown = plain.values[plain.tab.tray.tiles]
    painted = plain.now().sampler.paint([a, b, c]).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(np.stack(pictures_in(shown)), painted)
    plain.do(plain.tab.picture_panel.back_btn, "click")
    plain.do(plain.tab.picture_panel.keep_btn, "click")  # c again
    assert tray(plain) == [a, b, c]
    press(plain, 2, "sooner")
    assert tray(plain) == [a, c, b]
    press(plain, 0, "sooner")
    assert tray(plain) == [a, c, b]
    press(plain, 1, "remove")
    assert tray(plain) == [a, b]
    press(plain, 0, "open")
    assert plain.now().recipe == a and np.array_equal(plain.shown(), plain.painted())


def test_opening_the_tray_answers_nothing_about_what_it_holds(plain: Person) -> None:
    """Such an answer, made before *Keep*'s and arriving after it, would bring the old tray back."""
    panel = plain.tab.panel
    answer = plain.set(panel, "tray", "change")
    assert prop_in(answer[plain.tab.tray.body], "visible") is True
    assert not {plain.tab.tray.kept, *plain.tab.tray.outputs} & set(answer)


@pytest.mark.parametrize("place", [-1, 2, 99])
def test_a_press_that_comes_too_late_changes_nothing(plain: Person, place: int) -> None:
    kept = keep(plain, 2)
    press(plain, place, "remove")
    assert tray(plain) == kept and plain.problem() == ""
    assert len(pictures_in(plain.values[plain.tab.tray.tiles])) == 2


def test_the_way_to_a_kept_picture_begins_here_and_ends_there(plain: Person) -> None:
    (there,) = keep(plain, 1)
    here, way = plain.shown(), plain.tab.sliders.way
    press(plain, 0, "towards")
    recipe = plain.now().recipe
    assert recipe.other == there and recipe.share == plain.values[way] == 0.5
    for share, picture in ((0.0, here), (1.0, plain.now().sampler.paint([there])[0])):
        plain.values[way] = share
        wanted = picture if isinstance(picture, np.ndarray) else picture.permute(1, 2, 0).numpy()
        assert np.abs(plain.painted().astype(int) - wanted).max() <= 1
    press(plain, 0, "towards")  # from on the way: there is no chain of others
    assert plain.problem() == "" and plain.now().recipe.other == there


def test_a_full_tray_says_so(plain: Person) -> None:
    run = plain.values[plain.tab.picker]
    texts = [Recipe(seed=seed).to_text() for seed in range(100, 100 + MAX_KEPT)]
    plain.values[plain.tab.tray.kept] = {run: texts}
    plain.do(plain.tab.picture_panel.keep_btn, "click")
    assert t("error.latent.tray_full.what", most=MAX_KEPT) in plain.problem()
    assert len(tray(plain)) == MAX_KEPT
    press(plain, 0, "remove")
    plain.do(plain.tab.picture_panel.keep_btn, "click")
    assert plain.problem() == "" and tray(plain)[-1].seed == 0


@pytest.mark.parametrize(
    "texts",
    [
        [7, None, "", "x" * 50_000, ["a"], {}],
        [Recipe(w=(1.0,)).to_text(), Recipe(z=(1.0,)).to_text()],
        [Recipe(classes={9: 1.0}).to_text()] * 2 + [Recipe(steps={99: 1.0}).to_text()],
        [Recipe(coordinates={99: 1.0}, other=Recipe(seed=4), share=0.5).to_text()],
    ],
)
def test_what_was_forged_is_left_out_of_the_tray(style: Person, texts: list[object]) -> None:
    good = Recipe(seed=3)
    run = style.values[style.tab.picker]
    style.values[style.tab.tray.kept] = {run: [*texts, good.to_text()]}
    assert tray(style) == [good]
    press(style, 0, "open")
    assert style.problem() == "" and style.now().recipe.seed == 3


@pytest.mark.parametrize("forged", [None, "", 7, [], ["x"], {"run": 1}])
def test_a_tray_that_is_none_is_an_empty_one(plain: Person, forged: object) -> None:
    run = plain.values[plain.tab.picker]
    for whole in (forged, {run: forged}):
        plain.values[plain.tab.tray.kept] = whole
        assert tray(plain) == []
        plain.do(plain.tab.picture_panel.keep_btn, "click")
        assert plain.problem() == "" and len(tray(plain)) == 1


@pytest.mark.parametrize("mix_seed", ["", [], {}, False])
def test_a_recipe_with_a_seed_that_is_none_is_no_picture(style: Person, mix_seed: object) -> None:
    packed = zlib.compress(json.dumps({"seed": 4, "mix_seed": mix_seed}).encode())
    forged = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    style.values[style.tab.tray.kept] = {style.values[style.tab.picker]: [forged]}
    assert tray(style) == []


# ---- what is taken home


def test_files_are_what_they_say(style: Person) -> None:
    tab = style.tab
    style.drag(0, 2.5)
    made = {}
    for kind, button in tab.tray.makers.items():
        made[kind] = Path(value_in(style.do(button, "click")[tab.tray.file]))
        assert style.problem() == ""
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
    assert t("error.latent.stops.what", count=0, most=8) in plain.problem()
    keep(plain, 2)
    answer = plain.do(tray.films[kind], "click")
    assert plain.problem() == ""
    path = Path(value_in(answer[tray.film_file]))
    assert path.suffix == f".{kind}" and value_in(answer[tray.players[kind]]) == str(path)
    with av.open(str(path)) as film:
        assert len(list(film.decode(video=0))) == 4
    visible = {name: prop_in(answer[player], "visible") for name, player in tray.players.items()}
    assert visible == {name: name == kind for name in tray.players}


# ---- markup


def test_names_are_never_markup(two: Page, style: Person) -> None:
    tab = style.tab
    style.values |= {tab.names.named: 0, tab.names.name: EVIL, tab.panel: "map"}
    style.do(tab.names.name_btn, "click")
    assert style.problem() == ""
    style.do(tab.panel, "change")
    keep(style, 1)
    style.set(tab.panel, "tray", "change")
    style.do(tab.picker, "change")
    style.do(tab.mine.real_btn, "click")
    assert style.problem() == ""
    shown = [value for value in style.values.values() if isinstance(value, str) and "<" in value]
    assert any("&quot;&gt;&lt;img src=x" in value for value in shown)  # on the map
    assert not any("<img src=x" in value for value in shown if value != EVIL)


def test_no_word_becomes_markup() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    tile = Tile(pixels, EVIL, Recipe(), EVIL)
    flat = np.zeros((3, 4, 4), np.uint8)
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
    (back,) = pictures_in(png_uri(noise))
    assert np.array_equal(back, noise)
