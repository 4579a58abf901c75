"""Step 1 with cards: classes from a camera that stays on, from files, and sorted by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import BROWSER_ARGS, find_browser
from tests.e2e.conftest import QUIET, Server, new_page, shape
from tests.e2e.test_journeys import upload

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
COUNT = re.compile(r"Pictures: (\d+)")


@pytest.fixture(scope="module")
def sign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera sees: red on its left, blue on its right, and never the same between."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("camera") / "sign.y4m"
    film = b"YUV4MPEG2 W320 H240 F30:1 Ip A1:1 C420jpeg\n"
    for _ in range(90):
        seen = np.zeros((240, 320, 3), np.uint8)
        seen[:, :160, 0], seen[:, 160:, 2] = 255, 255
        blocks = rng.integers(0, 256, (6, 4, 3), dtype=np.uint8)
        seen[:, 80:240] = blocks.repeat(40, axis=0).repeat(40, axis=1)
        luma, *chroma = Image.fromarray(seen).convert("YCbCr").split()
        halves = b"".join(each.resize((160, 120)).tobytes() for each in chroma)
        film += b"FRAME\n" + luma.tobytes() + halves
    path.write_bytes(film)
    return path


@pytest.fixture(scope="module")
def browser(browser: Browser, sign: Path) -> Iterator[Browser]:
    """One with a camera."""
    camera = f"--use-file-for-fake-video-capture={sign}"
    running = browser.browser_type.launch(
        executable_path=find_browser(), args=[*BROWSER_ARGS, *QUIET, *CAMERA, camera]
    )
    yield running
    running.close()


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["wide", "phone"])
def page(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    page = new_page(browser, f"{server.url}/?step=data", width, height)
    page.get_by_role("tab", name="Camera and classes").click()
    yield page
    page.context.close()


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def count(card: Locator) -> int:
    found = COUNT.search(card.inner_text())
    assert found is not None
    return int(found[1])


def record(page: Page, name: str, least: int) -> None:
    """Hold the camera's button over a class until it has that many pictures."""
    here = card(page, name)
    here.get_by_role("button", name=f"Camera: {name}").click()
    shutter = here.get_by_role("button", name="Hold to record")
    shutter.hover()
    page.mouse.down()
    expect(here.get_by_role("button", name=f"Delete picture {least} of {name}")).to_be_visible()
    page.mouse.up()


def stored(server: Server) -> list[Path]:
    return list(server.home.glob("collected/*/*.png"))


def test_two_classes_by_holding(page: Page, server: Server) -> None:
    before = set(stored(server))
    use = page.get_by_role("button", name="Train with these")
    expect(use).to_be_disabled()
    expect(page.get_by_text("at least 4 pictures in each")).to_be_visible()
    record(page, "Class 1", 6)
    record(page, "Class 2", 5)
    expect(page.locator(".unsent")).to_have_count(0)
    for file in set(stored(server)) - before:
        with Image.open(file) as picture:
            pixels = np.asarray(picture)
        left, right = pixels[120, 20], pixels[120, -20]
        assert left[0] > 200 > 60 > left[2] and right[2] > 200 > 60 > right[0], file

    first = card(page, "Class 1")
    had = count(first)
    first.get_by_role("button", name="Delete picture 2 of Class 1").click()
    expect(first).to_contain_text(f"Pictures: {had - 1}")
    first.get_by_label("Name of class 1").fill('<b>"apple"</b>')
    first.get_by_label("Name of class 1").press("Enter")
    named = card(page, '<b>"apple"</b>')
    expect(named).to_be_visible()

    page.reload()
    page.get_by_role("tab", name="Camera and classes").click()
    expect(named).to_contain_text(f"Pictures: {had - 1}")
    expect(named.locator("img").first).to_have_attribute("src", re.compile("^data:image"))
    use.click()
    expect(
        page.get_by_role("heading", name=re.compile(r"\d+ pictures in 2 classes"))
    ).to_be_visible()
    expect(page.get_by_text('<b>"apple"</b>').last).to_be_attached()
    page.get_by_role("button", name="Next: train").click()
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()


def test_loose_pictures_are_sorted_by_hand(page: Page, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Your files").click()
    files = [tmp_path / f"{number}.png" for number in range(9)]
    for number, file in enumerate(files):
        shape("disc" if number < 4 else "square", number).save(file)
    upload(page, files)
    expect(page.get_by_role("heading", name="9 pictures, no classes")).to_be_visible()
    expect(page.get_by_role("button", name="Next: train")).to_be_visible()
    page.get_by_role("button", name="Sort these into classes by hand").click()

    loose = card(page, "Without a class")
    expect(loose.get_by_role("button", name=re.compile("^Picture"))).to_have_count(9)
    loose.get_by_role("button", name="Picture 1", exact=True).click()
    loose.get_by_role("button", name="Picture 4", exact=True).click(modifiers=["Shift"])
    loose.get_by_role("button", name="To Class 1").click()
    expect(card(page, "Class 1")).to_contain_text("Pictures: 4")
    loose.get_by_role("button", name="Select all").click()
    loose.get_by_role("button", name="To Class 2").click()
    expect(card(page, "Class 2")).to_contain_text("Pictures: 5")
    expect(loose).to_be_hidden()
    page.get_by_role("button", name="Train with these").click()
    expect(page.get_by_role("heading", name="9 pictures in 2 classes")).to_be_visible()


def test_a_card_by_keyboard_and_a_refusal(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    first = card(page, "Class 1")
    first.get_by_label("Choose files: Class 1").set_input_files(broken)
    expect(page.locator(".card-problem")).not_to_be_empty()
    expect(first).to_contain_text("Pictures: 0")
    first.get_by_role("button", name="Camera: Class 1").press("Enter")
    shutter = first.get_by_role("button", name="Hold to record")
    expect(shutter).to_be_focused()
    page.keyboard.down(" ")
    expect(first.get_by_role("button", name="Delete picture 3 of Class 1")).to_be_visible()
    page.keyboard.up(" ")
    expect(shutter).to_be_focused()
    expect(page.locator(".cards [role=status]")).to_have_text(re.compile("Class 1: Pictures"))
    page.get_by_role("tab", name="Your files").click()
    expect(page.locator("video")).to_have_count(0)
