"""A real server on a free port with a home of its own, and a real browser to look at it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.browser import BROWSER_ARGS, find_browser
from tests.serving import free_port, start_server

QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=20_000)

OpenPage = Callable[..., Page]


@dataclass(frozen=True)
class Server:
    """A running Seedling."""

    url: str
    home: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    process = start_server(home, port)
    yield Server(f"http://127.0.0.1:{port}", home)
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_browser()
        running = playwright.chromium.launch(executable_path=path, args=[*BROWSER_ARGS, *QUIET])
        yield running
        running.close()


def new_page(
    browser: Browser,
    url: str,
    width: int = 1280,
    height: int = 900,
    memory: StorageState | None = None,
) -> Page:
    """The page in a browser that remembers ``memory``; nothing, for one that was never there."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", storage_state=memory
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("data-spoken", "en")
    return page


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """``open_page(width=1280)``: step 1 as a person sees it who was never there before."""
    pages: list[Page] = []

    def open_new(url: str = f"{server.url}/?step=data", **options: Any) -> Page:
        pages.append(new_page(browser, url, **options))
        return pages[-1]

    yield open_new
    for page in pages:
        page.context.close()


@pytest.fixture(scope="session")
def shapes_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs and squares, 24 of each, and one file that is no picture."""
    path = tmp_path_factory.mktemp("pictures") / "Shapes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(24):
            for name in ("disc", "square"):
                file = path.with_name("next.png")
                shape(name, number).save(file)
                archive.write(file, f"shapes/{name}/{number}.png")
        archive.writestr("shapes/disc/notes.txt", "not a picture")
    return path


@pytest.fixture(scope="session")
def disc_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that is in no data set."""
    path = tmp_path_factory.mktemp("pictures") / "new.png"
    shape("disc", 1000).save(path)
    return path


def shape(name: str, seed: int) -> Image.Image:
    """A disc is red, a square is blue; place, size and background are chance."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(60, 200, (72, 72, 3), dtype=np.uint8))
    x, y, side = (int(rng.integers(low, low + 20)) for low in (4, 4, 26))
    draw = ImageDraw.Draw(image)
    paint, colour = (draw.ellipse, "red") if name == "disc" else (draw.rectangle, "blue")
    paint((x, y, x + side, y + side), fill=colour)
    return image
