"""Finds a browser for tests.

For the journeys in tests/e2e; ``python -m tests.browser`` prints its path. In this order:
``$SEEDLING_BROWSER``, an installed Chrome, Edge or Chromium, Playwright's own download, and on
Debian as root the ``chromium`` package. Having none is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

NAMES = (
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
MAC_APPS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS_APPS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")

DOWNLOAD_SECONDS = 600  # about 180 MB
ANSWER_SECONDS = 60  # a browser's first start on a busy machine


def _browser_args() -> tuple[str, ...]:
    """The switches without which Chromium does not start here."""
    if not sys.platform.startswith("linux"):
        return ()
    small_shm = "--disable-dev-shm-usage"  # containers have 64 MB there; pages crash
    # Chromium refuses to run as root inside its own sandbox.
    return (small_shm, "--no-sandbox") if os.geteuid() == 0 else (small_shm,)


BROWSER_ARGS = _browser_args()


def find_browser() -> str:
    """The path of a browser that starts, installed where there is none.

    Raises:
        SystemExit: there is none and none could be installed; says what to install.
    """
    chosen = os.environ.get("SEEDLING_BROWSER")
    if chosen:
        if not starts(chosen):
            raise SystemExit(f"SEEDLING_BROWSER={chosen} does not start. Unset or correct it.")
        return chosen
    for find in (_installed, _playwright_own, _playwright_download, _debian_package):
        if (path := find()) is not None:
            return path
    raise SystemExit(
        "No browser was found, and none could be downloaded. Install Chrome, Edge or Chromium, "
        "or name one in the environment variable SEEDLING_BROWSER."
    )


def starts(path: str) -> bool:
    """Whether there is a program at ``path`` that runs here: libraries may be missing on Linux."""
    if shutil.which(path) is None:
        return False
    if not sys.platform.startswith("linux"):
        return True  # on Windows --version opens a window; both systems bring all libraries
    return _succeeds([path, "--version"], ANSWER_SECONDS)


def _candidates() -> Iterator[str]:
    """Where browsers usually are, on any system."""
    for name in NAMES:
        if (path := shutil.which(name)) is not None:
            yield path
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            yield from (str(folder / app) for app in MAC_APPS)
    for variable in WINDOWS_FOLDERS:
        if folder_name := os.environ.get(variable):
            yield from (str(Path(folder_name) / app) for app in WINDOWS_APPS)


def _installed() -> str | None:
    return next((path for path in _candidates() if starts(path)), None)


def _playwright_own() -> str | None:
    """The browser that Playwright downloaded earlier."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if starts(path) else None


def _playwright_download() -> str | None:
    _say("No installed browser was found; downloading Playwright's Chromium.")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return _playwright_own() if _succeeds(command, DOWNLOAD_SECONDS) else None


def _debian_package() -> str | None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    _say("Playwright's Chromium can't be used here; installing the chromium package.")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    _succeeds(["apt-get", "update"], DOWNLOAD_SECONDS)
    return _installed() if _succeeds(install, DOWNLOAD_SECONDS) else None


def _succeeds(command: Sequence[str], seconds: float) -> bool:
    """Run a command without a terminal; its output goes to stderr only where it fails."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        _say(f"{command[0]}: {problem}")
        return False
    if done.returncode:
        _say(done.stdout.decode(errors="replace")[-2000:])
    return done.returncode == 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(find_browser())
