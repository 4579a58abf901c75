"""Step 5: a new picture, and at once what the model takes it for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from training.classifier.predict import load_predictor
from training.core.messages import UserError, t
from training.intake.take_in import read_picture
from training.jobs.live import Snapshot
from training.latent.steering import load_sampler
from ui.common.access import choose_run, require_run, run_labels
from ui.common.context import Frame, Opening, Updates, Values, Visitor, picture_input, picture_path
from ui.common.generator_html import is_gan
from ui.common.html import problem_html
from ui.results.gan_try import GanTry

MOST_CLASSES = 8
Seen = Mapping[str, Hashable]


class TryTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        make = frame.words.make
        self.opening = Opening(frame)
        self.message = self.opening.message
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "try.picker"}, filterable=False)
            with gr.Row(visible=False) as self.guess:
                with gr.Column():
                    self.picture = picture_input(frame, "upload", height=360)
                with gr.Column():
                    self.answer = make(
                        gr.Label,
                        {"label": "try.answer"},
                        num_top_classes=MOST_CLASSES,
                        elem_classes="answer",
                        buttons=[],
                    )
                    make(
                        gr.HTML,
                        {"value": lambda lang: f'<p class="note">{t("try.note", lang)}</p>'},
                    )
            self.gan = GanTry(frame, self.message, self.picker, self._folder)
        self._wire()

    def _wire(self) -> None:
        on = self.frame.on
        reads, writes = [self.picture, self.picker], [self.answer]
        on(
            self.picture.change,
            self._predict,
            reads=reads,
            writes=writes,
            message=self.message,
            preprocess=False,
            trigger_mode="always_last",
        )
        on(self.picker.change, self._warm, reads=[self.picker], message=self.message)
        on(
            self.picker.input,
            self._pick,
            reads=reads,
            writes=[*writes, *self.outputs],
            message=self.message,
            preprocess=False,
        )

    def _warm(self, visitor: Visitor, values: Values) -> Updates:
        """Load the model ahead, so that the first picture is answered as fast as the rest."""
        if not values[self.picker]:
            return {}
        folder = self._folder(visitor, values[self.picker])
        if is_gan(self.frame.manager.snapshot(folder.name)):
            load_sampler(folder)
        else:
            predictor = load_predictor(folder)
            predictor(Image.new("RGB", (64, 64)))  # the first call prepares the fast ones
        return {}

    def _predict(self, visitor: Visitor, values: Values) -> Updates:
        path = picture_path(values[self.picture])
        if path is None:
            return {self.answer: None}
        folder = self._folder(visitor, values[self.picker])
        if is_gan(self.frame.manager.snapshot(folder.name)):
            return {self.answer: None}  # the picture was for the run shown before
        try:
            picture = read_picture(path)
        except UserError as problem:  # the last picture's answer must not stand beside this one
            return {
                self.answer: None,
                self.message: problem_html(problem, visitor.language),
            }
        with self.frame.manager.gate.foreground():
            return {self.answer: load_predictor(folder)(picture)}

    def _pick(self, visitor: Visitor, values: Values) -> Updates:
        run_id = require_run(self.frame.manager, visitor.owner, values[self.picker])
        picked = replace(visitor, run=run_id)
        shown = self.live(picked, {})[0]
        return {self.frame.run: run_id, **shown, **self._predict(visitor, values)}

    def _folder(self, visitor: Visitor, run_id: object) -> Path:
        """The run's folder, once it is sure that it is the visitor's and has a model.

        Raises:
            UserError: it is not, or has none.
        """
        known = require_run(self.frame.manager, visitor.owner, run_id)
        if self.frame.manager.snapshot(known).result is None:
            raise UserError("page.no_such_run")
        return self.frame.manager.folder(known).path

    @property
    def outputs(self) -> list[Any]:
        """All that ``live`` may change."""
        return [
            *(self.frame.run, *self.opening.outputs, self.picker, self.guess),
            *self.gan.outputs,
        ]

    def live(self, visitor: Visitor, seen: Seen) -> tuple[Updates, Seen]:
        """What has changed since ``seen``, and what has then been seen. Called every second."""
        judged = [run for run in self.frame.manager.runs(visitor.owner) if run.result]
        run = choose_run(visitor.run, judged)
        key = (visitor.language, tuple(each.id for each in judged), run.id if run else "")
        if seen.get("try") == key:
            return {}, seen
        before = seen.get("try")
        same = isinstance(before, tuple) and before[0] == key[0] and before[2] == key[2]
        return self._show(visitor, run, judged, same), {**seen, "try": key}

    def _show(
        self, visitor: Visitor, run: Snapshot | None, judged: list[Snapshot], same: bool
    ) -> Updates:
        """All of the tab; what was made with the ``same`` run stays as it is."""
        language = visitor.language
        hint = t("try.empty", language), t("try.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None:
            return updates
        labels = run_labels(judged)
        choices = [(labels[each.id], each.id) for each in judged]
        return {
            **updates,
            self.picker: gr.Dropdown(choices=choices, value=run.id),
            self.guess: gr.Row(visible=not is_gan(run)),
            **({} if same else self.gan.show(run, language)),
        }
