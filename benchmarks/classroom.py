"""Thirty people on one machine.

Does everybody finish, and does the page stay quick?

``python benchmarks/classroom.py [--people 30] [--photos 60] [--minutes 10] [--data DATA]``

Starts the app and sends it people over HTTP, each with a session, a heartbeat and a home of their
own, as browsers do. They arrive, upload photos, train with *quick*, poll for updates, slide the
generator that comes with the project, and begin again, for so many minutes after everybody has
been through once. Before that, the speed of one training is measured in turns, with nobody
watching it and with all of them. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.crowd import TIMEOUT, Class, Person, Site, photos_of, share_of  # noqa: E402

GARDEN = ROOT / "assets" / "examples" / "garden.zip"
TICK_GOAL, SHARE_GOAL, GROWTH_GOAL = 1.0, 0.85, 0.05  # s, and shares
START_SECONDS, CALM_SECONDS, REPORT_SECONDS = 90.0, 40.0, 30.0
SETTLE_SECONDS = 5.0
# One idle worker thread stays. If it has ever used torch it has OpenMP's threads with it.
COMPANIONS = (psutil.cpu_count() or 1) - 1


# ---- the server


class Server:
    """The app in a process of its own, and the memory, threads and handles that it uses.

    Raises:
        SystemExit: it has not answered after ``START_SECONDS``; with its log.
    """

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.home, self.url = home, f"http://127.0.0.1:{port}"
        self.log = (home / "server.log").open("wb")
        command = [sys.executable, "app.py", "--port", str(port), "--home", str(home)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=self.log)
        self.usage = psutil.Process(self.process.pid)
        self.memory: list[tuple[float, float]] = []  # when, MiB
        end = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(self.url, timeout=5)
                break
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise SystemExit((home / "server.log").read_text(encoding="utf-8"))
            time.sleep(0.2)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()

    def threads_and_handles(self) -> tuple[int, int]:
        return self.usage.num_threads(), self.usage.num_fds()

    async def keep_count(self) -> None:
        while True:
            self.memory.append((time.monotonic(), self.usage.memory_info().rss / 2**20))
            await asyncio.sleep(2)

    def memory_between(self, start: float, end: float) -> float:
        return statistics.median(size for when, size in self.memory if start <= when <= end)

    async def quiet(self) -> AsyncIterator[tuple[int, int]]:
        """Threads and handles, second by second, once everybody has left.

        Somebody passes by every second: idle threads end when there is work to share out.
        """
        end = time.monotonic() + CALM_SECONDS
        while time.monotonic() < end:
            async with httpx.AsyncClient(timeout=TIMEOUT) as passer_by:
                await passer_by.get(self.url)
            await asyncio.sleep(1)
            yield self.threads_and_handles()

    async def at_rest(self) -> tuple[int, int]:
        """The most threads and handles of the last seconds of quiet."""
        threads, handles = zip(*[each async for each in self.quiet()][-10:], strict=True)
        return max(threads), max(handles)

    async def calm(self, before: tuple[int, int]) -> tuple[int, int]:
        """Threads and handles as soon as they are as ``before``, or at the end of the quiet."""
        now = before
        async for now in self.quiet():
            if not more(before, now):
                break
        return now

    async def speed(self, run: str, seconds: float) -> float:
        """Images per second of a training, from one of its reports to another.

        Not over a fixed time: only a report says how many images there were.
        """
        seen, began = await self._next_report(run)
        await asyncio.sleep(seconds)
        seen_then, then = await self._next_report(run)
        return (seen_then - seen) / (then - began)

    async def _next_report(self, run: str) -> tuple[int, float]:
        path, first = self.home / "runs" / run / "events.jsonl", None
        end = time.monotonic() + REPORT_SECONDS
        while time.monotonic() < end:
            steps = [json.loads(line) for line in path.read_text("utf-8").splitlines()[-20:]]
            seen = [step["images_seen"] for step in steps if step["event"] == "step"]
            if first is not None and seen and seen[-1] != first:
                return seen[-1], time.monotonic()
            first = seen[-1] if seen else 0
            await asyncio.sleep(0.02)
        raise RuntimeError("the training whose speed is measured ended")


# ---- what is measured


async def compare_speed(
    server: Server, run: str, people: list[Person], name: str, options: Any
) -> list[float]:
    """A training's speed while all people poll over its speed while nobody does, by round."""
    shares = []
    for _ in range(options.rounds):
        alone = await server.speed(run, options.seconds)
        watching = [asyncio.create_task(each.watch(lambda: False)) for each in people]
        await asyncio.sleep(SETTLE_SECONDS)  # all draw once, having been away
        watched = await server.speed(run, options.seconds)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        shares.append(watched / alone)
        print(f"  {name}: {alone:.0f} images/s alone, {watched:.0f} watched", flush=True)
    return shares


async def measure_shares(
    server: Server, people: list[Person], photos: list[tuple[str, bytes]], options: Any
) -> tuple[list[float], list[float]]:
    """Shares of speed beside a class that waits for its turns, and beside as many tabs of one."""
    owner, others = people[0], people[1:]
    await owner.arrive()
    await owner.upload(share_of(photos, len(photos), 0))
    method = {"How should it learn?": "scratch", "Minutes": options.rounds * 4.0}
    run = await owner.start(**method)
    while "learning" not in owner.status(run):
        await owner.tick()
    for number, each in enumerate(others, 1):
        await each.arrive()
        await each.upload(share_of(photos, options.photos, number))
        await each.start()
    waiting = await compare_speed(server, run, people, "a class that waits", options)
    for each in others:
        await each.stop()
        each.values[each.owner], each.values[each.run] = owner.values[owner.owner], run
        await each.arrive()
    tabs = await compare_speed(server, run, people, "tabs of one person", options)
    await owner.stop()
    return waiting, tabs


async def teach(
    server: Server, people: list[Person], photos: list[tuple[str, bytes]], options: Any
) -> tuple[float, float]:
    """Lessons for everybody until the time is up; gives when the minutes began and ended.

    They begin once everybody has been through once, in monotonic s.
    """
    found, started, begun = people[0].found, time.monotonic(), asyncio.Event()
    end = float("inf")

    async def learn(number: int) -> None:
        nonlocal end
        person = people[number]
        async with person.here():
            await person.arrive()
            while time.monotonic() < end:
                lesson = number + 7 * found.through.get(number, 0)
                await person.lesson(number, share_of(photos, options.photos, lesson))
                if len(found.through) == len(people) and not begun.is_set():
                    begun.set()
                    end = time.monotonic() + options.minutes * 60
                    print(f"  everybody once: {time.monotonic() - started:.0f} s", flush=True)

    await asyncio.gather(*(learn(number) for number in range(len(people))))
    return end - options.minutes * 60, end


def more(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether more threads or handles are left than were there, ``COMPANIONS`` aside."""
    return now[0] > before[0] + COMPANIONS or now[1] > before[1]


def row(name: str, times: list[float]) -> str:
    share = statistics.quantiles(times, n=100)
    return (
        f"{name:<28} p50 {share[49]:6.3f}  p95 {share[94]:6.3f}  max {max(times):6.3f} s  "
        f"({len(times):,})"
    )


async def crowd(
    stack: contextlib.AsyncExitStack, site: Site, count: int, found: Class
) -> list[Person]:
    """So many people with a connection of their own each, until the stack is left."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    made = []
    for _ in range(count):
        client = httpx.AsyncClient(base_url=site.url, timeout=TIMEOUT, limits=limits)
        made.append(Person(site, await stack.enter_async_context(client), found))
    return made


async def measure(options: Any, home: Path) -> int:
    """One lesson to warm up, then speeds, then the class; gives the exit code."""
    server = Server(home)
    counting = asyncio.create_task(server.keep_count())
    site, photos = Site.of(server.url), photos_of(options.data)
    found, alone = Class(), Class()
    async with contextlib.AsyncExitStack() as stack:
        (first,) = await crowd(stack, site, 1, alone)
        async with first.here():  # so that all that is made once has been made
            await first.arrive()
            await first.lesson(0, share_of(photos, options.photos, 0))
        many = await crowd(stack, site, options.people, alone)
        print(f"speed of a training, with {options.people} who look and with nobody:")
        shares, tabs = await measure_shares(server, many, photos, options)
    before = await server.at_rest()
    print(f"{options.people} people, {options.photos} photos each:", flush=True)
    async with contextlib.AsyncExitStack() as stack:
        people = await crowd(stack, site, options.people, found)
        began, ended = await teach(server, people, photos, options)
    usage = before, await server.calm(before)
    counting.cancel()
    slot = min(120.0, options.minutes * 30)
    sizes = [server.memory_between(t, t + slot) for t in (began, ended - slot)]
    server.close()
    return tell(found, alone.errors, shares, tabs, sizes, usage, options.people)


def tell(
    found: Class,
    errors: list[str],
    shares: list[float],
    tabs: list[float],
    sizes: list[float],
    usage: tuple[tuple[int, int], tuple[int, int]],
    people: int,
) -> int:
    """Print what was found, and which goals it reaches; gives 1 if one is missed."""
    busy = psutil.Process().cpu_times()
    growth, tick = sizes[1] / sizes[0] - 1, statistics.quantiles(found.ticks, n=100)[94]
    share = statistics.median(shares)
    print(row("look of a watcher", found.ticks))
    print(row("move of a slider", found.moves))
    print(row("upload and intake", found.uploads))
    print(row("button to model, with queue", found.waits))
    lessons = list(found.through.values())
    each = f"{min(lessons, default=0)} to {max(lessons, default=0)} each"
    print(f"lessons: {sum(lessons)}, {each}; {len(found.errors + errors)} errors")
    for error in [*found.errors, *errors][:8]:
        print(f"  {error}")
    for name, found_shares in (("a class that waits", shares), ("as many tabs", tabs)):
        middle, low, high = statistics.median(found_shares), min(found_shares), max(found_shares)
        print(f"training beside {name}: {middle:.0%} ({low:.0%} to {high:.0%})")
    print(f"memory: {sizes[0]:.0f} MiB, at the end {sizes[1]:.0f} MiB: {growth:+.1%}")
    print(f"threads and handles: {usage[0]} before, {usage[1]} after everybody has left")
    print(f"the people themselves took {busy.user + busy.system:.0f} s of the processor")
    goals = {
        "everybody finished, no error": len(lessons) == people and not found.errors + errors,
        f"p95 of a look < {TICK_GOAL:g} s": tick < TICK_GOAL,
        f"training >= {SHARE_GOAL:.0%}": share >= SHARE_GOAL,
        f"memory grows < {GROWTH_GOAL:.0%}": growth < GROWTH_GOAL,
        "threads and handles as before": not more(*usage),
    }
    for name, reached in goals.items():
        print(f"{'ok    ' if reached else 'MISSED'} {name}")
    return 0 if all(goals.values()) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--photos", type=int, default=60, help="that each uploads in a lesson")
    parser.add_argument("--minutes", type=float, default=10.0, help="after everybody has had one")
    parser.add_argument("--data", type=Path, default=GARDEN, help="a zip, one folder per class")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measured speed")
    parser.add_argument("--rounds", type=int, default=4, help="of measured speed, in turns")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedling-") as name:
        return asyncio.run(measure(options, Path(name)))


if __name__ == "__main__":
    sys.exit(main())
