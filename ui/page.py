"""The page's outline: which steps, in which order, sharing which state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from training.core.home import Home
from training.core.messages import LANGUAGES, UserError, t
from training.core.paths import ASSETS
from training.intake.limits import Limits
from training.jobs.datasets import Shelf
from training.jobs.live import Snapshot
from training.jobs.manager import RunManager
from training.jobs.storage import Keeper
from training.runs.folder import ACTIVE
from ui.classroom.accounts import Doorkeeper, People
from ui.classroom.polling import Board, News
from ui.classroom.tab import NAME as TEACHER
from ui.classroom.tab import TeacherTab
from ui.common.access import owner_from
from ui.common.context import Asker, Frame, Updates, Visitor, merged
from ui.common.html import duration
from ui.common.i18n import Words
from ui.common.theme import make_theme
from ui.data.tab import DataTab
from ui.latent.links import PARAMETER
from ui.latent.tab import LatentTab
from ui.results.result_tab import ResultTab
from ui.results.try_tab import TryTab
from ui.train.tab import TrainTab
from ui.watch.tab import WatchTab

log = logging.getLogger(__name__)

STATES = ("owner", "language", "dataset", "run", "shared", "picture", "tray")  # of the browser
STEPS = ("data", "train", "watch", "result", "try", "latent")
LIVE = ("watch", "train", "result", "try", "latent")  # what is looked at on every tick
MOST_WAITING = 200  # handlers in all queues; more than any classroom needs
KEEP_UPLOADS = 24 * 3600  # s; pictures that were tried and files made for downloads
# Of the home folder all but what is on its way to or from a browser.
PRIVATE = ("runs", "datasets", "collected", "downloads", "visits", "secret", "link-secret")
LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
# Gradio's own words (webcam, drag and drop) follow the browser; this makes them follow the page.
SET_LANGUAGE = """async (language) => {
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  document.documentElement.dataset.spoken = language;
  const core = performance.getEntriesByType("resource").map((e) => e.name)
    .find((name) => /\\/core-[^/]*\\.js$/.test(name));
  if (core) (await import(core)).changeLocale?.(language === "zh" ? "zh-CN" : language);
  return language;
}"""


class Page:
    """The whole page. ``blocks`` is what gets launched."""

    def __init__(
        self,
        home: Home,
        manager: RunManager,
        limits: Limits,
        language: str = "en",
        people: People | None = None,
    ) -> None:
        """Build it; nothing runs before it is launched."""
        words, self.people = Words(language), people or People()
        with gr.Blocks(
            title="Seedling",
            analytics_enabled=False,
            delete_cache=(3600, KEEP_UPLOADS),
            fill_width=False,
        ) as self.blocks:
            secret = home.secret()
            # Here and not in the tabs: one that is not open yet has not read what is remembered.
            states = {name: _remembered(name, secret) for name in STATES}
            self.seen = gr.State({})
            # On a change of this, and of no state, the browser calls for what follows at once.
            self.news = gr.HTML("", elem_classes="news")
            self._build_header(words)
            self.timer = gr.Timer(News().every)
            with gr.Tabs(elem_classes="steps", selected="data", overflow_behavior="wrap") as steps:
                shelf, keeper = Shelf(home), Keeper(home, manager)
                self.frame = Frame(
                    home, manager, shelf, limits, keeper, words, **states, steps=steps
                )
                self.tabs: dict[str, Any] = {}
                self.board = Board(self._runs_of)
                kinds = (DataTab, TrainTab, WatchTab, ResultTab, TryTab, LatentTab)
                for number, (step, kind) in enumerate(zip(STEPS, kinds, strict=True), 1):
                    label = _numbered(number, step)
                    with words.make(gr.Tab, {"label": label}, id=step, render_children=True):
                        self.tabs[step] = kind(self.frame)
                if self.people.password:
                    self._build_teachers()
            words.make(gr.HTML, {"value": self._foot}, elem_classes="foot")
            self._wire()

    def launch_options(self) -> dict[str, Any]:
        """How the page looks, whom it lets in, and what of gradio is left out."""
        home, opens = self.frame.home.path, Doorkeeper(self.people.passwords)
        return {
            "auth": opens if self.people.passwords else None,
            "max_file_size": f"{self.frame.limits.upload_mb}mb",
            "allowed_paths": [],  # nothing but what handlers hand out
            "blocked_paths": [str(home / name) for name in PRIVATE],
            "theme": make_theme(),
            "css_paths": [str(ASSETS / "style.css")],
            "footer_links": [],
            "run_history": False,
            "enable_monitoring": False,  # the teacher's view says what may be said
            "show_error": False,
            "ssr_mode": False,
        }

    def _build_header(self, words: Words) -> None:
        with gr.Row(elem_classes="header"):
            words.make(gr.HTML, {"value": _brand}, elem_classes="brand", scale=1)
            self.language_radio = words.make(
                gr.Radio,
                {"label": "page.language"},
                choices=[(LANGUAGE_NAMES[name], name) for name in LANGUAGES],
                value=words.language,
                container=False,
                scale=0,
                min_width=170,
                elem_classes="languages",
                elem_id="language",
            )

    def _build_teachers(self) -> None:
        names = {self.frame.shelf.account(name): name for name in self.people.passwords}
        label: dict[str, Any] = {"label": "page.step_teacher"}
        with self.frame.words.make(
            gr.Tab, label, id=TEACHER, visible=False, render_children=True
        ) as self.teachers_door:
            self.tabs[TEACHER] = TeacherTab(self.frame, self.people.password, names)

    def _foot(self, language: str) -> str:
        """What everybody should know before they count on this place."""
        hours, says = self.frame.manager.sharing.keep_hours, []
        if hours:
            time = duration(hours * 3600, language)
            says.append(f"<p>{t('page.kept_for', language, time=time)}</p>")
        if self.people.forgets:
            says.append(f"<p>{t('page.not_kept', language)}</p>")
        if self.people.passwords:
            says.append(f'<p><a href="logout">{t("page.sign_out", language)}</a></p>')
        return "".join(says)

    def _wire(self) -> None:
        frame, reads = self.frame, self.tabs["train"].reads
        quick: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        everything = list(
            dict.fromkeys(
                [
                    *frame.states,
                    frame.steps,
                    self.language_radio,
                    self.seen,
                    self.timer,
                    *frame.words.components,
                    *([self.teachers_door] if TEACHER in self.tabs else []),
                    *(tab.message for tab in self.tabs.values()),
                    *(output for step in STEPS for output in self.tabs[step].outputs),
                ]
            )
        )
        # What is slow waits in a queue for each thing to do, one at a time.
        self.blocks.queue(default_concurrency_limit=1, max_size=MOST_WAITING)
        self.blocks.load(
            self._arrive, inputs={*frame.states, *reads}, outputs=everything, **quick
        ).then(None, self.language_radio, self.language_radio, js=SET_LANGUAGE)
        spoken = self.language_radio.input(
            self._speak,
            inputs={*frame.states, self.language_radio, *reads},
            outputs=everything,
            js=None,
            **quick,
        )
        spoken.then(None, self.language_radio, self.language_radio, js=SET_LANGUAGE)
        self.tabs["latent"].respeak(spoken.then)
        live = [self.tabs[name] for name in LIVE]
        # Gradio builds every output anew, changed or not: 40 ms for all of these. Thirty people who
        # look once a second would leave nothing for the training, so the look itself has one.
        self.timer.tick(
            self._look,
            inputs={*frame.states, self.seen, self.news},
            outputs=[self.news],
            trigger_mode="multiple",  # an answer that got lost must not end the ticking
            preprocess=False,  # each of these would be a thread's work, and an update of the output
            postprocess=False,
            **quick,
        )
        self.news.change(
            self._tick,
            inputs={*frame.states, self.seen},
            outputs=[self.seen, self.timer, *dict.fromkeys(o for tab in live for o in tab.outputs)],
            trigger_mode="multiple",
            preprocess=False,
            **quick,
        )

    def _arrive(self, values: Mapping[Any, Any], request: gr.Request) -> Updates:
        """Put a person back where they were; a new one gets an id.

        Somebody with a link to a picture is led there.
        """
        frame = self.frame
        visitor = frame.who({**values, frame.owner: owner_from(values[frame.owner])}, request)
        frame.keeper.seen(visitor.owner)
        runs = frame.manager.runs(visitor.owner)
        at_work = any(run.status in (*ACTIVE, "interrupted") for run in runs)
        teaches = TEACHER in self.tabs and TEACHER in request.query_params
        link, led = request.query_params.get(PARAMETER), dict[Any, Any]()
        if link:
            visitor, led = self.tabs["latent"].follow(visitor, link)
        return {
            **self._all(visitor, values, request, self.tabs["data"].fold(visitor)),
            frame.owner: visitor.owner,
            frame.language: visitor.language,
            self.language_radio: visitor.language,
            **({frame.steps: gr.Tabs(selected="watch")} if at_work else {}),
            **(self._open_door() if teaches else {}),
            **led,
        }

    def _runs_of(self, visitor: Visitor) -> Iterator[Snapshot]:
        """Those of the visitor, and the one that somebody shared with them."""
        yield from self.frame.manager.runs(visitor.owner)
        yield from self.tabs["latent"].desk.runs(visitor)[1]

    def _open_door(self) -> Updates:
        label = gr.Tab(visible=True)
        return {self.teachers_door: label, self.frame.steps: gr.Tabs(selected=TEACHER)}

    def _speak(self, values: Mapping[Any, Any], request: Asker = None) -> Updates:
        """The whole page in the language that was picked."""
        frame = self.frame
        visitor = frame.who({**values, frame.language: values[self.language_radio]}, request)
        return {**self._all(visitor, values, request), frame.language: visitor.language}

    def _all(
        self,
        visitor: Visitor,
        values: Mapping[Any, Any],
        request: Asker = None,
        more: Updates | None = None,
    ) -> Updates:
        """Every sentence and everything shown; what was said in the old language is unsaid."""
        updates: Updates = {tab.message: "" for tab in self.tabs.values()} | (more or {})
        seen: Mapping[str, Any] = {}
        news = self.board.now(visitor, request)  # first: what changes from now on is drawn again
        for name in LIVE:
            changes, seen = self.tabs[name].live(visitor, seen)
            updates |= changes
        updates |= self.tabs["data"].show(visitor)
        updates |= self.tabs["train"].show(visitor, values)
        said = self.frame.words.updates(visitor.language)
        return {
            **said,
            **{key: merged(said.get(key), value) for key, value in updates.items()},
            self.timer: news.every,
            self.seen: {**seen, "news": news},
        }

    def _look(self, values: Mapping[Any, Any], request: Asker = None) -> Any:
        """Whether there is news for this tab; ``_tick`` then draws it."""
        visitor = self.frame.who(values, request)
        if not visitor.owner:
            return values[self.news]
        self.frame.keeper.seen(visitor.owner)
        drawn = (values[self.seen] or {}).get("news", News())
        if not self.board.is_due(drawn, visitor, request):
            return values[self.news]
        return f"<i>{time.monotonic_ns()}</i>"  # another than any before

    def _tick(self, values: Mapping[Any, Any], request: Asker = None) -> Any:
        """What has changed since the last time."""
        visitor = self.frame.who(values, request)
        if not visitor.owner:
            return gr.skip()
        updates: Updates = {}
        seen: Mapping[str, Any] = values[self.seen] or {}
        try:
            news = self.board.now(visitor, request)  # first, as above
            for name in LIVE:
                changes, seen = self.tabs[name].live(visitor, seen)
                updates |= changes
        except (UserError, FileNotFoundError) as problem:
            log.info("What a tick looked at was just deleted or replaced: %s", problem)
            return gr.skip()  # the next one sees what is there then
        return {**updates, self.timer: news.every, self.seen: {**seen, "news": news}}


def _remembered(name: str, secret: str) -> gr.BrowserState:
    return gr.BrowserState("", storage_key=f"seedling.{name}", secret=secret)


def _numbered(number: int, step: str) -> Any:
    return lambda language: f"{number} {t(f'page.step_{step}', language)}"


def _brand(language: str) -> str:
    # The one word of gradio's that no translation reaches is put in place by the style sheet.
    webcam = json.dumps(t("page.webcam", language), ensure_ascii=False)
    style = f"<style>:root {{ --webcam: {webcam}; }}</style>"
    return f"<h1>Seedling</h1><p>{t('page.tagline', language)}</p>{style}"
