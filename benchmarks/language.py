"""From another language picked to the last word that has changed.

``python benchmarks/language.py [--switches 10]``: a server with its own home is
started, Chromium opens it, an example is chosen, and the language is picked again and again: first
with nothing to do (step 2 in sight), then while a classifier learns (step 3), then while a
generator does. Each switch is timed in the page: from the click to the frame in which no text in
sight is of the old language, with the server's share and the size of its answers.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser import BROWSER_ARGS, find_browser  # noqa: E402
from tests.serving import free_port, start_server  # noqa: E402

PATIENCE = 60_000  # ms that one switch may take
NAME = "NN"  # of the trainings: of no language
# Texts in sight that are of one language only; names of networks and of languages are of none.
FOREIGN = """(language) => {
  const names = /seedling|english|中文|px|cpu|dcgan|\\b(train|val|real|made)\\b|[\\d.,:·%×–-]/gi;
  const app = document.querySelector("gradio-app"), left = [];
  const walk = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const at = node.parentElement, text = node.data.replace(names, "").trim();
    if (!text || at.closest("style, script, textarea, option, .grid-rows")) continue;
    const chinese = /[\\u4e00-\\u9fff]/.test(text), latin = /[a-z]{4}/i.test(text);
    if (language === "zh" ? !latin || chinese : !chinese) continue;
    if (at.checkVisibility({ visibilityProperty: true })) left.push(text);
  }
  return left;
}"""
SWITCH = """async ([language, patience]) => {
  const foreign = FOREIGN;
  const label = { en: "English", zh: "中文" }[language];
  const radio = [...document.querySelectorAll("#language label")]
    .find((each) => each.textContent.trim() === label);
  performance.clearResourceTimings();
  const started = performance.now();
  radio.click();
  let first = 0, left;
  do {
    await new Promise(requestAnimationFrame);
    left = foreign(language);
    if (!first && document.querySelector(".brand p").textContent.match(/[\\u4e00-\\u9fff]/)
      == (language === "zh")) first = performance.now() - started;
    if (performance.now() - started > patience) throw new Error("never: " + left.join(" | "));
  } while (left.length);
  const total = performance.now() - started;
  const calls = performance.getEntriesByType("resource")
    .filter((each) => each.name.includes("/run/") && each.startTime < started + total)
    .map((each) => ({ server: each.responseStart - each.requestStart,
      end: each.responseEnd - started, size: each.decodedBodySize }));
  return { total, calls };
}""".replace("FOREIGN", FOREIGN)


def switch(page: Any, switches: int) -> list[dict[str, Any]]:
    """What ``switches`` changes of language took, back and forth; the first two are not counted."""
    found = []
    for number in range(switches + 2):
        language = ("zh", "en")[number % 2]
        one = page.evaluate(SWITCH, [language, PATIENCE])
        page.wait_for_timeout(1500)  # a person reads
        if number >= 2:
            found.append(one)
    return found


def show(name: str, found: list[dict[str, Any]]) -> None:
    """One line: the median and the worst, and where the time went."""
    totals = [one["total"] for one in found]
    # The call with the largest answer of those that ended in time is the one that says the page.
    said = [max(one["calls"], key=lambda call: call["size"], default=None) for one in found]
    calls = [call for call in said if call]
    print(
        f"{name:<28} median {statistics.median(totals):5.0f}  worst {max(totals):5.0f} ms"
        f"  ({', '.join(f'{total:.0f}' for total in totals)})"
    )
    if calls:
        server = statistics.median(call["server"] for call in calls)
        arrived = statistics.median(call["end"] for call in calls)
        size = statistics.median(call["size"] for call in calls)
        print(
            f"{'':<28} largest answer: {size / 1024:.0f} KB, {server:.0f} ms in the server,"
            f" there after {arrived:.0f} ms",
            flush=True,
        )


def train(page: Any, kind: int, minutes: str) -> None:
    """Start a training of the chosen example, and wait until it has something to show."""
    page.get_by_role("tab", name="2 Train").click()
    page.locator(".kinds label").nth(kind).click()
    page.get_by_role("tab", name="2 Train").click()
    more = page.locator("button.label-wrap").filter(has_text="More settings").filter(visible=True)
    if "open" not in (more.first.get_attribute("class") or "").split():
        more.first.click()
    page.get_by_label("Minutes", exact=True).filter(visible=True).fill(minutes)
    name = page.get_by_label("Name of this training").filter(visible=True)
    name.fill(NAME)
    name.press("Tab")
    if kind == 0:
        page.locator(".methods label").filter(has_text="From scratch").click()
    page.wait_for_timeout(2000)
    page.get_by_role("button", name="Start training").click()
    page.get_by_text(f"{NAME} is learning").wait_for(timeout=PATIENCE)
    page.locator(".charts .vega-embed").first.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(10_000)


def measure(url: str, switches: int) -> None:
    """Drive one browser through all that is measured."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-US")
        page.goto(url)
        page.wait_for_function("document.documentElement.dataset.spoken === 'en'")
        page.get_by_role("tab", name="Examples").click()
        page.get_by_role("button", name="In the garden").click()
        page.get_by_role("button", name="Next: train").click(timeout=PATIENCE)
        page.wait_for_timeout(2000)
        show("idle, step 2", switch(page, switches))
        train(page, 0, "3")
        show("a classifier learns, step 3", switch(page, switches))
        page.get_by_role("button", name="Stop", exact=True).click()
        page.wait_for_timeout(8000)
        train(page, 1, "4")
        show("a generator learns, step 3", switch(page, switches))
        browser.close()


def main() -> None:
    """Start a server, measure, and stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=10)
    switches = parser.parse_args().switches
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        server: subprocess.Popen[bytes] = start_server(Path(folder), port)
        try:
            measure(f"http://127.0.0.1:{port}", switches)
        finally:
            server.terminate()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
