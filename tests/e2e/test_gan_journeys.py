"""What a person does to grow a generator and to make new pictures, in a real browser."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage, shape
from tests.e2e.test_journeys import LONG, appears, open_more, step, upload

FIRST = "After 0 pictures seen"


def choose_generator(page: Page) -> None:
    page.get_by_role("radio", name=re.compile("^A generator")).check()
    expect(page.get_by_text("will learn to paint")).to_be_visible()


def start_generator(page: Page, minutes: str, name: str) -> None:
    """A small one that learns quickly, with the form of step 2."""
    panel = page.get_by_role("tabpanel").filter(has=page.get_by_text("What shall grow?"))
    open_more(page)
    panel.get_by_role("radio", name=re.compile("^Plain network")).check()
    panel.get_by_label("Minutes", exact=True).filter(visible=True).fill(minutes)
    box = panel.get_by_label("Name of this training").filter(visible=True)
    box.fill(name)
    box.press("Tab")
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(f"{name} is learning")).to_be_visible(timeout=LONG)


def newest(page: Page) -> Locator:
    """The newest samples, shown or behind what the person looks back at."""
    return page.locator(".over-time .now img")


def wait_for_another(page: Page) -> None:
    """The samples change while a generator learns."""
    expect(newest(page)).to_be_attached(timeout=LONG)
    before = newest(page).get_attribute("src") or ""
    assert before.startswith("data:image/")
    expect(newest(page)).not_to_have_attribute("src", before, timeout=LONG)


def saved(page: Page, button: Locator) -> Path:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path())


def test_from_a_zip_to_new_pictures(open_page: OpenPage, shapes_zip: Path) -> None:
    page = open_page()
    upload(page, shapes_zip)
    page.get_by_role("button", name="Next: train").click()
    choose_generator(page)
    expect(page.get_by_text("Only 48 pictures")).to_be_visible()
    start_generator(page, "0.7", "Painter")
    wait_for_another(page)

    time = page.get_by_label("range slider for Back through time")
    time.fill("0")
    past = page.locator(".over-time .past")
    expect(past.get_by_text(FIRST)).to_be_visible()
    expect(newest(page)).to_be_hidden()
    wait_for_another(page)  # ... while the person looks at the first
    expect(past.get_by_text(FIRST)).to_be_visible()
    expect(time).to_have_value("0")
    time.fill("100")
    expect(newest(page)).to_be_visible()
    expect(past.get_by_role("img")).to_have_count(0)

    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Painter was stopped")).to_be_visible(timeout=LONG)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-spoken", "en")
    step(page, 3)
    expect(newest(page)).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Painter has finished")).to_be_visible(timeout=2 * LONG)
    expect(page.get_by_role("heading", name="Quality")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Painter")).to_be_visible()
    with Image.open(saved(page, page.get_by_role("button", name="Make a GIF"))) as film:
        assert film.format == "GIF"
        assert getattr(film, "n_frames", 1) > 1

    page.get_by_role("button", name="See the result").click()
    expect(page.get_by_text("for want of others")).to_be_visible()
    assert zipfile.is_zipfile(saved(page, page.get_by_role("button", name="Download the model")))
    page.get_by_role("tabpanel").filter(has=page.get_by_text("for want of others")).get_by_role(
        "button", name="Make new pictures"
    ).click()
    make_pictures(page)
    nothing_scrolls_sideways(page)


def make_pictures(page: Page) -> None:
    """Two classes, two seeds, and the file."""
    panel = page.get_by_role("tabpanel").filter(has=page.get_by_label("How daring").first)
    made = panel.locator("figure img")
    panel.get_by_role("button", name="Make new pictures").click()
    expect(made).to_have_attribute("alt", "16 new pictures, from number 0 on.")
    first = made.get_attribute("src") or ""
    panel.get_by_role("button", name="The next ones").click()
    expect(made).to_have_attribute("alt", "16 new pictures, from number 16 on.")
    expect(made).not_to_have_attribute("src", first)
    expect(panel.get_by_label("Number of the first picture")).to_have_value("16")
    panel.get_by_label("Of which class?").click()
    page.get_by_role("option", name="disc").click()
    panel.get_by_label("number input for How many").fill("4")
    panel.get_by_label("number input for How many").press("Tab")
    panel.get_by_role("button", name="Make new pictures").click()
    expect(made).to_have_attribute("alt", "4 new pictures, from number 16 on.")
    button = panel.get_by_role("button", name="Download these pictures")
    with Image.open(saved(page, button)) as picture:
        assert picture.size[0] == picture.size[1]


def nothing_scrolls_sideways(page: Page) -> None:
    """On a phone, with a generator in every step."""
    page.set_viewport_size({"width": 390, "height": 844})
    for number in range(1, 6):
        step(page, number)
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], f"step {number}"


def test_pictures_without_classes_grow_a_generator(open_page: OpenPage, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(8)]
    for number, file in enumerate(files):
        shape("disc", number).save(file)
    page = open_page()
    upload(page, files)
    expect(page.get_by_text("A generator can learn from these pictures")).to_be_visible()
    page.get_by_role("button", name="Next: train").click()
    start_btn = page.get_by_role("button", name="Start training")
    expect(page.get_by_role("radio", name=re.compile("^A generator"))).to_be_checked()
    expect(start_btn).to_be_enabled()
    page.get_by_role("radio", name=re.compile("^A classifier")).check()
    expect(page.get_by_text("Or grow a generator")).to_be_visible()
    expect(start_btn).to_be_disabled()
    choose_generator(page)
    start_generator(page, "0.1", "Discs")
    expect(page.get_by_text("Discs has finished")).to_be_visible(timeout=LONG)


def test_a_generator_starts_from_another(open_page: OpenPage, shapes_zip: Path) -> None:
    page = open_page()
    upload(page, shapes_zip)
    page.get_by_role("button", name="Next: train").click()
    choose_generator(page)
    start_generator(page, "0.1", "Teacher")
    expect(page.get_by_text("Teacher has finished")).to_be_visible(timeout=LONG)
    step(page, 2)
    page.get_by_role("radio", name=re.compile("^DCGAN")).check()
    start = page.get_by_label("Start from")
    start.click()
    option = page.get_by_role("option", name="My generator: Teacher")
    if not appears(option):  # it was offered a moment later
        start.click()
    option.click()
    expect(page.get_by_role("radio", name=re.compile("^Plain network"))).to_be_checked()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
    page.get_by_label("Name of this training").filter(visible=True).fill("Pupil")
    page.get_by_label("Name of this training").filter(visible=True).press("Tab")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("start with what the chosen model knows")).to_be_visible(timeout=LONG)
    step(page, 3)
    expect(page.get_by_text("Pupil has finished")).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_text("Teacher has finished")).to_be_visible()
