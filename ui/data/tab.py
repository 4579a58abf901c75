"""Step 1: get pictures, edit classes.

Shows what was taken in, and lets the person rename, merge and leave out classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from training.core.messages import t
from training.intake.take_in import Report
from training.jobs.datasets import DataSet, read_edits
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.html import data_title, note
from ui.data import view
from ui.data.uploads import write_skipped
from ui.data.ways import DataWays


class DataTab:
    """The ways to get pictures, folded once there are some, and a summary of the data set."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.message = gr.HTML()
        with app.i18n.make(gr.Accordion, {"label": "data.ways"}, open=True) as self.start:
            self.ways = DataWays(app, self._arrived)
        self.go_on_btn = gr.Button(visible=False, elem_classes="next")
        with gr.Column(visible=False, elem_classes="summary") as self.summary:
            self._build_summary()
        self._wire()

    # ---- what stands where

    def _build_summary(self) -> None:
        make = self.app.i18n.make
        self.headline = gr.HTML()
        with gr.Row(elem_classes="actions"):
            self.next_btn = make(
                gr.Button, {"value": "data.next_btn"}, variant="primary", elem_classes="next"
            )
            self.sort_btn = make(
                gr.Button, {"value": "data.sort_btn"}, visible=False, elem_classes="next"
            )
        self.advice = gr.HTML()
        self.classes = gr.HTML()
        with make(gr.Accordion, {"label": "data.edit"}, open=False) as self.editor:
            make(gr.HTML, {"value": lambda lang: note(t("data.edit_note", lang))})
            self.table = make(
                gr.Dataframe,
                {"label": "data.edit", "headers": view.edit_headers},
                datatype="str",
                type="array",
                interactive=True,
                static_columns=[0, 1],
                column_count=3,
                buttons=[],
                show_label=False,
                max_height=420,
            )
            with gr.Row():
                self.apply_btn = make(
                    gr.Button, {"value": "data.apply_btn"}, variant="primary", size="md"
                )
                self.undo_btn = make(gr.Button, {"value": "data.undo_btn"}, size="md")
        with make(gr.Accordion, {"label": "data.skipped"}, open=False, visible=False) as self.left:
            self.skipped = make(
                gr.Dataframe,
                {"label": "data.skipped", "headers": view.skipped_headers},
                datatype="str",
                wrap=True,
                interactive=False,
                buttons=[],
                show_label=False,
                max_height=360,
            )
            self.csv_btn = make(gr.DownloadButton, {"label": "data.csv_btn"}, size="md")

    # ---- what happens when

    def _wire(self) -> None:
        on = self.app.on
        self.ways.wire(self.outputs, message=self.message, refused=self._refused)
        on(
            self.sort_btn.click,
            self._sort,
            writes=self.outputs,
            message=self.message,
            progress_on=self.advice,
        )
        on(
            self.go_on_btn.click,
            lambda call: self.show(call.visitor),
            writes=self.outputs,
            message=self.message,
        )
        on(
            self.apply_btn.click,
            self._apply,
            reads=[self.table],
            writes=self.outputs,
            message=self.message,
        )
        on(self.undo_btn.click, self._undo, writes=self.outputs, message=self.message)
        self.app.go(self.next_btn.click, "train")

    def _arrived(self, visitor: Visitor, dataset: DataSet) -> Updates:
        now = replace(visitor, dataset=dataset.id)
        return {self.app.dataset: dataset.id, **self.show(now), **self.fold(now)}

    def _refused(self, call: Call) -> Updates:
        """What was chosen before is not what was just sent: it is gone on with on request only."""
        dataset = self.app.datasets.find(call.visitor.owner, call.visitor.dataset)
        if dataset is None:
            return {}
        images = dataset.images()
        says = t(
            "data.go_on",
            call.language,
            pictures=f"{len(images):,}",
            name=data_title(images.name, call.language),
        )
        return {
            self.summary: gr.Column(visible=False),
            self.go_on_btn: gr.Button(value=says, visible=True),
        }

    def _sort(self, call: Call) -> Updates:
        dataset = self.app.datasets.require(call.visitor.owner, call.visitor.dataset)
        return {self.start: gr.Accordion(open=True), **self.ways.sort(call, dataset)}

    def _apply(self, call: Call) -> Updates:
        dataset = self.app.datasets.require(call.visitor.owner, call.visitor.dataset)
        wanted = {str(row[0]): str(row[2] or "") for row in call.values[self.table] or []}
        names = dataset.original().class_names
        edits = read_edits([(name, wanted.get(name, name)) for name in names])
        if edits != dataset.current_edits():
            self.app.datasets.edit(dataset, edits)
        return self.show(call.visitor)

    def _undo(self, call: Call) -> Updates:
        dataset = self.app.datasets.require(call.visitor.owner, call.visitor.dataset)
        self.app.datasets.undo(dataset)
        return self.show(call.visitor)

    # ---- what is seen

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [
            *(self.app.dataset, self.start, self.summary, self.headline, self.advice),
            *(
                self.go_on_btn,
                self.sort_btn,
                self.classes,
                self.table,
                self.undo_btn,
                self.left,
                self.skipped,
                self.csv_btn,
            ),
            *self.ways.outputs,
        ]

    def show(self, visitor: Visitor) -> Updates:
        """The visitor's data set; without one the summary is hidden."""
        dataset = self.app.datasets.find(visitor.owner, visitor.dataset)
        updates: Updates = {
            self.summary: gr.Column(visible=dataset is not None),
            self.go_on_btn: gr.Button(visible=False),
            **self.ways.show(visitor),
        }
        if dataset is None:
            return updates
        return {**updates, **self._show_set(visitor, dataset)}

    def fold(self, visitor: Visitor) -> Updates:
        """Open the ways to get pictures for who has none, and close them for who has some.

        Not part of ``show``: who has opened them to add pictures would find them closed again.
        """
        dataset = self.app.datasets.find(visitor.owner, visitor.dataset)
        return {self.start: gr.Accordion(open=dataset is None)}

    def _show_set(self, visitor: Visitor, dataset: DataSet) -> Updates:
        language, images, original = visitor.language, dataset.images(), dataset.original()
        report = Report.load(dataset.folder)
        updates: Updates = {
            self.sort_btn: gr.Button(visible=not original.class_names),
            self.headline: view.set_headline(images, report, language),
            self.advice: view.advice(images, report, language),
            self.classes: view.class_rows(images, language),
            self.table: gr.Dataframe(
                value=view.edit_rows(original, dataset.current_edits()),
                headers=view.edit_headers(language),
            ),
            self.undo_btn: gr.Button(interactive=bool(dataset.edits)),
            self.left: gr.Accordion(visible=bool(report.skipped)),
        }
        if report.skipped:
            headers = view.skipped_headers(language)
            path = self.app.home.temp / dataset.id / "skipped.csv"
            write_skipped(report, path, headers, language)
            rows = view.skipped_rows(report, language)
            updates[self.csv_btn] = gr.DownloadButton(value=str(path))
            updates[self.skipped] = gr.Dataframe(value=rows, headers=headers)
        return updates
