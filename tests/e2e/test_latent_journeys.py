"""What a person does to slide through a generator's pictures, in a real browser."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.e2e.conftest import OpenPage, Server, new_page
from tests.e2e.test_gan_journeys import choose_generator, saved, start_generator
from tests.e2e.test_journeys import LONG, open_more, step, upload
from training.core.messages import sentences

LATE = 500  # ms; an answer that comes too late has come by then
SECONDS, FPS = 2, 24  # of a film
ROLES = ("button", "slider", "spinbutton", "radio", "checkbox", "textbox", "listbox", "combobox")
PANELS = ("Neighbours", "Map", "Tray and films", "A picture of your own", "Training pictures")


@dataclass(frozen=True)
class Learning:
    """The page of somebody whose generator has begun to learn, and what their browser knew."""

    page: Page
    memory: StorageState


@pytest.fixture(scope="module")
def learning(browser: Browser, server: Server, shapes_zip: Path) -> Iterator[Learning]:
    page = new_page(browser, f"{server.url}/?step=data")
    upload(page, shapes_zip)
    page.get_by_role("button", name="Next: train").click()
    choose_generator(page)
    open_more(page)
    page.get_by_role("radio", name="32 px").check()
    start_generator(page, "0.7", "Painter")
    yield Learning(page, page.context.storage_state())
    page.context.close()


@pytest.fixture(scope="module")
def painter(learning: Learning) -> StorageState:
    """The memory of a browser whose generator has learned, and was not steered yet."""
    step(learning.page, 3)
    expect(learning.page.get_by_text("Painter has finished")).to_be_visible(timeout=2 * LONG)
    return learning.memory


@pytest.fixture
def slide(open_page: OpenPage, painter: StorageState) -> OpenPage:
    """``slide()``: the page's step 6, with the generator at its first picture."""

    def open_slide(width: int = 1280, height: int = 900) -> Page:
        page = open_page(memory=painter, width=width, height=height)
        arrive(page)
        return page

    return open_slide


def arrive(page: Page) -> None:
    step(page, 6)
    expect(picture(page)).to_be_visible()
    expect(near(page)).to_be_visible()


def stage(page: Page) -> Locator:
    """All of step 6."""
    return page.get_by_role("tabpanel").filter(has=page.locator(".latent-frame"))


def picture(page: Page) -> Locator:
    return page.locator(".latent-frame img.latent-picture")


def near(page: Page) -> Locator:
    """The first neighbour; there is another one as soon as a change of the picture has settled."""
    return tile(page, "Neighbour 1")


def tile(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=label, exact=True).get_by_role("img")


def slider(page: Page, label: str) -> Locator:
    return page.get_by_label(f"range slider for {label}", exact=True).filter(visible=True)


def source(image: Locator) -> str:
    found = image.get_attribute("src") or ""
    assert found.startswith("data:image/png")
    return found


def pixels(image: str) -> NDArray[np.int16]:
    """What a data URI shows."""
    with Image.open(BytesIO(base64.b64decode(image.split(",")[1]))) as opened:
        return np.asarray(opened.convert("RGB"), np.int16)


def assert_alike(one: NDArray[np.int16], other: NDArray[np.int16]) -> None:
    """Painted one by one or together, pictures may differ in the last bit."""
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= 2


def shows(page: Page, image: str) -> None:
    expect(picture(page)).to_have_attribute("src", image)


def changes(page: Page, before: str) -> str:
    """The picture that is shown in place of ``before``, when its change has settled."""
    expect(picture(page)).not_to_have_attribute("src", before)
    return source(picture(page))


def press(page: Page, name: str) -> None:
    stage(page).get_by_role("button", name=name, exact=True).click()


def another(page: Page, name: str) -> str:
    """The picture that a button leads to."""
    before = source(picture(page))
    press(page, name)
    return changes(page, before)


def move(page: Page, label: str, value: str) -> str:
    """One calm move of a slider, let go of; the picture that it leads to."""
    before, neighbour = source(picture(page)), source(near(page))
    slider(page, label).fill(value)
    after = changes(page, before)
    expect(near(page)).not_to_have_attribute("src", neighbour)
    return after


def drag(page: Page, label: str, start: float, end: float) -> None:
    """By the mouse, in 60 moves; ``start`` and ``end`` are shares of the slider's length."""
    box = slider(page, label).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=60)
    page.mouse.up()


def open_panel(page: Page, name: str) -> None:
    stage(page).get_by_role("radio", name=name, exact=True).check()


def keep(page: Page, seeds: tuple[str, ...]) -> list[str]:
    """Keep the pictures of these seeds, and open the tray; the pictures that were shown."""
    kept = []
    for number, seed in enumerate(seeds, 1):
        before = source(picture(page))
        page.get_by_label("Seed", exact=True).filter(visible=True).fill(seed)
        kept.append(changes(page, before))
        press(page, "Keep")
        open_panel(page, "Tray and films")
        expect(tile(page, f"Kept picture {number}")).to_be_visible()
    return kept


def test_slides_while_it_learns(learning: Learning) -> None:
    page = learning.page
    step(page, 6)
    note = page.get_by_text("It is still learning")
    picker = page.get_by_label("Generator").filter(visible=True)
    expect(picker).to_have_value(re.compile("came with Seedling"))  # until one's own can be steered
    expect(note).to_be_visible(timeout=LONG)
    expect(picker).to_have_value("Painter")
    expect(near(page)).to_be_visible()
    before, neighbour = source(picture(page)), source(near(page))
    slider(page, "Direction 1").press("End")
    moved = changes(page, before)
    expect(near(page)).not_to_have_attribute("src", neighbour)
    expect(picture(page)).not_to_have_attribute("src", moved, timeout=LONG)  # newer weights
    expect(slider(page, "Direction 1")).to_have_value("3")
    expect(note).to_be_hidden(timeout=LONG)
    page.wait_for_timeout(LATE)
    final = source(picture(page))
    page.reload()
    arrive(page)
    shows(page, final)
    expect(slider(page, "Direction 1")).to_have_value("3")


def test_the_last_move_of_many_is_what_is_shown(slide: OpenPage) -> None:
    page = slide()
    first = source(picture(page))
    end = move(page, "Direction 1", "3")
    press(page, "Undo")
    shows(page, first)
    slider(page, "Direction 1").focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    expect(slider(page, "Direction 1")).to_have_value("3")
    shows(page, end)
    page.wait_for_timeout(LATE)
    shows(page, end)

    drag(page, "Direction 1", 0.99, -0.05)
    expect(slider(page, "Direction 1")).to_have_value("-3")
    page.wait_for_timeout(LATE)
    dragged = source(picture(page))
    assert dragged != end
    move(page, "Direction 1", "0")
    assert move(page, "Direction 1", "-3") == dragged
    page.reload()
    arrive(page)
    shows(page, dragged)
    expect(slider(page, "Direction 1")).to_have_value("-3")
    press(page, "Sliders to the middle")
    shows(page, first)
    expect(slider(page, "Direction 1")).to_have_value("0")


def test_steps_back_and_forward(slide: OpenPage) -> None:
    page = slide()
    first = source(picture(page))
    one, two = (move(page, "Direction 1", place) for place in ("1", "2"))
    assert len({first, one, two}) == 3
    for image, place in ((one, "1"), (first, "0")):
        press(page, "Undo")
        shows(page, image)
        expect(slider(page, "Direction 1")).to_have_value(place)
    press(page, "Undo")  # there is nothing before
    page.wait_for_timeout(LATE)
    shows(page, first)
    for image, place in ((one, "1"), (two, "2")):
        press(page, "Redo")
        shows(page, image)
        expect(slider(page, "Direction 1")).to_have_value(place)


def test_a_seed_is_a_picture(slide: OpenPage) -> None:
    page = slide()
    seed = page.get_by_label("Seed", exact=True).filter(visible=True)
    another(page, "Random")
    expect(seed).not_to_have_value("0")
    found = []
    for number in ("7", "8"):
        before = source(picture(page))
        seed.fill(number)
        found.append(changes(page, before))
        expect(picture(page)).to_have_attribute("alt", f"Generated picture, seed {number}")
    seed.fill("7")
    shows(page, found[0])
    press(page, "+1")
    shows(page, found[1])
    expect(seed).to_have_value("8")
    press(page, "−1")
    shows(page, found[0])


def test_neighbours_and_the_map(slide: OpenPage) -> None:
    page = slide()
    before, wanted = source(picture(page)), source(tile(page, "Neighbour 3"))
    tile(page, "Neighbour 3").click()
    assert_alike(pixels(changes(page, before)), pixels(wanted))
    expect(tile(page, "Neighbour 3")).not_to_have_attribute("src", wanted)

    open_panel(page, "Map")
    pad = page.get_by_role("application", name="Map of Direction 1, to the right, and Direction 2")
    box = pad.bounding_box()
    assert box is not None
    before = source(picture(page))
    pad.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.25})
    before = changes(page, before)
    for key, across, up in (
        ("", "1.5", "1.5"),
        ("ArrowRight", "1.75", "1.5"),
        ("ArrowDown", "1.75", "1.25"),
        ("ArrowDown", "1.75", "1"),
    ):
        if key:
            page.keyboard.press(key)
            before = changes(page, before)
        expect(slider(page, "Direction 1")).to_have_value(across)
        expect(slider(page, "Direction 2")).to_have_value(up)
        page.wait_for_timeout(LATE)  # until the map around the new place has come
    page.reload()
    arrive(page)
    shows(page, before)


def test_the_tray_stays_and_leads_on(slide: OpenPage) -> None:
    page = slide()
    one, two, three = keep(page, ("11", "12", "13"))

    def holds(*wanted: str) -> None:
        kept = page.get_by_role("button", name=re.compile(r"^Kept picture \d+$"))
        expect(kept).to_have_count(len(wanted))
        for number, image in enumerate(wanted, 1):
            assert_alike(pixels(source(tile(page, f"Kept picture {number}"))), pixels(image))

    holds(one, two, three)
    press(page, "Move forward (Kept picture 3)")
    page.wait_for_timeout(LATE)
    holds(one, three, two)
    press(page, "Remove (Kept picture 1)")
    holds(three, two)
    page.reload()
    arrive(page)
    open_panel(page, "Tray and films")
    holds(three, two)
    shows(page, three)

    press(page, "Go towards it (Kept picture 2)")
    way = slider(page, "On the way to the other picture")
    expect(way).to_have_value("0.5")
    halfway = changes(page, three)
    ends = []
    for place in ("0", "1"):
        before = source(picture(page))
        way.fill(place)
        ends.append(changes(page, before))
    assert halfway not in ends
    assert_alike(pixels(ends[0]), pixels(three))
    assert_alike(pixels(ends[1]), pixels(two))
    before = source(picture(page))
    tile(page, "Kept picture 1").click()
    assert changes(page, before) == three
    expect(way).to_be_hidden()


def test_a_film_and_files_to_take_home(slide: OpenPage) -> None:
    page = slide()
    kept = keep(page, ("21", "22", "23"))
    panel = stage(page)
    slider(page, "Seconds").fill(str(SECONDS))
    slider(page, "Pictures a second").fill(str(FPS))
    film = saved(page, panel.get_by_role("button", name="Make a film (MP4)"))
    with av.open(str(film)) as opened:
        assert abs(len(list(opened.decode(video=0))) - SECONDS * FPS) <= 1
        assert opened.duration is not None
        assert abs(opened.duration / av.time_base - SECONDS) < 0.2
    video = panel.locator("video")
    expect(video).to_be_visible()
    page.wait_for_function(
        "(video) => video.currentTime > 0.2 && !video.paused", arg=video.element_handle()
    )
    assert abs(video.evaluate("(video) => video.duration") - SECONDS) < 0.2
    with Image.open(saved(page, panel.get_by_role("button", name="Make a GIF"))) as gif:
        assert gif.format == "GIF"
        assert getattr(gif, "n_frames", 1) > 10

    with Image.open(saved(page, panel.get_by_role("button", name="This picture (PNG)"))) as png:
        assert png.format == "PNG"
        assert np.array_equal(np.asarray(png, np.int16), pixels(source(picture(page))))
    data = saved(page, panel.get_by_role("button", name="Its vector (JSON)"))
    said = json.loads(data.read_text(encoding="utf-8"))
    assert (said["name"], said["resolution"], said["recipe"]["seed"]) == ("Painter", 32, 23)
    assert said["classes"] == ["disc", "square"]
    assert np.asarray(said["point"]).ndim == 1
    with Image.open(saved(page, panel.get_by_role("button", name="Contact sheet"))) as sheet:
        small = np.asarray(sheet, np.int16)[::4, ::4]  # 32 px became 128, 16 px apart
    for number, image in enumerate(kept):
        top, left = number // 2 * 36, number % 2 * 36
        assert_alike(small[top : top + 32, left : left + 32], pixels(image))


def link_to_here(page: Page) -> str:
    open_panel(page, "Tray and films")
    press(page, "Link to this picture")
    block = stage(page).locator(".block", has=page.get_by_text("It brings back exactly this"))
    field = block.locator("input, textarea")
    expect(field).to_have_value(re.compile("^http"))
    return field.input_value()


def test_a_link_leads_somebody_else_to_the_picture(slide: OpenPage, open_page: OpenPage) -> None:
    anna = slide()
    shared = move(anna, "Direction 2", "2")
    url = link_to_here(anna)
    ben = open_page(url=url)
    shows(ben, shared)
    expect(ben.get_by_label("Generator").filter(visible=True)).to_have_value(
        "Painter (shared with you)"
    )
    expect(slider(ben, "Direction 2")).to_have_value("2")
    expect(ben.get_by_role("button", name="Give the sliders names")).to_be_hidden()
    moved = move(ben, "Direction 2", "-1")
    press(ben, "Undo")
    shows(ben, shared)
    open_panel(ben, "Training pictures")
    expect(ben.get_by_text("Only whoever trained this generator")).to_be_visible()
    expect(ben.get_by_role("button", name="Find the nearest training pictures")).to_be_hidden()
    step(ben, 3)
    expect(ben.get_by_text("Nothing is learning yet")).to_be_visible()

    run, token, recipe = url.split("=", 1)[1].split(".")
    start, other = url.split("=", 1)[0], "1" if token[-1] == "0" else "0"
    for altered, says in (
        (f"{run}.{token[:-1]}{other}.{recipe}", "This link doesn't open a picture any more"),
        (f"{'0' * 32}.{token}.{recipe}", "This link doesn't open a picture any more"),
        (f"{run}.{token}.{recipe[:-4]}", "This doesn't describe a picture"),
    ):
        eve = open_page(url=f"{start}={altered}")
        expect(eve.get_by_role("alert")).to_contain_text(says)
        expect(eve.get_by_label("Generator").filter(visible=True)).to_have_value(
            re.compile("came with Seedling")
        )

    assert moved != shared
    shows(anna, shared)
    anna.reload()
    arrive(anna)
    shows(anna, shared)
    expect(slider(anna, "Direction 2")).to_have_value("2")


def test_a_picture_of_ones_own(slide: OpenPage, disc_png: Path, tmp_path: Path) -> None:
    page = slide()
    first = source(picture(page))
    open_panel(page, "A picture of your own")
    panel = stage(page)
    slider(page, "How long it may search (seconds)").fill("30")
    press(page, "Search")
    expect(panel.get_by_role("alert")).to_contain_text("There is no picture to search for yet.")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    panel.locator("input[type=file]").set_input_files(broken)
    press(page, "Search")
    expect(panel.get_by_role("alert")).to_contain_text("broken.png")
    panel.get_by_role("button", name=re.compile("Remove|Clear")).first.click()

    panel.locator("input[type=file]").set_input_files(disc_png)
    expect(panel.locator(".image-frame img")).to_be_visible()
    press(page, "Search")
    searching = panel.get_by_text(re.compile(r"^Searching: \d+"))
    seen = searching.inner_text()
    expect(searching).not_to_have_text(seen)
    press(page, "Stop")
    page.wait_for_timeout(2 * LATE)
    seen = searching.inner_text()
    page.wait_for_timeout(2 * LATE)
    expect(searching).to_have_text(seen)

    slider(page, "How long it may search (seconds)").fill("5")
    press(page, "Search")
    expect(panel.get_by_text(re.compile("^(Found|Roughly|Not found):"))).to_be_visible()
    found = pixels(source(panel.get_by_role("img", name="What it can paint")))
    used = another(page, "Slide from there")
    assert_alike(pixels(used), found)
    open_panel(page, "Neighbours")
    expect(near(page)).to_be_visible()
    move(page, "Direction 1", "1")
    for image in (used, first):
        press(page, "Undo")
        shows(page, image)


def test_a_phone_shows_the_picture_beside_every_slider(slide: OpenPage) -> None:
    page = slide(width=390, height=844)
    for name in PANELS:
        open_panel(page, name)
        expect(stage(page).get_by_role("radio", name=name, exact=True)).to_be_checked()
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], name
    last = slider(page, "Direction 8")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    expect(picture(page)).to_be_in_viewport(ratio=0.95)
    open_panel(page, "Neighbours")
    expect(near(page)).to_be_visible()
    before = source(picture(page))
    last.press("End")
    changes(page, before)
    expect(last).to_be_in_viewport(ratio=1)
    expect(picture(page)).to_be_in_viewport(ratio=0.95)


def unfold_one(page: Page, name: str) -> None:
    stage(page).get_by_role("button", name=name).click()


def unfold(page: Page) -> None:
    for name in ("Give the sliders names", "More sliders", "Single numbers of the vector z"):
        unfold_one(page, name)
    expect(slider(page, "z 8")).to_be_visible()


def test_every_control_has_a_name(slide: OpenPage) -> None:
    page = slide()
    keep(page, ("31", "32"))
    press(page, "Go towards it (Kept picture 2)")
    link_to_here(page)
    unfold(page)
    panel = stage(page)
    for name in PANELS:
        open_panel(page, name)
        page.wait_for_timeout(LATE)  # until it has been drawn
        for role in ROLES:
            named = panel.get_by_role(role, name=re.compile(r"\w"))  # type: ignore[arg-type]
            every = panel.get_by_role(role)  # type: ignore[arg-type]
            bare = [
                each.evaluate("(node) => node.outerHTML")[:200]
                for each in every.and_(page.locator(":visible")).all()
                if each.and_(named).count() == 0
            ]
            assert not bare, (name, bare)


def english() -> list[str]:
    """What the page says in English and not in Chinese, between its values."""
    said = "\n".join(sentences("zh").values())
    parts = (part for text in sentences("en").values() for part in re.split(r"\{.*?\}", text))
    stripped = {part.strip(" \n.,:()“”") for part in parts}
    return [part for part in stripped if re.search(r"[A-Za-z]{3}", part) and part not in said]


def test_another_language_changes_words_only(slide: OpenPage, disc_png: Path) -> None:
    page = slide()
    unfold(page)
    move(page, "Direction 2", "2")
    (shown,) = keep(page, ("41",))
    page.get_by_text("中文", exact=True).click()
    expect(slider(page, "方向 2")).to_have_value("2")
    page.wait_for_timeout(LATE)
    shows(page, shown)
    left = {}
    for key in ("tray", "near", "map", "mine", "real"):
        open_panel(page, sentences("zh")[f"latent.panel_{key}"])
        page.wait_for_timeout(LATE)
        alts = [image.get_attribute("alt") or "" for image in stage(page).get_by_role("img").all()]
        text = "\n".join([stage(page).inner_text(), *alts])
        found = [part for part in english() if re.search(rf"\b{re.escape(part)}\b", text)]
        if found:
            left[key] = found
    assert not left, json.dumps(left)


def test_a_slider_gets_a_name(slide: OpenPage) -> None:
    page, name = slide(), "<b>roundness</b>"
    unfold_one(page, "Give the sliders names")
    panel = stage(page)
    panel.get_by_label("Slider", exact=True).filter(visible=True).click()
    page.get_by_role("option", name="Direction 6", exact=True).click()
    panel.get_by_label("What it changes").fill(name)
    press(page, "Name it")
    expect(slider(page, name)).to_be_visible()
    page.reload()
    arrive(page)
    move(page, name, "1")
    open_panel(page, "Map")
    panel.get_by_role("combobox", name="To the right").click()
    page.get_by_role("option", name=name, exact=True).click()
    pad = page.get_by_role("application", name=f"Map of {name}, to the right")
    expect(pad).to_be_visible()
    expect(panel.get_by_role("combobox", name="To the right")).to_have_value(name)
