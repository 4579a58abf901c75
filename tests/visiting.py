"""A visitor without a browser.

Holds what the page's components hold, and calls what Gradio would call on an event.
"""

from __future__ import annotations

import base64
import html
import inspect
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
from gradio.blocks import Block
from gradio.components import Component
from numpy.typing import NDArray
from PIL import Image

from models.gans.layers import Generator
from models.gans.registry import GanShape
from tests.generators import lively_generator
from training.core.home import Home, new_id
from training.data.imageset import GIVEN_SPLITS, ImageSet, ImageSetWriter
from training.gan.config import GanConfig
from training.gan.evaluate import gan_checkpoint
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from training.latent.recipe import Recipe
from training.runs import checkpoint as checkpoints
from training.runs.folder import RunFolder, RunInfo
from training.runs.state import RunState
from ui.common.context import Call, Updates, Visitor
from ui.latent.session import LatentCall, LatentState
from ui.latent.tab import LatentTab
from ui.page import Page

ANNA, BEN = new_id(), new_id()
SIDE, LATENT = 32, 16
EVIL = '"><img src=x onerror=alert(1)>'
network = cache(lively_generator)


def tiny_set(folder: Path, class_names: Sequence[str]) -> ImageSet:
    """Twenty pictures of noise for each class."""
    rng, writer = np.random.default_rng(0), ImageSetWriter(folder)
    labels = [label for label in range(len(class_names)) for _ in range(20)]
    for number in range(len(labels)):
        writer.add(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), f"{number}.png")
    return writer.finish(
        name="tiny",
        class_names=class_names,
        labels=labels,
        given_splits=[GIVEN_SPLITS.index("train")] * len(labels),
        groups=range(len(labels)),
    )


def generator_run(
    home: Home,
    images: ImageSet,
    family: str,
    owner: str,
    *,
    classes: bool = True,
    d_backbone: str = "",
) -> str:
    """A finished run of a small generator that paints at random; gives its id."""
    count = len(images.class_names) if classes else 0
    generator: Generator = network(family, count, latent_size=LATENT)
    config = GanConfig(
        architecture=family, resolution=SIDE, conditional=classes, d_backbone=d_backbone
    ).to_json()
    info = RunInfo(
        id=new_id(),
        owner=owner,
        kind="gan",
        name=family,
        created=1.0,
        data=str(images.folder),
        edits={},
        config=config,
        status=RunState.STOPPED,
    )
    folder = RunFolder.create(home.runs / info.id, info)
    shape = GanShape(family, SIDE, count, 8, LATENT)
    model = gan_checkpoint(images, shape, generator.state_dict(), {})
    checkpoints.save(folder.path / "model", model)
    return info.id


def named_runs(home: Home, owner: str) -> dict[str, str]:
    """Generators by name; the last two are going to be deleted."""
    images = tiny_set(home.path / "set", ["cats", "dogs", "emus"])
    return {
        "plain": generator_run(home, images, "dcgan", owner, classes=False),
        "classes": generator_run(home, images, "dcgan", owner),
        "style": generator_run(home, images, "stylegan2", owner),
        **{
            name: generator_run(home, images, "dcgan", owner, classes=False)
            for name in ("doomed", "doomed too")
        },
    }


def page_of_two(folder: Path, owner: str) -> Page:
    """A page with a plain generator, and a style network of classes of which one looks evil."""
    home, images = Home(folder / "home"), tiny_set(folder / "set", [EVIL, "dogs", "emus"])
    generator_run(home, images, "dcgan", owner, classes=False)
    generator_run(home, images, "stylegan2", owner)
    return Page(home, RunManager(home, ("cpu",)), Limits())


def person_at(page: Page, owner: str, family: str) -> Person:
    """The owner before the picture of one of these generators."""
    person = Person(page, owner)
    (run,) = [run for run in page.app.manager.runs(owner) if run.info.name == family]
    person.open(run.id)
    return person


class Person:
    """Holds what a browser would; ``do`` is an event there, and its answer changes ``values``."""

    def __init__(self, page: Page, owner: str, language: str = "en") -> None:
        self.page, app = page, page.app
        every = page.blocks.blocks.values()
        self.values: dict[Any, Any] = {
            each: each.value for each in every if isinstance(each, Component)
        }
        self.values |= {app.owner: owner, app.language: language, page.language_radio: language}
        self.values |= {app.shared: {}, app.picture: "", app.tray: ""}

    @property
    def tab(self) -> LatentTab:
        tab: LatentTab = self.page.tabs["latent"]
        return tab

    @property
    def visitor(self) -> Visitor:
        app = self.page.app
        return app.visitor(*(self.values[state] for state in app.states))

    def arrive(self, link: str = "") -> Updates:
        """Load the page, perhaps by a link, and open the latent page, as its picker changes."""
        request: Any = SimpleNamespace(
            query_params={"picture": link} if link else {}, username=None
        )
        answer = self.page._arrive(self.values, request)
        self.take(answer)
        return {**answer, **self.do(self.tab.picker, "change")}

    def open(self, run: object) -> Updates:
        """Choose another generator, as the picker's two events do in a browser."""
        self.values[self.tab.picker] = run
        chosen = self.do(self.tab.picker, "input")
        return {**chosen, **self.do(self.tab.picker, "change")}

    def set(self, component: Component, value: object, event: str) -> Updates:
        """Change a control by hand, which calls ``event``."""
        self.values[component] = value
        return self.do(component, event)

    def do(self, component: Component, event: str, data: object = None) -> Updates:
        """Call the one handler of an event with the values as they are; gives all its updates."""
        (called,) = [
            each
            for each in self.page.blocks.fns.values()
            if (component._id, event) in each.targets and each.fn is not None
        ]
        assert called.fn is not None
        given: dict[str, Any] = {}
        for name in inspect.signature(called.fn).parameters:
            if name == "event":
                given[name] = gr.EventData(component, data)
            elif name == "progress":
                given[name] = silent
        answer = called.fn({each: self.values[each] for each in called.inputs}, **given)
        whole: Updates = {}
        for updates in answer if isinstance(answer, Iterator) else [answer]:
            assert set(updates) <= set(called.outputs)  # Gradio refuses all others
            self.take(updates)
            whole |= updates
        return whole

    def drag(self, number: int, value: float) -> Recipe:
        """Move a slider along a direction and let it go."""
        self.values[self.tab.sliders.directions[number]] = value
        self.do(self.tab.picture_panel.picture, "apply")
        return self.now().recipe

    def problem(self) -> str:
        """What the latent page complains of, as HTML."""
        return str(self.values[self.tab.message])

    def take(self, updates: Mapping[Block, Any]) -> None:
        for component, change in updates.items():
            said = value_in(change)
            if said is not MISSING:
                self.values[component] = said

    def now(self) -> LatentState:
        """The picture that the sliders stand at, which need not be settled."""
        return self.tab.session.state(self.visitor, self.values)

    def call(self) -> LatentCall:
        return self.tab.session.latent(Call(self.visitor, self.values))

    def shown(self) -> NDArray[np.uint8]:
        """(R, R, 3): the picture in the page's HTML."""
        return pictures_in(self.values[self.tab.picture_panel.picture])[0]

    def painted(self) -> NDArray[np.uint8]:
        """(R, R, 3): the picture as the sliders' recipe is painted."""
        now = self.now()
        picture: NDArray[np.uint8] = now.sampler.paint([now.recipe])[0].permute(1, 2, 0).numpy()
        return picture

    def stage(self) -> dict[str, Any]:
        """What the page's script sends along with a move, as it stands in the picture's HTML."""
        said = attributes(self.values[self.tab.picture_panel.picture], "data-stage")[0]
        stage: dict[str, Any] = json.loads(said)
        return stage

    def steer(self, stage: object, **moves: object) -> dict[str, str]:
        """The answer to the page's script for some moves; slider names have _ for -."""
        called = {name.replace("_", "-"): value for name, value in moves.items()}
        server: Any = self.tab.picture_panel.picture
        answer: dict[str, str] = server.steer({"stage": json.dumps(stage), "moves": called})
        return answer


MISSING = object()


def value_in(change: Any) -> Any:
    """The value that an update brings, or ``MISSING``."""
    if isinstance(change, Block):
        return change.constructor_args.get("value", MISSING)
    if isinstance(change, dict) and change.get("__type__") == "update":
        return change.get("value", MISSING)
    return change


def prop_in(change: Any, name: str) -> Any:
    """What an update makes of a property, or ``MISSING``."""
    props = change.constructor_args if isinstance(change, Block) else change
    return props.get(name, MISSING)


def silent(*_: Any, **__: Any) -> None:
    """A progress bar that nobody sees."""


def attributes(page: str, name: str) -> list[str]:
    """The values of an attribute, wherever it stands."""
    return [html.unescape(found) for found in re.findall(rf'{name}="([^"]*)"', page)]


def pictures_in(page: str) -> list[NDArray[np.uint8]]:
    """(H, W, 3) uint8 of each picture inside a piece of HTML, or of one ``src``."""
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]
