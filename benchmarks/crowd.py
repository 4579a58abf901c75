"""Simulated browsers over HTTP.

Each calls the page's functions as a browser's script would: for ``benchmarks/classroom.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import io
import json
import re
import secrets
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

TIMEOUT = 120.0  # s
MOVES, MOVE_EVERY = 20, 0.1  # of a slider, s
FAILURE = 'class="box problem"'
SIZE = 1024  # px of the longer side, as photos are that people send each other


def photos_of(data: Path) -> list[tuple[str, bytes]]:
    """The pictures of a zip as JPEG, ``SIZE`` on their longer side."""
    found = []
    with zipfile.ZipFile(data) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith((".png", ".jpg", ".jpeg", ".webp")):
                image = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
                scale = SIZE / max(image.size)
                size = (round(image.width * scale), round(image.height * scale))
                buffer = io.BytesIO()
                image.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
                found.append((str(Path(name).with_suffix(".jpg")), buffer.getvalue()))
    return found


def share_of(photos: list[tuple[str, bytes]], count: int, person: int) -> dict[str, bytes]:
    """``count`` photos, evenly from all classes, others for everybody."""
    step = len(photos) / count
    places = {(int(number * step) + person) % len(photos) for number in range(count)}
    return {photos[place][0]: photos[place][1] for place in sorted(places)}


@dataclass(frozen=True)
class Site:
    """Where the app is, and its ``/config``: components by id, and what events call."""

    url: str
    components: Mapping[int, Mapping[str, Any]]
    dependencies: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, url: str) -> Site:
        config = httpx.get(f"{url}/config", timeout=TIMEOUT).json()
        components = {each["id"]: each for each in config["components"]}
        return cls(url, components, tuple(config["dependencies"]))

    def part(self, **props: Any) -> int:
        """The id of the first component with these properties."""
        for number, each in self.components.items():
            if all(each["props"].get(name) == value for name, value in props.items()):
                return number
        raise LookupError(props)

    def on(self, event: str, target: int | None = None, writes: int | None = None) -> Any:
        """The first dependency of an event: of ``target``, or one that ``writes`` a component."""
        for each in self.dependencies:
            fits = writes is None or writes in each["outputs"]
            if fits and any(e == event and target in (None, t) for t, e in each["targets"]):
                return each
        raise LookupError((event, target, writes))


@dataclass
class Class:
    """What all people together found: seconds of each kind of call, and errors."""

    ticks: list[float] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    uploads: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # from the button to the finished model
    through: dict[int, int] = field(default_factory=dict)  # person to how often


class Person:
    """Somebody's browser: holds the components' values, and sends those that a call reads."""

    def __init__(self, site: Site, client: httpx.AsyncClient, found: Class) -> None:
        self.site, self.client, self.found = site, client, found
        self.session = secrets.token_hex(6)
        self.values = {n: each["props"].get("value") for n, each in site.components.items()}
        state = {each["props"].get("storage_key"): n for n, each in site.components.items()}
        self.owner, self.run = state["seedling.owner"], state["seedling.run"]
        self.picker = site.part(label="Training")  # of step 3, the first
        (self.timer,) = (n for n, each in site.components.items() if each["type"] == "timer")
        self.statuses: Mapping[str, str] = {}

    async def call(self, dependency: Any, event: Mapping[str, Any] | None = None) -> str:
        """Let the server handle an event, and take over what it changes; gives the raw answer.

        A problem that the page would show counts as an error of ``found``.
        """
        data = [self.values.get(each) for each in dependency["inputs"]]
        body = {"data": data, "fn_index": dependency["id"], "session_hash": self.session}
        body["event_data"] = event
        if dependency["queue"]:
            answer, text = await self._queued(body)
        else:
            reply = await self.client.post("/gradio_api/run/predict", json=body)
            reply.raise_for_status()
            text, answer = reply.text, reply.json()
        for number, value in zip(dependency["outputs"], answer["data"], strict=True):
            change = value if isinstance(value, dict) and "__type__" in value else {"value": value}
            if number == self.picker and "choices" in change:
                self.statuses = {run: label for label, run in change["choices"]}
            if "value" in change:
                self.values[number] = change["value"]
        if FAILURE in text.replace('\\"', '"'):
            self.found.errors.append(text[max(0, text.find("box problem")) :][:300])
        return text

    async def _queued(self, body: Mapping[str, Any]) -> tuple[Any, str]:
        reply = await self.client.post("/gradio_api/queue/join", json=body)
        reply.raise_for_status()
        query = {"session_hash": self.session}
        answer: tuple[Any, str] | None = None
        async with self.client.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            async for line in stream.aiter_lines():
                if '"process_completed"' in line:
                    answer = json.loads(line.removeprefix("data: "))["output"], line
                elif '"close_stream"' in line:  # browsers wait for it, too
                    break
        if answer is None:
            raise RuntimeError("the queue hung up")
        return answer

    @contextlib.asynccontextmanager
    async def here(self) -> AsyncIterator[None]:
        """Keep the heartbeat open, by whose end Gradio knows that a browser has left."""

        async def beat() -> None:
            path = f"/gradio_api/heartbeat/{self.session}"
            async with self.client.stream("GET", path, timeout=None) as stream:
                async for _ in stream.aiter_raw():
                    pass

        heart = asyncio.create_task(beat())
        try:
            yield
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await heart

    async def arrive(self) -> None:
        reply = await self.client.get("/")
        reply.raise_for_status()
        await self.call(self.site.on("load"))

    async def upload(self, photos: Mapping[str, bytes]) -> None:
        began, sent = time.monotonic(), []
        names = list(photos)
        for start in range(0, len(names), 40):  # as many as the page sends at a time
            some = names[start : start + 40]
            files = [("files", (f"{secrets.token_hex(8)}.jpg", photos[name])) for name in some]
            reply = await self.client.post("/gradio_api/upload", files=files)
            reply.raise_for_status()
            sent += [{"path": p, "name": n} for p, n in zip(reply.json(), some, strict=True)]
        drop = self.site.part(elem_classes=["drop"])
        said = await self.call(self.site.on("upload", drop), {"files": sent, "failed": None})
        assert f"{len(photos)} pictures" in said, said[:500]
        self.found.uploads.append(time.monotonic() - began)

    async def start(self, **changes: Any) -> str:
        """Press the button, with these fields changed; gives the run's id."""
        for label, value in changes.items():
            self.values[self.site.part(label=label)] = value
        await self.call(self.site.on("click", self.site.part(value="Start training")))
        return str(self.values[self.run])

    async def stop(self) -> None:
        await self.call(self.site.on("click", self.site.part(value="Stop")))

    async def tick(self) -> None:
        """Poll, and fetch the page's update where there is one, as the browser would."""
        began = time.monotonic()
        look = self.site.on("tick")
        (news,) = look["outputs"]
        before = self.values[news]
        await self.call(look)
        if self.values[news] != before:
            await self.call(self.site.on("change", news))
        self.found.ticks.append(time.monotonic() - began)

    async def watch(self, until: Any) -> None:
        """Poll as often as the page does: once a second, or as the server says."""
        while not until():
            began = time.monotonic()
            await self.tick()
            await asyncio.sleep(max(0.0, self.values[self.timer] - (time.monotonic() - began)))

    async def slide(self) -> None:
        picture = next(n for n, c in self.site.components.items() if "steer" in _served(c))
        await self.call(self.site.on("change", writes=picture))
        drawn = re.search(r'data-stage="([^"]*)"', str(self.values[picture]))
        assert drawn is not None, "no picture to slide"
        stage = html.unescape(drawn[1])
        for move in range(MOVES):
            data = {"stage": stage, "moves": {"direction-0": (move * 7) % 113 / 20 - 2.8}}
            body = {"data": data, "component_id": picture, "fn_name": "steer"}
            began = time.monotonic()
            reply = await self.client.post(
                "/gradio_api/component_server", json={**body, "session_hash": self.session}
            )
            took = time.monotonic() - began
            if "data:image/png" not in reply.text:
                self.found.errors.append(reply.text[:300])
            self.found.moves.append(took)
            await asyncio.sleep(max(0.0, MOVE_EVERY - took))

    async def lesson(self, number: int, photos: Mapping[str, bytes]) -> None:
        """Upload, train, watch to the end, slide; ``number`` is the person's."""
        await self.upload(photos)
        began = time.monotonic()
        run = await self.start(Minutes=1.0)
        await self.watch(lambda: re.search(r"\((finished|failed|stopped)\)", self.status(run)))
        self.found.waits.append(time.monotonic() - began)
        if "(finished)" not in self.status(run):
            self.found.errors.append(self.status(run))
        await self.slide()
        self.found.through[number] = self.found.through.get(number, 0) + 1

    def status(self, run: str) -> str:
        return self.statuses.get(run, "")


def _served(component: Mapping[str, Any]) -> list[str]:
    return component["props"].get("server_fns") or []
