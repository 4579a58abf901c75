"""The page's outline and events.

Which steps there are, in which order, and which state they share; loading, polling and the change
of language, which concern all of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from training.core.home import Home
from training.core.messages import LANGUAGES, UserError, t
from training.intake.limits import Limits
from training.jobs.datasets import DatasetStore
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.jobs.storage import Storage
from training.runs.state import ACTIVE, RunState
from ui.classroom.accounts import People, foot_html
from ui.classroom.polling import UpdateFeed, Version
from ui.classroom.tab import NAME as TEACHER
from ui.classroom.tab import TeacherTab
from ui.common.access import owner_from
from ui.common.context import AppContext, Asker, Call, Updates, Visitor, merged
from ui.common.html import brand_html
from ui.common.i18n import LANGUAGE_NAMES, SET_LANGUAGE, I18n
from ui.common.language import Drawn, LanguageSwitch
from ui.data.tab import DataTab
from ui.latent.links import PARAMETER
from ui.latent.start import StartTab
from ui.latent.tab import LatentTab
from ui.results.result_tab import ResultTab
from ui.results.try_tab import TryTab
from ui.train.tab import TrainTab
from ui.watch.tab import WatchTab

log = logging.getLogger(__name__)

STATES = ("owner", "language", "dataset", "run", "shared", "picture", "tray")  # of the browser
STEPS = ("start", "data", "train", "watch", "result", "try", "latent")
EXAMPLE = "garden"  # what the door to teaching opens: small, and learned in seconds
STEP = "step"  # in the page's address, which assets/steps.js keeps up to date
REFRESHED = ("watch", "train", "result", "try", "latent")  # what is drawn anew when a run changes
MAX_WAITING = 200  # handlers in all queues; more than any classroom needs
KEEP_UPLOADS = 24 * 3600  # s; pictures that were tried and files made for downloads


class Page:
    """All steps under one header. ``blocks`` is what gets launched; nothing runs before."""

    def __init__(
        self,
        home: Home,
        manager: RunManager,
        limits: Limits,
        language: str = "",
        people: People | None = None,
    ) -> None:
        i18n, self.people = I18n(language), people or People()
        with gr.Blocks(
            title="Seedling",
            analytics_enabled=False,
            delete_cache=(3600, KEEP_UPLOADS),
            fill_width=False,
        ) as self.blocks:
            secret = home.secret()
            # Here and not in the tabs: one that is not open yet has not read what is remembered.
            states = {name: _remembered(name, secret) for name in STATES}
            self.drawn = gr.State({})  # what an open tab shows, by keys; it stays on the server
            # On a change of this, and of no state, the browser calls for what follows at once.
            self.version = gr.HTML("", elem_classes="version")
            stamp = gr.HTML("", elem_classes="version")
            self._build_header(i18n)
            self.timer = gr.Timer(Version().every)
            with gr.Tabs(elem_classes="steps", selected="start", overflow_behavior="wrap") as steps:
                datasets, storage = DatasetStore(home), Storage(home, manager)
                self.app = AppContext(
                    home,
                    manager,
                    datasets,
                    limits,
                    storage,
                    i18n,
                    **states,
                    stamp=stamp,
                    steps=steps,
                )
                self.switch = LanguageSwitch(self.app, self.language_radio, self.drawn)
                self.tabs: dict[str, Any] = {}
                self.feed = UpdateFeed(self._runs_of)
                kinds = (StartTab, DataTab, TrainTab, WatchTab, ResultTab, TryTab, LatentTab)
                for number, (step, kind) in enumerate(zip(STEPS, kinds, strict=True)):
                    label = _numbered(number, step)
                    with (
                        i18n.make(gr.Tab, {"label": label}, id=step, render_children=True),
                        i18n.part(step),
                    ):
                        self.tabs[step] = kind(self.app)
                if self.people.password:
                    self._build_teachers()
            foot = partial(foot_html, manager.quotas.keep_hours, self.people)
            i18n.make(gr.HTML, {"value": foot}, elem_classes="foot")
            self._wire()

    def _build_header(self, i18n: I18n) -> None:
        with gr.Row(elem_classes="header"):
            i18n.make(gr.HTML, {"value": brand_html}, elem_classes="brand", scale=1)
            self.language_radio = i18n.make(
                gr.Radio,
                {"label": "page.language"},
                choices=[(LANGUAGE_NAMES[name], name) for name in LANGUAGES],
                value=i18n.language,
                container=False,
                scale=0,
                min_width=170,
                elem_classes="languages",
                elem_id="language",
            )

    def _build_teachers(self) -> None:
        names = {self.app.datasets.account(name): name for name in self.people.passwords}
        label: dict[str, Any] = {"label": "page.step_teacher"}
        with self.app.i18n.make(
            gr.Tab, label, id=TEACHER, visible=False, render_children=True
        ) as self.teachers_door:
            self.tabs[TEACHER] = TeacherTab(self.app, self.people.password, names)

    def _wire(self) -> None:
        app, reads = self.app, self.tabs["train"].reads
        quick: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "show_progress_on": app.owner,  # see AppContext.on
            "api_visibility": "private",
        }
        everything = list(
            dict.fromkeys(
                [
                    *app.states,
                    *(app.steps, self.language_radio, self.drawn, app.stamp, self.timer),
                    *app.i18n.components,
                    *([self.teachers_door] if TEACHER in self.tabs else []),
                    *(tab.message for tab in self.tabs.values()),
                    *(output for step in STEPS for output in self.tabs[step].outputs),
                ]
            )
        )
        # Each slow handler has a queue of its own and serves one call at a time.
        self.blocks.queue(default_concurrency_limit=1, max_size=MAX_WAITING)
        self.blocks.load(
            self._arrive, inputs={*app.states, *reads}, outputs=everything, **quick
        ).then(None, self.language_radio, self.language_radio, js=SET_LANGUAGE)
        self.switch.wire(self.tabs, dict.fromkeys(STEPS, self._speak), **quick)
        self._wire_doors()
        shown = [output for name in REFRESHED for output in self.tabs[name].outputs]
        # Gradio builds every output anew, changed or not: 40 ms for all of these. Thirty people
        # whose tabs poll once a second would leave training no time, so a poll has one output.
        self.timer.tick(
            self._poll,
            inputs={*app.states, self.drawn, app.stamp, self.version},
            outputs=[self.version],
            trigger_mode="multiple",  # an answer that got lost must not end the polling
            preprocess=False,  # each of these would be a thread's work, and an update of the output
            postprocess=False,
            **quick,
        )
        for trigger in (self.version.change, self.tabs["train"].started.then):
            trigger(  # what was started is seen at once, not a poll later
                self._refresh,
                inputs={*app.states, self.drawn, app.stamp},
                outputs=list(dict.fromkeys([self.drawn, app.stamp, self.timer, *shown])),
                trigger_mode="multiple",
                preprocess=False,
                **quick,
            )

    def _wire_doors(self) -> None:
        """Where the doors of the first tab lead: to sliders, to an example, to one's own."""
        doors, data = self.tabs["start"].doors, self.tabs["data"]
        self.app.go(doors["play"].click, "latent")
        self.app.go(doors["own"].click, "data")
        self.app.on(
            doors["teach"].click,
            lambda call: {
                **data.ways.open(EXAMPLE, None, call),
                self.app.steps: gr.Tabs(selected="train"),
            },
            writes=[*data.outputs, self.app.steps],
            message=self.tabs["start"].message,
            progress_on=self.tabs["start"].message,
        )

    def _arrive(self, values: Mapping[Any, Any], request: gr.Request) -> Updates:
        """The page has loaded: put a person back where they were; a new one gets an id.

        A link to a picture leads there, and one to a step to it; ``?teacher`` shows the teacher's
        tab.
        """
        app = self.app
        visitor = app.who({**values, app.owner: owner_from(values[app.owner])}, request)
        app.storage.seen(visitor.owner)
        runs = app.manager.runs(visitor.owner)
        at_work = any(run.status in (*ACTIVE, RunState.INTERRUPTED) for run in runs)
        teaches = TEACHER in self.tabs and TEACHER in request.query_params
        link, led = request.query_params.get(PARAMETER), dict[Any, Any]()
        step = request.query_params.get(STEP)
        if step not in STEPS:
            known = runs or app.datasets.find(visitor.owner, visitor.dataset)
            step = "watch" if at_work else "data" if known else "start"
        if link:
            visitor, led = self.tabs["latent"].follow(visitor, link)
        return {
            **self._all(visitor, values, request, self.tabs["data"].fold(visitor)),
            app.owner: visitor.owner,
            app.language: visitor.language,
            self.language_radio: visitor.language,
            app.steps: gr.Tabs(selected=step),
            **(self._open_door() if teaches else {}),
            **led,
        }

    def _runs_of(self, visitor: Visitor) -> Iterator[RunStatus]:
        """The visitor's runs, and those that somebody shared with them by a link."""
        yield from self.app.manager.runs(visitor.owner)
        yield from self.tabs["latent"].session.runs(visitor)[1]

    def _open_door(self) -> Updates:
        return {self.teachers_door: gr.Tab(visible=True), self.app.steps: gr.Tabs(selected=TEACHER)}

    def _say(self, step: str, call: Call, drawn: Drawn) -> tuple[Updates, Drawn]:
        """What of a step is not as ``drawn``, all that has words of the server's in it included."""
        updates: Updates = {}
        if step in REFRESHED:
            updates, drawn = self.tabs[step].refresh(call.visitor, drawn)
        if step in ("data", "train"):
            updates |= self.tabs[step].show(call.visitor if step == "data" else call)
        return updates, drawn

    def _speak(self, step: str, call: Call, drawn: Drawn, request: Asker) -> tuple[Updates, Drawn]:
        """``_say`` for a language just picked; a poll need not draw all steps for that alone."""
        great = self.feed.now(call.visitor, request).great
        updates, drawn = self._say(step, call, drawn)
        version = replace(drawn.get("version", Version()), great=great)
        return updates, {**drawn, "version": version}

    def _all(
        self,
        visitor: Visitor,
        values: Mapping[Any, Any],
        request: Asker = None,
        more: Updates | None = None,
    ) -> Updates:
        """Every text and everything shown, without any message."""
        updates: Updates = {tab.message: "" for tab in self.tabs.values()} | (more or {})
        drawn: Drawn = {}
        version = self.feed.now(visitor, request)  # first: what changes from now on is drawn again
        for step in STEPS:
            changes, drawn = self._say(step, Call(visitor, values), drawn)
            updates |= changes
        said = self.app.i18n.updates(visitor.language)
        return {
            **said,
            **{key: merged(said.get(key), value) for key, value in updates.items()},
            self.timer: version.every,
            self.app.stamp: version.stamp,
            self.drawn: {**drawn, "version": version},
        }

    def _poll(self, values: Mapping[Any, Any], request: Asker = None) -> Any:
        """A new value where this tab has something to draw, which makes it call ``_refresh``.

        The same value is no change to the browser, so nothing else happens then.
        """
        visitor = self.app.who(values, request)
        if not visitor.owner:
            return values[self.version]
        self.app.storage.seen(visitor.owner)
        drawn = (values[self.drawn] or {}).get("version", Version())
        if not self.feed.is_due(drawn, values[self.app.stamp], visitor, request):
            return values[self.version]
        return f"<i>{time.monotonic_ns()}</i>"  # another than any before

    def _refresh(self, values: Mapping[Any, Any], request: Asker = None) -> Any:
        """Update what has changed since this browser tab was last drawn."""
        visitor = self.app.who(values, request)
        if not visitor.owner:
            return gr.skip()
        updates: Updates = {}
        drawn: Drawn = values[self.drawn] or {}
        if drawn.get("version", Version()).is_overtaken(values[self.app.stamp]):
            drawn = {}
        try:
            version = self.feed.now(visitor, request)  # first, as above
            for name in REFRESHED:
                changes, drawn = self.tabs[name].refresh(visitor, drawn)
                updates |= changes
        except (UserError, FileNotFoundError) as problem:
            log.info("What was to be drawn was just deleted or replaced: %s", problem)
            return gr.skip()  # the next one sees what is there then
        if self.switch.is_overtaken(visitor, request):
            return gr.skip()  # as above
        return {
            **updates,
            self.timer: version.every,
            self.app.stamp: version.stamp,
            self.drawn: {**drawn, "version": version},
        }


def _remembered(name: str, secret: str) -> gr.BrowserState:
    """Outlives the server; Gradio's own key and secret would be other ones after a restart."""
    return gr.BrowserState("", storage_key=f"seedling.{name}", secret=secret)


def _numbered(number: int, step: str) -> Any:
    return lambda language: f"{number or ''} {t(f'page.step_{step}', language)}".strip()
