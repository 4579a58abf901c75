"""Without any network: what came with the project is enough for both of its halves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import Server
from tests.e2e.test_journeys import LONG, open_more, share_right, step
from tests.e2e.test_latent_journeys import arrive, changes, picture, slider, source
from tests.serving import free_port, start_server

# Python runs this file first of all: whoever looks farther than this machine is noted, and fails.
ALONE = """
import errno, os, socket

HERE = ("", "127.0.0.1", "::1", "localhost", "0.0.0.0", "::", None)
connect, look_up = socket.socket.connect, socket.getaddrinfo


def note(host):
    with open(os.environ["LOOKED_FOR"], "a", encoding="utf-8") as file:
        file.write(f"{host}\\n")


def connect_here(self, address):
    if isinstance(address, tuple) and address[0] not in HERE:
        note(address[0])
        raise OSError(errno.ENETUNREACH, "Network is unreachable")
    return connect(self, address)


def look_up_here(host, *rest, **more):
    if (host.decode() if isinstance(host, bytes) else host) not in HERE:
        note(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return look_up(host, *rest, **more)


socket.socket.connect, socket.getaddrinfo = connect_here, look_up_here
"""


@dataclass
class Island:
    """A server that reaches nobody, a browser that reaches this server alone, and who tried."""

    page: Page
    looked_for: Path
    asked: list[str] = field(default_factory=list)

    def tries(self) -> list[str]:
        noted = self.looked_for.read_text("utf-8").splitlines() if self.looked_for.exists() else []
        return noted + self.asked


@pytest.fixture
def island(browser: Browser, tmp_path: Path) -> Iterator[Island]:
    home, port, alone = tmp_path / "home", free_port(), tmp_path / "alone"
    home.mkdir()
    alone.mkdir()
    (alone / "sitecustomize.py").write_text(ALONE, encoding="utf-8")
    looked_for = tmp_path / "looked_for"
    process = start_server(home, port, PYTHONPATH=str(alone), LOOKED_FOR=str(looked_for))
    server = Server(f"http://127.0.0.1:{port}", home)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    island = Island(context.new_page(), looked_for)

    def let_through(route: Route) -> None:
        url = route.request.url
        if url.startswith((server.url, "data:", "blob:")):
            route.continue_()
        else:
            island.asked.append(url)
            route.abort("internetdisconnected")

    context.route("**/*", let_through)
    island.page.goto(f"{server.url}/?step=data")
    expect(island.page.locator("html")).to_have_attribute("data-spoken", "en")
    yield island
    context.close()
    process.terminate()
    process.wait(timeout=20)


def test_fine_tuning_and_sliding_need_no_network(island: Island) -> None:
    page = island.page
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="In the garden").click()
    expect(page.get_by_role("heading", name="420 pictures in 6 classes")).to_be_visible(
        timeout=LONG
    )
    page.get_by_role("button", name="Next: train").click()
    expect(page.get_by_text("First it downloads")).to_be_hidden()
    open_more(page)
    page.get_by_role("radio", name=re.compile("^All at once")).check()
    page.get_by_label("Minutes", exact=True).fill("0.5")
    page.get_by_label("Minutes", exact=True).press("Tab")
    page.get_by_role("button", name="Start training").click()
    assert share_right(page) >= 0.8

    arrive(page)  # nothing was generated yet, and yet there is a generator
    expect(page.get_by_label("Generator", exact=True)).to_have_value(re.compile("came with"))
    for name in named_sliders(page):
        before = source(picture(page))
        slider(page, name).press("End")
        changes(page, before)
    for number in range(1, 7):
        step(page, number)
        expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    assert island.tries() == []


def named_sliders(page: Page) -> list[str]:
    """What the first few sliders are called."""
    labels = page.locator("[aria-label^='range slider for']").filter(visible=True)
    expect(labels.first).to_be_visible()
    said = [label.get_attribute("aria-label") or "" for label in labels.all()]
    return [each.removeprefix("range slider for ") for each in said][:3]
