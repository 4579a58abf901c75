"""Step 3: watch a run learn.

Its status, buttons and charts, and below them all runs beside each other.
"""

from __future__ import annotations

import shutil
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from training.core.messages import UserError, t
from training.jobs.live import RunStatus
from training.runs.state import ACTIVE, RESUMABLE, WAITING_OR_RUNNING
from ui.common import plots
from ui.common.access import choose_run, require_run, run_labels
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan
from ui.common.html import box, message_html, say
from ui.common.parts import Opening, line_chart
from ui.watch.compare import CompareRuns, row_key
from ui.watch.gan import GanWatch
from ui.watch.view import (
    CURVES,
    curves_key,
    curves_legend,
    numbers_html,
    status_html,
    waiting_html,
)

METRICS = ("loss", "accuracy")
Drawn = Mapping[str, Hashable]


class WatchTab:
    """One run, chosen in ``picker``, and below it ``CompareRuns``.

    What differs between classifiers and generators is shown or hidden, never built anew.
    """

    def __init__(self, app: AppContext) -> None:
        self.app = app
        make = app.i18n.make
        self.opening = Opening(app)
        self.message = self.opening.message
        with self.opening.body:
            self.status = gr.HTML(elem_classes="status")
            self._build_buttons()
            self._build_charts()
            self.gan = GanWatch(app, self.message, self._shown)
            self.facts = gr.HTML()
            self.notices = gr.HTML()
            with make(
                gr.Accordion, {"label": "watch.lr_range"}, open=False, visible=False
            ) as self.lr_panel:
                make(gr.HTML, {"value": "watch.lr_note"}, elem_classes="note")
                self.lr_plot = gr.Plot(show_label=False, container=False)
            self.compare = CompareRuns(app)
        self._wire()

    # ---- what stands where

    def _build_buttons(self) -> None:
        make = self.app.i18n.make
        with gr.Row(elem_classes="actions"):
            # Each is there only for a run that it does something to.
            size: dict[str, Any] = {"size": "md", "min_width": 90}
            hidden = {**size, "visible": False}
            self.result_btn = make(
                gr.Button, {"value": "watch.result_btn"}, variant="primary", **hidden
            )
            self.pause_btn = make(gr.Button, {"value": "watch.pause_btn"}, **hidden)
            self.resume_btn = make(gr.Button, {"value": "watch.resume_btn"}, **hidden)
            self.stop_btn = make(gr.Button, {"value": "watch.stop_btn"}, **hidden)
            self.delete_btn = make(gr.Button, {"value": "watch.delete_btn"}, **hidden)
            self.picker = make(
                gr.Dropdown,
                {"label": "watch.picker"},
                filterable=False,
                container=False,
                visible=False,
                min_width=280,
                elem_classes="run-picker",
            )
        self.doomed = gr.State("")  # the run that the question below names
        with gr.Row(visible=False, elem_classes="actions") as self.sure:
            self.sure_text = gr.HTML()
            self.sure_btn = make(gr.Button, {"value": "watch.sure_btn"}, variant="stop", **size)
            self.keep_btn = make(gr.Button, {"value": "watch.keep_btn"}, **size)

    def _build_charts(self) -> None:
        self.charts: dict[str, gr.LinePlot] = {}
        self.waiting = gr.HTML()  # where the charts will stand
        with gr.Column(visible=False, elem_classes="charts") as self.chart_row, gr.Row():
            for name in METRICS:
                self.charts[name] = line_chart(
                    self.app,
                    {"title": f"watch.chart_{name}"},
                    CURVES,
                    min_width=300,
                    **(plots.SHARES if name == "accuracy" else {}),
                )
        with self.chart_row:
            self.app.i18n.make(gr.HTML, {"value": curves_legend})

    # ---- what happens when

    def _wire(self) -> None:
        on, manager = self.app.on, self.app.manager
        self.app.go(self.result_btn.click, "result")
        on(
            self.picker.input,
            self._pick,
            reads=[self.picker],
            writes=self.outputs,
            message=self.message,
        )
        for button, act in (
            (self.pause_btn, manager.pause),
            (self.resume_btn, manager.resume),
            (self.stop_btn, manager.stop),
        ):
            on(
                button.click,
                self._doer(act),
                reads=[self.picker],
                writes=self.outputs,
                message=self.message,
                preprocess=False,  # whose run it is counts, not what a list held a moment ago
            )
        on(
            self.delete_btn.click,
            self._ask,
            reads=[self.picker],
            writes=[self.sure, self.sure_text, self.doomed],
            message=self.message,
            preprocess=False,
        )
        on(self.keep_btn.click, lambda call: {self.sure: gr.Row(visible=False)}, writes=[self.sure])
        on(
            self.sure_btn.click,
            self._delete,
            reads=[self.doomed],
            writes=self.outputs,
            message=self.message,
        )

    def _pick(self, call: Call) -> Updates:
        run_id = self._picked(call)
        return {self.app.run: run_id, **self._for(call.visitor, run_id)}

    def _doer(self, act: Any) -> Any:
        def do(call: Call) -> Updates:
            run_id = self._picked(call)
            act(run_id)
            return self._for(call.visitor, run_id)

        return do

    def _ask(self, call: Call) -> Updates:
        run = self.app.manager.status(self._picked(call))
        text = say("watch.sure", call.language, name=run.info.name)
        question = {self.sure: gr.Row(visible=True), self.sure_text: f"<p>{text}</p>"}
        return {**question, self.doomed: run.id}

    def _delete(self, call: Call) -> Updates:
        run_id = require_run(self.app.manager, call.visitor.owner, call.values[self.doomed])
        self.app.manager.delete(run_id)
        shutil.rmtree(self.app.home.temp / run_id, ignore_errors=True)  # made for a download
        return {self.app.run: "", **self._for(call.visitor, "")}

    def _picked(self, call: Call) -> str:
        """The run that this tab shows, and no other, should it have been deleted in another tab.

        Raises:
            UserError: it has been deleted, or is not the visitor's.
        """
        return require_run(self.app.manager, call.visitor.owner, call.values[self.picker])

    def _shown(self, visitor: Visitor) -> str:
        """The run that the visitor sees: the one picked, or the one chosen for them.

        Raises:
            UserError: there is none.
        """
        run = choose_run(visitor.run, self.app.manager.runs(visitor.owner))
        if run is None:
            raise UserError("page.no_such_run")
        return run.id

    def _for(self, visitor: Visitor, run_id: str) -> Updates:
        closed: Updates = {self.sure: gr.Row(visible=False)}  # it asked about what was shown
        now = replace(visitor, run=run_id)
        return {**closed, self.app.stamp: "", **self.refresh(now, {})[0]}

    # ---- what is seen

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` and the buttons may change."""
        return [
            *(self.app.run, self.app.stamp),
            *self.opening.outputs,
            self.sure,
            self.picker,
            self.status,
            self.result_btn,
            self.pause_btn,
            self.resume_btn,
            self.stop_btn,
            self.delete_btn,
            self.waiting,
            self.chart_row,
            *self.charts.values(),
            self.facts,
            self.notices,
            self.lr_panel,
            self.lr_plot,
            *self.compare.outputs,
            *self.gan.outputs,
        ]

    def refresh(self, visitor: Visitor, drawn: Drawn) -> tuple[Updates, Drawn]:
        """What has changed since ``drawn``, and what is then drawn.

        Called after every poll that found a change: a part is drawn only where its key is another.
        ``drawn`` is kept for each open browser tab; an empty one draws everything.
        """
        mine = self.app.manager.runs(visitor.owner)
        run = choose_run(visitor.run, mine)
        now: dict[str, Hashable] = {
            "runs": (
                visitor.language,
                run.id if run else "",
                tuple(map(row_key, mine)),
            ),
            "run": (visitor.language, run.id, run.version) if run else (visitor.language,),
            "curves": curves_key(run),
            "lr": (run.id, "lr_range" in run.history.previews) if run else (),
        }
        draw = {
            "runs": lambda: self._show_runs(visitor, run, mine),
            "run": lambda: self._show_run(run, visitor.language),
            "curves": lambda: self._show_curves(run),
            "lr": lambda: self._show_lr(run),
        }
        updates: Updates = {}
        for part, key in now.items():
            if drawn.get(part) != key:
                updates |= draw[part]()
        changes, pictures = self.gan.refresh(run, visitor.language, drawn)
        return updates | changes, {**drawn, **now, **pictures}

    def _show_runs(
        self, visitor: Visitor, run: RunStatus | None, mine: tuple[RunStatus, ...]
    ) -> Updates:
        language = visitor.language
        hint = t("watch.empty", language), t("watch.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None:
            return updates
        labels = run_labels(mine)
        choices = [
            (f"{labels[each.id]} ({t(f'watch.is_{each.status}', language)})", each.id)
            for each in mine
        ]
        return {
            **updates,
            self.picker: gr.Dropdown(choices=choices, value=run.id, visible=len(mine) > 1),
            **self.compare.show(mine, labels, language),
        }

    def _show_run(self, run: RunStatus | None, language: str) -> Updates:
        if run is None:
            return {}
        notices = "".join(f"<li>{message_html(n, language)}</li>" for n in run.history.notices)
        error = " ".join(message_html(m, language) for m in run.info.error)
        return {
            self.status: status_html(run, language),
            self.waiting: waiting_html(run, language),
            self.facts: numbers_html(run, language),
            self.notices: (box("problem", error) if error else "")
            + (box("plain", f"<ul>{notices}</ul>") if notices else ""),
            self.result_btn: gr.Button(visible=run.result is not None),
            self.pause_btn: gr.Button(visible=run.status in WAITING_OR_RUNNING),
            self.resume_btn: gr.Button(visible=run.status in RESUMABLE),
            self.stop_btn: gr.Button(visible=run.status in ACTIVE),
            self.delete_btn: gr.Button(visible=run.status not in WAITING_OR_RUNNING),
        }

    def _show_curves(self, run: RunStatus | None) -> Updates:
        if run is None or is_gan(run):
            return {self.chart_row: gr.Column(visible=False)}
        frames = {
            what: plots.curves_frame(run.history, {f"{name}/{what}": name for name in CURVES})
            for what in METRICS
        }
        updates: Updates = {self.charts[name]: frame for name, frame in frames.items()}
        any_points = any(plots.has_points(frame) for frame in frames.values())
        return {**updates, self.chart_row: gr.Column(visible=any_points)}

    def _show_lr(self, run: RunStatus | None) -> Updates:
        """Without words, which stand beside it, so that no language needs another figure."""
        preview = run.history.previews.get("lr_range") if run else None
        if preview is None:
            return {self.lr_panel: gr.Accordion(visible=False)}
        return {
            self.lr_panel: gr.Accordion(visible=True),
            # Ready-made: Gradio would draw a Figure here, in whatever thread this is.
            self.lr_plot: PlotData(
                type="matplotlib", plot=plots.drawn(plots.lr_range_figure, preview, "", "")
            ),
        }
