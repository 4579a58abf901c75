"""Names that are markup, everywhere that a person sees them, in a real browser."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage, shape
from tests.e2e.test_gan_journeys import choose_generator, start_generator
from tests.e2e.test_journeys import LONG, open_more, start, step, upload
from tests.e2e.test_latent_journeys import PANELS, arrive, stage

CLASS = "<img src=x onerror=window.evil=1>"
FILE = "<b id=evil>"
RUN = "<img src=x onerror=window.evil=2>"
RAN = "window.evil || document.querySelectorAll('img[src=x], #evil').length"


def stays_text(page: Page) -> None:
    page.wait_for_timeout(300)  # an image that is missing says so a moment later
    assert page.evaluate(RAN) in (0, None)


def evil_zip(folder: Path) -> Path:
    """Two classes, one with an evil name; everything in it has one, and the zip as well."""
    path = folder / f"{RUN}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(24):
            for kind, name in (("disc", CLASS), ("square", "<script>evil=3<script>")):
                file = folder / "next.png"
                shape(kind, number).save(file)
                archive.write(file, f"{name}/{FILE}{number}.png")
        archive.writestr(f"{CLASS}/{FILE}.png", "no picture")
        archive.writestr(f"{CLASS}/{FILE}.txt", "no picture either")
    return path


def test_names_that_are_markup_stay_text(
    open_page: OpenPage, disc_png: Path, tmp_path: Path
) -> None:
    page = open_page()
    upload(page, evil_zip(tmp_path))
    expect(page.get_by_text("48 pictures in 2 classes")).to_be_visible()
    expect(page.get_by_text(CLASS).filter(visible=True).first).to_be_visible()
    page.get_by_role("button", name="Rename, merge or leave out classes").click()
    page.get_by_role("button", name="What was left out, and why").click()
    expect(page.get_by_text(f"{FILE}.png").filter(visible=True).first).to_be_visible()
    stays_text(page)

    page.get_by_role("button", name="Next: train").click()
    start(page, "0.1", RUN)
    stays_text(page)
    page.get_by_role("button", name="See the result").click(timeout=LONG)
    expect(page.get_by_role("rowheader", name=CLASS)).to_be_visible()
    stays_text(page)
    page.get_by_role("button", name="Try it on a picture").click()
    panel = page.get_by_role("tabpanel").filter(has=page.get_by_label("Model", exact=True))
    panel.locator("input[type=file]").set_input_files(disc_png)
    expect(panel.get_by_text(re.compile(r"^\d+%$")).first).to_be_visible()
    expect(panel.get_by_text(CLASS).first).to_be_visible()
    stays_text(page)
    broken = tmp_path / "&lt;b id=evil&gt;.png"  # gradio takes < and > out of it
    broken.write_bytes(b"no picture")
    panel.get_by_role("button", name=re.compile("Remove|Clear")).first.click()
    panel.locator("input[type=file]").set_input_files(broken)
    expect(panel.get_by_role("alert")).to_contain_text(broken.name)
    stays_text(page)

    step(page, 2)
    choose_generator(page)
    open_more(page)
    page.get_by_role("radio", name="32 px").check()
    start_generator(page, "0.1", f"{RUN}!")
    stays_text(page)
    expect(page.get_by_text(f"{RUN}! has finished")).to_be_visible(timeout=2 * LONG)
    page.get_by_role("button", name="See the result").filter(visible=True).click()
    stays_text(page)
    arrive(page)
    for name in PANELS:
        stage(page).get_by_role("radio", name=name).check()
        stays_text(page)
