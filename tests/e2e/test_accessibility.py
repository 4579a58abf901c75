"""No step, in either theme, has a fault that axe-core finds; a thumb meets every button."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.e2e.conftest import OpenPage, Server, new_page
from tests.e2e.test_gan_journeys import choose_generator, start_generator
from tests.e2e.test_journeys import LONG

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
STEPS = ("start", "data", "train", "watch", "result", "try", "latent")
MIN_TARGET = 44  # px, WCAG 2.2's 2.5.5


@pytest.fixture(scope="module")
def memory(browser: Browser, server: Server) -> StorageState:
    """Of somebody with a finished classifier, and a generator that is learning."""
    page = new_page(browser, server.url)
    page.get_by_role("button", name=re.compile("^Teach it")).click()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="See the result").click(timeout=LONG)
    page.get_by_role("tab", name="2 Train").click()
    choose_generator(page)
    start_generator(page, "4", "Painter")
    expect(page.locator(".over-time .now img")).to_be_attached(timeout=LONG)
    memory = page.context.storage_state()
    page.context.close()
    return memory


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html'][:120]} ({node['failureSummary'].splitlines()[1].strip()})"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(
    open_page: OpenPage, server: Server, memory: StorageState, theme: str
) -> None:
    for step in STEPS:
        page = open_page(f"{server.url}/?step={step}&__theme={theme}", memory=memory)
        expect(page.locator(".steps [role=tabpanel]:visible").first).to_be_visible()
        page.wait_for_timeout(1500)  # what a step shows comes with the first answers
        assert violations(page) == [], step
        page.close()


def test_a_fault_would_be_found(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(
        """() => document.querySelector(".brand").insertAdjacentHTML(
            "beforeend", '<p style="color: #bbb; background: #fff">pale</p><img src="data:,">')"""
    )
    assert {fault.partition(":")[0] for fault in violations(page)} == {
        "color-contrast",
        "image-alt",
    }


def test_a_thumb_meets_every_button(
    open_page: OpenPage, server: Server, memory: StorageState
) -> None:
    for step in STEPS:
        page = open_page(f"{server.url}/?step={step}", memory=memory, width=390, height=844)
        page.wait_for_timeout(1500)
        small = page.evaluate(
            """(least) => [...document.querySelectorAll(
                ".steps [role=tab], .steps button.lg, .steps button.md, .pick, .doors button")]
              .map((each) => [each.innerText.trim(), each.getBoundingClientRect()])
              .filter(([, box]) => box.width && box.height < least)
              .map(([text, box]) => `${text}: ${box.height}`)""",
            MIN_TARGET,
        )
        assert small == [], step
        page.close()
