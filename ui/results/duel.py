"""Step 4: with and without a head start.

A second training to compare the shown one with, both in one chart while they learn, and what their
difference means.
"""

from __future__ import annotations

import dataclasses
import html
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from training.classifier.config import ClassifierConfig
from training.core.messages import LANGUAGES, UserError, t
from training.experiments.duel import compare, is_from_scratch, rival_config
from training.jobs.live import RunStatus
from training.kinds import read_config
from training.runs.history import History, Point
from training.runs.state import RunState
from ui.common import plots
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan
from ui.common.html import box, legend_html, note
from ui.common.parts import line_chart

METRIC = "val/accuracy"
COLOURS = dict(zip(plots.SERIES[:2], plots.PALETTE[:2], strict=True))
Drawn = Mapping[str, Hashable]


class DuelPanel:
    """Below a classifier's evaluation: a button, and once it was pressed the pair of runs."""

    def __init__(self, app: AppContext, message: gr.HTML, shown: Callable[[Visitor], str]) -> None:
        """``shown`` gives the id of the run that a visitor sees."""
        self.app, self.shown = app, shown
        self._starting = threading.Lock()  # so that two presses start one training
        make = app.i18n.make
        with gr.Column(visible=False) as self.body:
            make(gr.HTML, {"value": lambda language: f"<h3>{t('duel.title', language)}</h3>"})
            self.says = gr.HTML()
            with gr.Column(visible=False, elem_classes="charts") as self.chart_room:
                self.chart = line_chart(app, {}, COLOURS, x_lim=[0, None], **plots.SHARES)
                make(gr.HTML, {"value": _legend})
            with gr.Row(elem_classes="actions"):
                size: dict[str, Any] = {"size": "md", "min_width": 90}
                self.start_btn = make(gr.Button, {"value": "duel.start_btn"}, **size)
                self.watch_btn = make(gr.Button, {"value": "duel.watch_btn"}, **size)
                self.picture_btn = make(gr.DownloadButton, {"label": "duel.picture_btn"}, **size)
        app.on(
            self.start_btn.click,
            self._start,
            writes=[app.stamp, *self.outputs],
            message=message,
        )
        writes = [app.run, app.stamp, app.steps]
        app.on(self.watch_btn.click, self._watch, writes=writes, message=message)

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` may change."""
        return [
            *(self.body, self.says, self.chart_room, self.chart),
            *(self.start_btn, self.watch_btn, self.picture_btn),
        ]

    # ---- what happens when

    def _start(self, call: Call) -> Updates:
        """Queue the rival, unless there is one already: then its chart is all that is wanted."""
        owner = call.visitor.owner
        run = self.app.manager.status(self.shown(call.visitor))
        with self._starting:
            if rival_of(run, self.app.manager.runs(owner)) is None:
                self._queue(run, owner, call.language)
        return {self.app.stamp: "", **self._show(run, owner, call.language)}

    def _queue(self, run: RunStatus, owner: str, language: str) -> None:
        folder = self.app.manager.folder(run.id)
        config = read_config(folder)
        assert isinstance(config, ClassifierConfig) and run.result is not None
        if not folder.has_images():
            raise UserError("run.no_data", name=run.info.name)
        whole = run.status is RunState.FINISHED and config.images is None
        rival = rival_config(config, None if whole else run.result["seconds"])
        self.app.storage.make_room(owner)
        self.app.manager.start(
            owner,
            rival,
            Path(run.info.data),
            name=t(f"duel.name_{rival.method}", language, name=_without_method(run)),
            edits=run.info.edits,
            rival=run.id,
        )

    def _watch(self, call: Call) -> Updates:
        """Step 3 with the rival, which may be paused, stopped and deleted there."""
        run = self.app.manager.status(self.shown(call.visitor))
        rival = rival_of(run, self.app.manager.runs(call.visitor.owner))
        if rival is None:
            raise UserError("page.no_such_run")
        return {self.app.run: rival.id, self.app.steps: gr.Tabs(selected="watch")}

    # ---- what is seen

    def refresh(
        self, run: RunStatus | None, mine: Sequence[RunStatus], language: str, drawn: Drawn
    ) -> tuple[Updates, Drawn]:
        """What has changed since ``drawn``; ``run`` is the one shown, among ``mine``."""
        rival = rival_of(run, mine) if run else None
        key = (language, *((each.id, each.version) for each in (run, rival) if each))
        if drawn.get("duel") == key:
            return {}, drawn
        return self._show_pair(run, rival, language), {**drawn, "duel": key}

    def _show(self, run: RunStatus, owner: str, language: str) -> Updates:
        return self._show_pair(run, rival_of(run, self.app.manager.runs(owner)), language)

    def _show_pair(self, run: RunStatus | None, rival: RunStatus | None, language: str) -> Updates:
        if run is None or is_gan(run):
            return {self.body: gr.Column(visible=False)}
        scratch = is_from_scratch(run.info.config)
        shown: Updates = {
            self.body: gr.Column(visible=True),
            self.start_btn: gr.Button(
                value=t("duel.start_scratch_btn" if scratch else "duel.start_btn", language),
                visible=rival is None,
            ),
            self.watch_btn: gr.Button(visible=rival is not None and rival.result is None),
        }
        if rival is None:
            says = note(t("duel.note_scratch" if scratch else "duel.note", language))
            return {
                **shown,
                self.says: says,
                self.chart_room: gr.Column(visible=False),
                self.picture_btn: gr.DownloadButton(visible=False),
            }
        pair = (rival, run) if scratch else (run, rival)
        frame = plots.overlay_frame(level_histories(pair), METRIC)
        picture = self._picture(pair, frame, language) if rival.result else None
        return {
            **shown,
            self.says: duel_html(pair, language),
            self.chart_room: gr.Column(visible=plots.has_points(frame)),
            self.chart: frame,
            self.picture_btn: gr.DownloadButton(
                value=str(picture) if picture else None, visible=picture is not None
            ),
        }

    def _picture(self, pair: Sequence[RunStatus], frame: Any, language: str) -> Path:
        """The chart and the sentences as a file; drawn once for each state of the pair."""
        versions = "-".join(f"{run.id[:8]}{run.version}" for run in pair)
        target = self.app.home.temp / pair[1].id / versions / f"seedling-head-start-{language}.png"
        if not target.exists():
            names = [t(f"duel.curve_{number}", language) for number in COLOURS]
            title, axis = t("duel.title", language), t("watch.time_axis", language)
            pixels = plots.drawn_bytes(
                plots.duel_figure, frame, names, title, axis, duel_sentences(pair, language)
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(pixels)
        return target


def rival_of(run: RunStatus, mine: Sequence[RunStatus]) -> RunStatus | None:
    """The other run of the pair that ``run`` is one of, whichever of the two was first."""
    pairs = (each for each in mine if run.id == each.info.rival or each.id == run.info.rival)
    return next(pairs, None)


def _without_method(run: RunStatus) -> str:
    """The run's name, less its method, which the form adds to a name that it makes up."""
    name = run.info.name
    for language in LANGUAGES:
        name = name.removesuffix(" · " + t(f"train.method_{run.info.config['method']}", language))
    return name


def duel_sentences(pair: Sequence[RunStatus], language: str) -> list[str]:
    """What the finished ``pair``, the head start first, comes to."""
    head_start, scratch = (run.result for run in pair)
    assert head_start is not None and scratch is not None
    second = next(run for run in pair if run.info.rival)  # its time was made to fit the first one's
    return compare(head_start, scratch).sentences(second.info.config["minutes"], language)


def duel_html(pair: Sequence[RunStatus], language: str) -> str:
    """The sentences of a finished pair; of another, what its second run is doing."""
    waited = next((run for run in pair if run.result is None), None)
    if waited is not None:
        return box("plain", t(f"duel.is_{waited.status}", language))
    first, *rest = duel_sentences(pair, language)
    return box("good", f"<strong>{first}</strong>" + "".join(f"<p>{line}</p>" for line in rest))


def level_histories(pair: Sequence[RunStatus]) -> list[History]:
    """Their histories; a finished run's curve goes on level beside one that still learns."""
    end = max(run.history.seconds for run in pair)

    def level(run: RunStatus) -> History:
        points = run.history.curves.get(METRIC, ())
        if run.result is None or not points or points[-1].seconds >= end:
            return run.history
        last = Point(points[-1].images_seen, end, points[-1].value)
        curves = {**run.history.curves, METRIC: (*points, last)}
        return dataclasses.replace(run.history, curves=curves)

    return [level(run) for run in pair]


def _legend(language: str) -> str:
    names = {t(f"duel.curve_{number}", language): colour for number, colour in COLOURS.items()}
    return legend_html(names) + f'<p class="note">{html.escape(t("duel.level", language))}</p>'
