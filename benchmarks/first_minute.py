"""The first minute: from opening the page to an example that has been trained and tried.

``python benchmarks/first_minute.py OUT``

A server with a home of its own, and a browser that was never there, on a phone's screen and on a
laptop's. Every press is a person's; seconds count from the moment that the address is opened. OUT
gets a picture of each step at both sizes. Two cores should stay below 20 s and 5 presses.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser import BROWSER_ARGS, find_browser  # noqa: E402
from tests.serving import free_port, start_server  # noqa: E402

SIZES = {"phone": (390, 844), "laptop": (1280, 800)}


def first_minute(page: Page, url: str, picture: Path) -> None:
    """Five presses, timed; ``picture`` is a path without its ending, for one of each step."""
    begun = time.monotonic()
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("data-spoken", "en", timeout=60_000)
    expect(page.locator(".start-frame img.latent-picture")).to_be_visible()
    answer = page.get_by_text(re.compile("^This is “"))
    print(f"  {time.monotonic() - begun:5.1f} s  the door is open")
    for number, (name, press) in enumerate(presses(page), 1):
        press.wait_for(timeout=60_000)
        page.screenshot(path=f"{picture}-{number}-{name}.png")
        press.click()
        print(f"  {time.monotonic() - begun:5.1f} s  press {number}: {name}")
    expect(answer).to_be_visible()
    took = time.monotonic() - begun
    page.wait_for_timeout(500)  # for the screen to settle; not counted
    page.screenshot(path=f"{picture}-6-answer.png")
    print(f"  {took:5.1f} s  {answer.inner_text()}")


def presses(page: Page) -> Iterator[tuple[str, Locator]]:
    """What is pressed, step by step."""

    def button(name: str) -> Locator:
        return page.get_by_role("button", name=re.compile(f"^{name}"))

    yield "start", button("Teach it")
    yield "train", button("Start training")
    yield "watch", button("See the result")
    yield "result", button("Try it on a picture")
    yield "try", page.locator(".samples button").first


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="seedling-") as home:
        port = free_port()
        process = start_server(Path(home), port)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def main() -> None:
    """Both sizes, one after the other, each for the first time in its browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with served() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGS)
        for name, (width, height) in SIZES.items():
            print(name)
            context = browser.new_context(
                viewport={"width": width, "height": height}, locale="en-US"
            )
            first_minute(context.new_page(), url, out / name)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
