"""Four ways to get pictures.

Files, cards, examples and downloads, each a panel of step 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block

from training.core.home import new_id
from training.core.messages import UserError, t
from training.intake.datasets import list_sources, open_data
from training.intake.take_in import Progress
from training.jobs.datasets import DataSet
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.html import note
from ui.common.parts import script
from ui.data import view
from ui.data.cards import ClassCards
from ui.data.uploads import take_upload

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
        with gr.Tabs(elem_classes="ways", overflow_behavior="wrap") as self.tabs:
            for name, build in panels.items():
                label = {"label": f"data.way_{name}"}
                with app.i18n.make(gr.Tab, label, id=name, render_children=True):
                    build()

    # ---- what stands where

    def _build_drop(self) -> None:
        self.drop = self.app.i18n.make(
            gr.HTML,
            {  # all of them: an update of the words takes away what it does not name
                "words": view.drop_words,
                "limit_bytes": lambda _: self.app.limits.upload_bytes,
                "limit_files": lambda _: self.app.limits.files,
            },
            html_template=view.DROP_TEMPLATE,
            js_on_load=script("send.js", "drop.js"),
            elem_classes="drop",
        )

    def _build_camera(self) -> None:
        self.cards = ClassCards(self.app)

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

    def wire(self, outputs: Sequence[Block], **options: Any) -> None:
        """Connect the handlers, once the tab is built; ``outputs`` is what ``arrived`` changes.

        ``options`` are those of ``app.on``: where a problem is said, and what it changes.
        """
        on = self.app.on
        arriving: dict[str, Any] = {"writes": outputs, **options}
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
        self.cards.wire(outputs, self.arrived, _progress, **options)
        on(
            self.download.change,
            lambda call: self._show_download(call.language, call.values[self.download]),
            reads=[self.download],
            writes=[self.download_note],
        )

    def _take(self, call: Call) -> Updates:
        limits = self.app.limits
        room = partial(self.app.storage.make_room, call.visitor.owner, call.visitor.dataset)
        dataset = take_upload(
            self.app.datasets, call.visitor.owner, call.data, limits, _progress(call), room
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
            progress=_progress(call),
            root=home.downloads,
        )
        return self.arrived(visitor, datasets.keep(visitor.owner, folder, name))

    def sort(self, call: Call, dataset: DataSet) -> Updates:
        """Lay the pictures of a data set without classes out to be sorted by hand."""
        self.cards.sort(call.visitor.owner, dataset, _progress(call))
        return {
            self.tabs: gr.Tabs(selected="camera"),
            **self.cards.show(call.visitor, fresh=new_id()),
        }

    # ---- what is seen

    @property
    def outputs(self) -> list[Block]:
        """All that ``show`` may change."""
        return [self.tabs, self.cards.cards, self.download_note]

    def show(self, visitor: Visitor) -> Updates:
        """Whose cards they are, and the licence of the first download."""
        return {
            **self._show_download(visitor.language, self.download.value),
            **self.cards.show(visitor),
        }

    def _show_download(self, language: str, name: object) -> Updates:
        return {self.download_note: view.download_note(self.sources.get(str(name)), language)}


def _progress(call: Call) -> Progress:
    """For ``training.intake.take_in``, which calls it with (done, total) after each picture."""
    text, said, bar = t("data.reading", call.language), [-1], call.progress

    def progress(done: int, total: int) -> None:
        share = 100 * done // max(1, total)
        if share != said[0]:  # each call is a message to the browser
            said[0] = share
            bar(share / 100, desc=text)

    return progress
