"""With and without a head start, and the card: what a class looks at together."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.test_journeys import LINE, LONG, step

SAYS = re.compile(r"With a head start: \d+ of 100 right .* in the same \d+ seconds: \d+ \(")
SCRATCH = "Garden from scratch"


def picture(page: Page, button: str) -> Image.Image:
    """What a button gives to take along."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Image.open(BytesIO(Path(download.value.path()).read_bytes()))


def test_a_head_start_is_compared_with_none(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="Garden").click()
    page.get_by_role("button", name="Next: train").click(timeout=LONG)
    page.get_by_role("button", name="More settings").click()
    page.get_by_label("Minutes", exact=True).fill("0.2")
    page.get_by_label("Name of this training").fill("Garden")
    page.get_by_label("Name of this training").press("Tab")
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="See the result").click(timeout=LONG)

    page.get_by_role("button", name="Compare: train from scratch, too").click()
    expect(page.get_by_text("The other training is learning")).to_be_visible(timeout=LONG)
    curves = page.locator(LINE).filter(visible=True)
    expect(curves).to_have_count(2, timeout=LONG)  # live, while it learns
    page.reload()
    step(page, 4)
    expect(page.get_by_role("button", name=re.compile("^Compare: train"))).to_be_hidden()
    expect(page.get_by_text(SAYS)).to_be_visible(timeout=LONG)
    expect(curves).to_have_count(2)

    assert picture(page, "Download this chart (PNG)").size == (1200, 900)
    assert picture(page, "Download a card to show (PNG)").size == (1080, 1350)
    levels = [int(each.evaluate("e => e.tagName[1]")) for each in page.get_by_role("heading").all()]
    assert levels[:3] == [1, 2, 3] and max(levels) == 3

    step(page, 3)
    expect(page.get_by_role("row", name=re.compile(SCRATCH))).to_have_count(1)
