"""From slider move to picture.

How long it takes: for one person alone, beside a training, and among many people.

``python benchmarks/slider.py RUN [--seconds 20] [--people 20]``, with the folder of a generator's
run that has its pictures. A server with its own home is started in this process; the browser and
the HTTP clients are processes of their own. One person drags all the time, in a real browser and
over HTTP; then the same generator is trained anew in the background while they drag; then many
people drag at once. Training speed is measured in turns, without and with a drag beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training.core.threads import share_cores, switch_often  # noqa: E402

share_cores()

OWNER = "0" * 31 + "1"
WARM_UP = 30  # moves that are not counted
# Moves the first slider, and waits for the frame in which another picture has been drawn.
DRAG = """async ([seconds, warmUp]) => {
  const slider = document.querySelector("#direction-0 input[type=range]");
  const frame = document.querySelector(".latent-frame");
  const times = [], end = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < end; i++) {
    const before = frame.querySelector("img").src, started = performance.now();
    slider.value = (((i * 7) % 113) / 20 - 2.8).toFixed(2);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    while (frame.querySelector("img").src === before) {
      await new Promise((done) => setTimeout(done, 0));
      if (performance.now() - started > 5000) return { times, lost: true };
    }
    await frame.querySelector("img").decode();
    if (i >= warmUp) times.push(performance.now() - started);
  }
  return { times, lost: false };
}"""


# ---- the clients, in processes of their own


def drag_in_browser(url: str, seconds: float) -> dict[str, Any]:
    """Milliseconds of every move in Chromium, over and over as fast as pictures come."""
    from playwright.sync_api import sync_playwright

    from tests.browser import BROWSER_ARGS, find_browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=BROWSER_ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.locator(".latent-frame img.latent-picture").wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        found: dict[str, Any] = page.evaluate(DRAG, [seconds, WARM_UP])
        browser.close()
    return found


def drag_over_http(url: str, seconds: float, people: int, stage: str) -> dict[str, Any]:
    """The same of ``people`` at once, each waiting for one picture before the next move."""
    import httpx

    config = httpx.get(f"{url}/config", timeout=60).json()
    picture = next(
        c["id"] for c in config["components"] if "steer" in c["props"].get("server_fns", ())
    )
    end = time.monotonic() + seconds
    times: list[float] = []
    lost: list[str] = []

    def drag(person: int) -> None:
        with httpx.Client(timeout=30) as client:
            for move in range(10**9):
                if time.monotonic() > end:
                    return
                to = (move * 7 + person) % 113 / 20 - 2.8
                data = {"stage": stage, "moves": {"direction-0": to}}
                body = {"data": data, "component_id": picture, "fn_name": "steer"}
                body["session_hash"] = f"person{person}"
                started = time.monotonic()
                answer = client.post(f"{url}/gradio_api/component_server", json=body)
                took = time.monotonic() - started
                if "data:image/png" not in answer.text:
                    lost.append(answer.text[:300])
                elif move >= WARM_UP / people:
                    times.append(took * 1000)

    crowd = [threading.Thread(target=drag, args=(person,)) for person in range(people)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    return {"times": times, "lost": lost}


def in_process(*arguments: str) -> dict[str, Any]:
    """What a client found that does not share this process's interpreter lock."""
    command = [sys.executable, __file__, "--client", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def client(arguments: list[str]) -> None:
    """The other side of ``in_process``: prints what was found as one line of JSON."""
    kind, url, seconds = arguments[0], arguments[1], float(arguments[2])
    if kind == "browser":
        print(json.dumps(drag_in_browser(url, seconds)))
    else:
        print(json.dumps(drag_over_http(url, seconds, int(arguments[3]), arguments[4])))


# ---- the server, and what is measured


def show(name: str, found: dict[str, Any]) -> None:
    times = sorted(found["times"])
    share = statistics.quantiles(times, n=100)
    print(
        f"{name:<34} p50 {share[49]:4.0f}  p95 {share[94]:4.0f}  p99 {share[98]:4.0f}  "
        f"max {times[-1]:4.0f} ms  {len(times)} pictures, {len(found['lost'] or [])} lost",
        flush=True,
    )


def next_report(manager: Any, run: str) -> tuple[int, float]:
    """Images seen and the monotonic time, at the moment of a training's next report."""
    seen = manager.status(run).history.images_seen
    while manager.status(run).history.images_seen == seen:
        time.sleep(0.005)
    return manager.status(run).history.images_seen, time.monotonic()


def speed_of(manager: Any, run: str, during: Callable[[], Any]) -> tuple[float, Any]:
    """Images per second of a training while ``during`` runs, and what that gave."""
    seen, started = next_report(manager, run)
    found = during()
    seen_then, then = next_report(manager, run)
    return (seen_then - seen) / (then - started), found


def serve(home: Any, manager: Any) -> tuple[Any, str]:
    """A page on a free port, and its address."""
    from training.intake.limits import Limits
    from ui.launch import launch_options
    from ui.page import Page

    switch_often()
    page = Page(home, manager, Limits())
    _, url, _ = page.blocks.launch(
        server_name="127.0.0.1",
        prevent_thread_lock=True,
        quiet=True,
        **launch_options(page.app, page.people),
    )
    return page, url.rstrip("/")


def adopt(folder: Path, home: Any) -> str:
    """A copy of a run in ``home``, as the benchmark's own."""
    from training.runs.folder import RunFolder
    from training.runs.state import RunState

    info = RunFolder(folder).info()
    copy = home.runs / info.id
    shutil.copytree(folder, copy)
    RunFolder(copy).write_info(dataclasses.replace(info, owner=OWNER, status=RunState.FINISHED))
    return info.id


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="the folder of a generator's run")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="of training speed, in turns")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedling-") as name:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(name) / "temp")
        measure(options, Path(name))


def measure(options: argparse.Namespace, folder: Path) -> None:
    import psutil

    from training.core.home import Home
    from training.gan.config import GanConfig
    from training.jobs.manager import RunManager
    from training.kinds import read_config
    from training.latent.recipe import Recipe
    from training.runs.folder import RunFolder
    from ui.common.tokens import ShareTokens
    from ui.latent.links import Link

    home = Home(folder)
    run = adopt(options.run, home)
    manager = RunManager(home, ("cpu",))
    page, url = serve(home, manager)
    token, start = ShareTokens(home).make(run), Recipe(seed=1)
    link = f"{url}/?picture={Link(run, token, start).to_text()}"
    stage = json.dumps({"run": run, "token": token, "recipe": start.to_text(), "first": 0})
    seconds = str(options.seconds)

    def drag(people: int) -> dict[str, Any]:
        return in_process("http", url, seconds, str(people), stage)

    def browse() -> dict[str, Any]:
        return in_process("browser", link, seconds)

    show("browser, idle", browse())
    show("HTTP, idle", drag(1))
    memory = [psutil.Process().memory_info().rss / 2**20]
    show(f"HTTP, {options.people} people, idle", drag(options.people))
    memory.append(psutil.Process().memory_info().rss / 2**20)
    show(f"HTTP, {options.people} people, again", drag(options.people))
    memory.append(psutil.Process().memory_info().rss / 2**20)
    print("memory of the server, before, between and after, MB:", [round(x) for x in memory])

    usual = read_config(RunFolder(home.runs / run))
    assert isinstance(usual, GanConfig)
    config = dataclasses.replace(usual, minutes=60)
    images = RunFolder(home.runs / run).images()
    training = manager.start(OWNER, config, images.folder, name="beside")
    while manager.status(training).history.phase != "train":
        time.sleep(0.1)
    alone: list[float] = []
    beside: list[float] = []
    for number in range(options.rounds):
        alone.append(speed_of(manager, training, lambda: time.sleep(options.seconds / 2))[0])
        speed, found = speed_of(manager, training, browse if number == 0 else lambda: drag(1))
        beside.append(speed)
        show("browser, training beside" if number == 0 else "HTTP, training beside", found)
    shares = [with_drag / without for with_drag, without in zip(beside, alone, strict=True)]
    print(
        f"training alone {[round(x) for x in alone]}, beside a drag {[round(x) for x in beside]} "
        f"images/s: {statistics.median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})"
    )
    manager.stop(training)
    page.blocks.close()
    manager.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        client(sys.argv[2:])
    else:
        main()
