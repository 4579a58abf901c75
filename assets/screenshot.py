"""Take the README's picture: ``python assets/screenshot.py`` writes ``assets/screenshot.png``.

Starts the app with a home of its own, learns the drawn example for a minute from scratch, and
photographs the running curves. Needs a browser, as the browser journeys do.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "assets" / "screenshot.png"
WIDTH, HEIGHT = 1280, 860
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "chrome", "msedge")
LEARN_SECONDS = 35  # of the minute's budget, until the curves are worth a picture


def free_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, seconds: float = 90) -> None:
    """Return when ``url`` answers.

    Raises:
        TimeoutError: it never did.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise TimeoutError(url)


def photograph(page: Page, url: str) -> None:
    """Go from the example to running curves and write the picture."""
    page.goto(f"{url}/?step=data")
    expect(page.locator("html")).to_have_attribute("data-spoken", "en", timeout=20_000)
    page.get_by_role("tab", name="Examples").click()
    page.get_by_role("button", name="In the garden").click()
    page.get_by_role("button", name="Next: train").click(timeout=20_000)
    page.get_by_role("button", name="More settings").click()
    page.get_by_role("radio", name=re.compile("^From scratch")).check()
    page.get_by_text("1 minute", exact=True).click()
    expect(page.get_by_text("for at most 1 minute")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("is learning")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(LEARN_SECONDS * 1000)
    page.screenshot(path=TARGET)


def main() -> int:
    """Start the app, take the picture, stop the app; gives the exit code."""
    browser = os.environ.get("SEEDLING_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "app.py", "--port", str(port), "--home", home]
        # Without pretrained weights, as on a fresh machine without a network.
        env = {**os.environ, "TORCH_HOME": str(Path(home) / "torch")}
        server = subprocess.Popen(command, cwd=ROOT, env=env)
        try:
            wait_for(url)
            with sync_playwright() as playwright:
                running = playwright.chromium.launch(
                    executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
                )
                page = running.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                photograph(page, url)
                running.close()
        finally:
            server.terminate()
            server.wait(timeout=20)
    print(f"{TARGET} {TARGET.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
