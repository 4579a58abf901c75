"""A finished model meets held-out pictures, a stranger, and a camera."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import BROWSER_ARGS, find_browser
from tests.e2e.conftest import QUIET, Server

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page in a browser with a camera, whose picture is a test pattern."""
    # Of its own: what a browser takes for a camera is fixed when it starts.
    path, args = find_browser(), [*BROWSER_ARGS, *QUIET, *CAMERA]
    other = browser.browser_type.launch(executable_path=path, args=args)
    context = other.new_context(permissions=["camera"], locale="en-US")
    yield context.new_page()
    other.close()


def test_from_the_door_to_a_model_that_knows_strangers(
    page: Page, server: Server, tmp_path: Path
) -> None:
    page.goto(server.url)
    expect(page.locator("html")).to_have_attribute("data-spoken", "en")
    page.get_by_role("button", name=re.compile("^Teach it")).click()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="See the result").click(timeout=60_000)
    page.get_by_role("button", name="Try it on a picture").click()
    samples = page.locator(".samples button")
    expect(samples).to_have_count(6)
    samples.first.click()  # the fifth press
    expect(page.get_by_text(re.compile("^This is “.*”, "))).to_be_visible()
    expect(page.get_by_text(re.compile("wrongly calls .* strange"))).to_be_visible()

    stranger = tmp_path / "checks.png"
    squares = Image.effect_noise((96, 96), 120).convert("RGB")
    squares.save(stranger)
    panel = page.get_by_role("tabpanel").filter(has=page.get_by_label("Model", exact=True))
    panel.locator("input[type=file]").set_input_files(stranger)
    expect(page.locator(".box.strange")).to_contain_text("Unlike anything it has seen")

    camera = page.locator(".live")
    page.get_by_role("button", name="Show it something with the camera").click()
    expect(camera.locator("li")).to_have_count(3)
    expect(camera).to_have_class(re.compile("strange"))
    page.wait_for_timeout(3000)
    rate = float(camera.get_attribute("data-rate") or 0)
    print(f"{rate} answers a second")
    assert rate > 2  # 5 and more on quiet cores
    page.get_by_role("tab", name="1 Data").click()
    expect(page.locator(".live:not(.on)")).to_have_count(1)  # who has left is not looked at
