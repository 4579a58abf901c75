"""Four ways to get pictures.

Files, the camera, examples and downloads, each a panel of step 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block

from training.core.messages import UserError, t
from training.core.paths import ASSETS
from training.intake.datasets import list_sources, open_data
from training.intake.take_in import read_picture, take_in_labelled
from training.jobs.datasets import Collection, DataSet
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.html import note
from ui.common.parts import picture_input, picture_path
from ui.data import view
from ui.data.uploads import take_upload

DROP_JS = ASSETS / "drop.js"
PER_CLASS = 200  # pictures of each class that a download takes, unless the person says otherwise

Arrived = Callable[[Visitor, DataSet], Updates]


class DataWays:
    """Four panels; each ends by calling ``arrived`` with the data set that it made."""

    def __init__(self, app: AppContext, arrived: Arrived) -> None:
        self.app, self.arrived = app, arrived
        self.sources = {source.name: source for source in list_sources()}
        panels = {
            "files": self._build_drop,
            "camera": self._build_camera,
            "examples": self._build_examples,
            "download": self._build_download,
        }
        with gr.Tabs(elem_classes="ways", overflow_behavior="wrap"):
            for name, build in panels.items():
                with app.i18n.make(gr.Tab, {"label": f"data.way_{name}"}, render_children=True):
                    build()

    # ---- what stands where

    def _build_drop(self) -> None:
        self.drop = self.app.i18n.make(
            gr.HTML,
            {"words": view.drop_words},
            html_template=view.DROP_TEMPLATE,
            js_on_load=DROP_JS.read_text(encoding="utf-8"),
            limit_bytes=self.app.limits.upload_bytes,
            limit_files=self.app.limits.files,
            elem_classes="drop",
        )

    def _build_camera(self) -> None:
        make = self.app.i18n.make
        with gr.Row():
            with gr.Column(scale=3):
                self.class_name = make(
                    gr.Textbox,
                    {"label": "data.class_name", "placeholder": "data.class_name_hint"},
                    max_length=80,
                )
                self.shot = picture_input(self.app, "webcam", height=300)
                self.add_btn = make(gr.Button, {"value": "data.add_btn"}, size="md")
            with gr.Column(scale=2):
                self.collected = gr.HTML()
                # Both wait until the page knows that there is something to undo or to use: pressed
                # before, nobody would answer.
                waiting: dict[str, Any] = {"interactive": False, "size": "md"}
                with gr.Row():
                    self.undo_btn = make(gr.Button, {"value": "data.undo_shot_btn"}, **waiting)
                    self.use_btn = make(
                        gr.Button, {"value": "data.use_shots_btn"}, variant="primary", **waiting
                    )

    def _build_examples(self) -> None:
        make = self.app.i18n.make
        self.examples_note = make(
            gr.HTML, {"value": lambda lang: note(t("data.examples_note", lang))}
        )
        self.example_btns: dict[str, gr.Button] = {}
        with gr.Row():
            for source in self.sources.values():
                if source.kind == "example":
                    label = self._label(source.name)
                    self.example_btns[source.name] = make(gr.Button, {"value": label})

    def _build_download(self) -> None:
        make = self.app.i18n.make
        names = [source.name for source in self.sources.values() if source.kind == "download"]
        with gr.Row():
            self.download = make(
                gr.Dropdown,
                {
                    "label": "data.download",
                    "choices": lambda lang: [(self._label(name)(lang), name) for name in names],
                },
                value=names[0],
                filterable=False,
            )
            self.per_class = make(
                gr.Slider,
                {"label": "data.per_class", "info": "data.per_class_info"},
                minimum=10,
                maximum=2000,
                value=PER_CLASS,
                step=10,
                buttons=[],
            )
        self.download_note = gr.HTML()
        self.download_btn = make(
            gr.Button, {"value": "data.download_btn"}, variant="primary", elem_classes="next"
        )

    def _label(self, name: str) -> Callable[[str], str]:
        return lambda language: view.source_label(self.sources[name], language)

    # ---- what happens when

    def wire(self, outputs: Sequence[Block], message: gr.HTML) -> None:
        """Connect the handlers, once the tab is built; ``outputs`` is what ``arrived`` changes."""
        on = self.app.on
        arriving: dict[str, Any] = {"writes": outputs, "message": message}
        on(self.drop.upload, self._take, progress_on=self.drop, event_data=True, **arriving)
        for name, button in self.example_btns.items():
            on(
                button.click,
                partial(self.open, name, None),
                progress_on=self.examples_note,
                **arriving,
            )
        on(
            self.download_btn.click,
            self._download,
            reads=[self.download, self.per_class],
            progress_on=self.download_note,
            **arriving,
        )
        on(self.use_btn.click, self._use, progress_on=self.collected, **arriving)
        shots: dict[str, Any] = {"writes": [self.shot, *self.outputs], "message": message}
        for trigger in (self.shot.input, self.add_btn.click):
            on(
                trigger,
                self._add,
                reads=[self.class_name, self.shot],
                preprocess=False,
                **shots,
            )
        on(self.undo_btn.click, self._undo, **shots)
        on(
            self.download.change,
            lambda call: self._show_download(call.language, call.values[self.download]),
            reads=[self.download],
            writes=[self.download_note],
        )

    def _take(self, call: Call) -> Updates:
        progress, limits = _progress(call.progress, call.language), self.app.limits
        room = partial(self.app.storage.make_room, call.visitor.owner, call.visitor.dataset)
        dataset = take_upload(
            self.app.datasets, call.visitor.owner, call.data, limits, progress, room
        )
        return self.arrived(call.visitor, dataset)

    def _download(self, call: Call) -> Updates:
        name, per_class = str(call.values[self.download]), int(call.values[self.per_class])
        return self.open(name, per_class, call)

    def open(self, name: str, per_class: int | None, call: Call) -> Updates:
        """Make the data set called ``name``, an example or a download, the visitor's.

        Raises:
            UserError: there is none of this name, or no room for it.
        """
        visitor = call.visitor
        if name not in self.sources:  # else a browser could name any file of this machine
            raise UserError("data.none")
        self.app.storage.make_room(visitor.owner, visitor.dataset)
        datasets, home = self.app.datasets, self.app.home
        folder = datasets.folder_for_new()
        open_data(
            name,
            folder,
            limits=self.app.limits,
            per_class=per_class,
            progress=_progress(call.progress, call.language),
            root=home.downloads,
        )
        return self.arrived(visitor, datasets.keep(visitor.owner, folder, name))

    def _add(self, call: Call) -> Updates:
        path = picture_path(call.values[self.shot])
        if path is None:
            raise UserError("data.no_shot")
        self.app.storage.make_room(call.visitor.owner, call.visitor.dataset)
        picture = read_picture(path)
        Collection(self.app.home, call.visitor.owner).add(picture, call.values[self.class_name])
        return {self.shot: None, **self._show_collected(call.visitor)}

    def _undo(self, call: Call) -> Updates:
        Collection(self.app.home, call.visitor.owner).undo()
        return self._show_collected(call.visitor)

    def _use(self, call: Call) -> Updates:
        datasets, collection = self.app.datasets, Collection(self.app.home, call.visitor.owner)
        pictures = collection.pictures()
        if not pictures:
            raise UserError("data.no_shot")
        self.app.storage.make_room(call.visitor.owner, call.visitor.dataset)
        folder, name = datasets.folder_for_new(), t("data.own_name", call.language)
        progress = _progress(call.progress, call.language)
        take_in_labelled(pictures, folder, limits=self.app.limits, name=name, progress=progress)
        dataset = datasets.keep(call.visitor.owner, folder, name)
        collection.clear()
        return self.arrived(call.visitor, dataset)

    # ---- what is seen

    @property
    def outputs(self) -> list[Block]:
        """All that ``show`` may change."""
        return [self.collected, self.undo_btn, self.use_btn, self.download_note]

    def show(self, visitor: Visitor) -> Updates:
        """What the visitor has collected so far, and the licence of the first download."""
        return {
            **self._show_download(visitor.language, self.download.value),
            **(self._show_collected(visitor) if visitor.owner else {}),
        }

    def _show_download(self, language: str, name: object) -> Updates:
        return {self.download_note: view.download_note(self.sources.get(str(name)), language)}

    def _show_collected(self, visitor: Visitor) -> Updates:
        counts = Collection(self.app.home, visitor.owner).counts()
        return {
            self.collected: view.collected(counts, visitor.language),
            self.undo_btn: gr.Button(interactive=bool(counts)),
            self.use_btn: gr.Button(interactive=len(counts) > 1),
        }


def _progress(bar: gr.Progress, language: str) -> Callable[[int, int], None]:
    """For ``training.intake.take_in``, which calls it with (done, total) after each picture."""
    text, said = t("data.reading", language), [-1]

    def progress(done: int, total: int) -> None:
        share = 100 * done // max(1, total)
        if share != said[0]:  # each call is a message to the browser
            said[0] = share
            bar(share / 100, desc=text)

    return progress
