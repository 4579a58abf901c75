"""Step 1: pictures in, a look at what they are, and the classes as the person wants them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from training.datasets import list_sources, open_data
from training.intake import Report, read_picture, take_in_labelled
from training.text import UserError, t
from ui import data_view as view
from ui.frame import Frame, Updates, Values, Visitor, picture_input
from ui.session import Collection, DataSet, read_edits
from ui.uploads import take_upload, write_skipped

DROP_JS = Path(__file__).resolve().parent.parent / "assets" / "drop.js"
PER_CLASS = 200  # pictures of each class that a download takes, unless the person says otherwise


class DataTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        self.sources = {source.name: source for source in list_sources()}
        make = frame.words.make
        self.message = gr.HTML()
        with make(gr.Accordion, {"label": "data.ways"}, open=True) as self.ways:
            with gr.Tabs(elem_classes="ways"):
                with make(gr.Tab, {"label": "data.way_files"}):
                    self._build_drop()
                with make(gr.Tab, {"label": "data.way_camera"}):
                    self._build_camera()
                with make(gr.Tab, {"label": "data.way_examples"}):
                    self._build_examples()
                with make(gr.Tab, {"label": "data.way_download"}):
                    self._build_download()
        with gr.Column(visible=False, elem_classes="summary") as self.summary:
            self._build_summary()
        self._wire()

    # ---- what stands where

    def _build_drop(self) -> None:
        limits = self.frame.limits
        self.drop = self.frame.words.make(
            gr.HTML,
            {"words": view.drop_words},
            html_template=view.DROP_TEMPLATE,
            js_on_load=DROP_JS.read_text(encoding="utf-8"),
            limit_bytes=limits.upload_bytes,
            limit_files=limits.files,
            elem_classes="drop",
            elem_id="drop_zone",
        )

    def _build_camera(self) -> None:
        make = self.frame.words.make
        with gr.Row():
            with gr.Column(scale=3):
                self.class_name = make(
                    gr.Textbox,
                    {"label": "data.class_name", "placeholder": "data.class_name_hint"},
                    max_length=80,
                )
                self.shot = picture_input(self.frame, "webcam", height=300)
                self.add_btn = make(gr.Button, {"value": "data.add_btn"})
            with gr.Column(scale=2):
                self.collected = gr.HTML()
                with gr.Row():
                    self.undo_shot_btn = make(gr.Button, {"value": "data.undo_shot_btn"}, size="md")
                    self.use_shots_btn = make(
                        gr.Button, {"value": "data.use_shots_btn"}, variant="primary", size="md"
                    )

    def _build_examples(self) -> None:
        self.examples_note = self.frame.words.make(
            gr.HTML, {"value": lambda lang: view.note(t("data.examples_note", lang))}, min_height=60
        )
        self.example_btns: dict[str, gr.Button] = {}
        with gr.Row():
            for source in self.sources.values():
                if source.kind == "example":
                    self.example_btns[source.name] = self.frame.words.make(
                        gr.Button, {"value": lambda lang, s=source: view.source_label(s, lang)}
                    )

    def _build_download(self) -> None:
        make = self.frame.words.make
        names = [source.name for source in self.sources.values() if source.kind == "download"]
        self.download_note = gr.HTML(min_height=60)
        with gr.Row():
            self.download = make(
                gr.Dropdown,
                {
                    "label": "data.download",
                    "choices": lambda lang: [
                        (view.source_label(self.sources[n], lang), n) for n in names
                    ],
                },
                value=names[0] if names else None,
                filterable=False,
            )
            self.per_class = make(
                gr.Slider,
                {"label": "data.per_class", "info": "data.per_class_info"},
                minimum=10,
                maximum=2000,
                value=PER_CLASS,
                step=10,
            )
        self.download_btn = make(
            gr.Button, {"value": "data.download_btn"}, variant="primary", elem_classes="next"
        )

    def _build_summary(self) -> None:
        make = self.frame.words.make
        self.headline = gr.HTML()
        self.next_btn = make(
            gr.Button, {"value": "data.next_btn"}, variant="primary", elem_classes="next"
        )
        self.advice = gr.HTML()
        self.classes = gr.HTML()
        with make(gr.Accordion, {"label": "data.edit"}, open=False) as self.editor:
            make(gr.HTML, {"value": lambda lang: view.note(t("data.edit_note", lang))})
            self.table = make(
                gr.Dataframe,
                {"headers": view.edit_headers},
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
                self.apply_btn = make(gr.Button, {"value": "data.apply_btn"}, variant="primary")
                self.undo_btn = make(gr.Button, {"value": "data.undo_btn"})
        with make(gr.Accordion, {"label": "data.skipped"}, open=False, visible=False) as self.left:
            self.skipped = make(
                gr.Dataframe,
                {"headers": view.skipped_headers},
                datatype="str",
                wrap=True,
                interactive=False,
                buttons=[],
                show_label=False,
                max_height=360,
            )
            self.csv_btn = make(gr.DownloadButton, {"label": "data.csv_btn"})

    # ---- what happens when

    def _wire(self) -> None:
        on, outputs = self.frame.on, self.outputs
        self._wire_drop()
        shots = [self.shot, self.collected, self.undo_shot_btn, self.use_shots_btn]
        reads = [self.class_name, self.shot]
        on(self.shot.input, self._add_shot, reads=reads, writes=shots, message=self.message)
        on(self.add_btn.click, self._add_shot, reads=reads, writes=shots, message=self.message)
        on(self.undo_shot_btn.click, self._undo_shot, writes=shots, message=self.message)
        on(
            self.use_shots_btn.click,
            self._use_shots,
            writes=[*outputs, *shots],
            message=self.message,
            progress_on=self.collected,
        )
        for name, button in self.example_btns.items():
            on(
                button.click,
                self._opener(name),
                writes=outputs,
                message=self.message,
                progress_on=self.examples_note,
            )
        on(
            self.download.change,
            self._describe_download,
            reads=[self.download],
            writes=[self.download_note],
        )
        on(
            self.download_btn.click,
            self._download,
            reads=[self.download, self.per_class],
            writes=outputs,
            message=self.message,
            progress_on=self.download_note,
        )
        on(
            self.apply_btn.click,
            self._apply,
            reads=[self.table],
            writes=outputs,
            message=self.message,
        )
        on(self.undo_btn.click, self._undo, writes=outputs, message=self.message)
        self.frame.go(self.next_btn.click, "train")

    def _wire_drop(self) -> None:
        """Like ``frame.on``, with what the drop zone's script sends along."""
        states = self.frame.states

        def uploaded(
            values: dict[Any, Any],
            event: gr.EventData,
            progress: gr.Progress = gr.Progress(),  # noqa: B008
        ) -> Any:
            sent: Mapping[str, Any] = event._data or {}
            handler = lambda visitor, _, bar: self._take(visitor, sent, bar)  # noqa: E731
            return self.frame._answer(handler, self.message, values, progress)

        self.drop.upload(
            uploaded,
            inputs=set(states),
            outputs=[*self.outputs, self.message],
            show_progress_on=self.drop,
            api_visibility="private",
        )

    def _take(self, visitor: Visitor, sent: Mapping[str, Any], bar: gr.Progress) -> Updates:
        progress = _progress(bar, visitor.language)
        kept = take_upload(self.frame.shelf, visitor.owner, sent, self.frame.limits, progress)
        return self._show_new(visitor, kept)

    def _opener(self, name: str) -> Any:
        def open_example(visitor: Visitor, values: Values, bar: gr.Progress) -> Updates:
            return self._open(visitor, name, None, bar)

        return open_example

    def _download(self, visitor: Visitor, values: Values, bar: gr.Progress) -> Updates:
        name = str(values[self.download])
        if name not in self.sources:
            raise UserError("data.none")
        return self._open(visitor, name, int(values[self.per_class]), bar)

    def _open(
        self, visitor: Visitor, name: str, per_class: int | None, bar: gr.Progress
    ) -> Updates:
        shelf, folder = self.frame.shelf, self.frame.shelf.folder_for_new()
        progress = _progress(bar, visitor.language)
        open_data(
            name,
            folder,
            limits=self.frame.limits,
            per_class=per_class,
            progress=progress,
            root=self.frame.home.downloads,
        )
        return self._show_new(visitor, shelf.keep(visitor.owner, folder, name))

    def _describe_download(self, visitor: Visitor, values: Values) -> Updates:
        source = self.sources.get(str(values[self.download]))
        return {self.download_note: view.download_note(source, visitor.language)}

    def _add_shot(self, visitor: Visitor, values: Values) -> Updates:
        path = values[self.shot]
        if not path:
            raise UserError("data.no_shot")
        collection = Collection(self.frame.home, visitor.owner)
        collection.add(read_picture(Path(path)), values[self.class_name])
        return {self.shot: None, **self._show_collected(visitor)}

    def _undo_shot(self, visitor: Visitor, values: Values) -> Updates:
        Collection(self.frame.home, visitor.owner).undo()
        return self._show_collected(visitor)

    def _use_shots(self, visitor: Visitor, values: Values, bar: gr.Progress) -> Updates:
        collection = Collection(self.frame.home, visitor.owner)
        pictures = collection.pictures()
        if not pictures:
            raise UserError("data.no_shot")
        folder, name = self.frame.shelf.folder_for_new(), t("data.own_name", visitor.language)
        take_in_labelled(
            pictures,
            folder,
            limits=self.frame.limits,
            name=name,
            progress=_progress(bar, visitor.language),
        )
        kept = self.frame.shelf.keep(visitor.owner, folder, name)
        collection.clear()
        return {**self._show_new(visitor, kept), **self._show_collected(visitor)}

    def _apply(self, visitor: Visitor, values: Values) -> Updates:
        dataset = self.frame.shelf.require(visitor.owner, visitor.dataset)
        wanted = {str(row[0]): str(row[2] or "") for row in values[self.table] or []}
        names = dataset.original().class_names
        edits = read_edits([(name, wanted.get(name, name)) for name in names])
        if edits != dataset.current_edits():
            self.frame.shelf.edit(dataset, edits)
        return self.show(visitor)

    def _undo(self, visitor: Visitor, values: Values) -> Updates:
        dataset = self.frame.shelf.require(visitor.owner, visitor.dataset)
        self.frame.shelf.undo(dataset)
        return self.show(visitor)

    # ---- what is seen

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [
            self.frame.dataset,
            self.ways,
            self.summary,
            self.headline,
            self.advice,
            self.classes,
            self.table,
            self.undo_btn,
            self.left,
            self.skipped,
            self.csv_btn,
            self.download_note,
            self.collected,
            self.undo_shot_btn,
            self.use_shots_btn,
        ]

    def _show_new(self, visitor: Visitor, dataset: DataSet) -> Updates:
        now = Visitor(visitor.owner, visitor.language, dataset.id, visitor.run)
        return {self.frame.dataset: dataset.id, **self.show(now)}

    def show(self, visitor: Visitor) -> Updates:
        """The visitor's data set, or the ways to get one."""
        dataset = self.frame.shelf.find(visitor.owner, visitor.dataset)
        first = next((s for s in self.sources.values() if s.kind == "download"), None)
        base: Updates = {
            self.summary: gr.Column(visible=dataset is not None),
            self.download_note: view.download_note(first, visitor.language),
            **self._show_collected(visitor),
        }
        if dataset is None:
            return base
        return {**base, self.ways: gr.Accordion(open=False), **self._show_set(visitor, dataset)}

    def _show_set(self, visitor: Visitor, dataset: DataSet) -> Updates:
        language, images, original = visitor.language, dataset.images(), dataset.original()
        report = Report.load(dataset.folder)
        updates: Updates = {
            self.headline: view.headline(images, report, language),
            self.advice: view.advice(report, language),
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
            path = self.frame.home.temp / dataset.id / "skipped.csv"
            updates[self.csv_btn] = gr.DownloadButton(
                value=str(write_skipped(report, path, headers, language))
            )
            updates[self.skipped] = gr.Dataframe(
                value=view.skipped_rows(report, language), headers=headers
            )
        return updates

    def _show_collected(self, visitor: Visitor) -> Updates:
        if not visitor.owner:
            return {}
        counts = Collection(self.frame.home, visitor.owner).counts()
        return {
            self.collected: view.collected(counts, visitor.language),
            self.undo_shot_btn: gr.Button(interactive=bool(counts)),
            self.use_shots_btn: gr.Button(interactive=len(counts) > 1),
        }


def _progress(bar: gr.Progress, language: str) -> Any:
    """What ``training.intake`` calls after each picture, drawn as a bar."""
    text = t("data.reading", language)

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:  # each call is a message to the browser
            bar((done, total), desc=text, unit="")

    return progress
