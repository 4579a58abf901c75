"""Step 5: try the model.

A new picture, and at once what the model takes it for; or new pictures of a generator's.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from training.classifier.predict import load_predictor
from training.core.messages import UserError, t
from training.jobs.live import RunStatus
from training.latent.steering import load_gan_sampler
from ui.common.access import choose_run, require_run, run_labels
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan, kept
from ui.common.parts import Opening
from ui.results.classifier_try import ClassifierTry
from ui.results.gan_try import GanTry

Drawn = Mapping[str, Hashable]


class TryTab:
    """``ClassifierTry`` or ``GanTry``, by what kind of run is picked."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        make = app.i18n.make
        self.opening = Opening(app)
        self.message = self.opening.message
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "try.picker"}, filterable=False)
            self.classifier = ClassifierTry(app, self.message, self.picker, self._folder)
            self.gan = GanTry(app, self.message, self.picker, self._folder)
        self._wire()

    def _wire(self) -> None:
        on = self.app.on
        on(self.picker.change, self._warm, reads=[self.picker], message=self.message)
        on(
            self.picker.input,
            self._pick,
            reads=[self.classifier.picture, self.picker],
            writes=self.outputs,
            message=self.message,
            preprocess=False,
        )

    def _warm(self, call: Call) -> Updates:
        """Load the model ahead, so that the first picture is answered as fast as the rest."""
        if not call.values[self.picker]:
            return {}
        folder = self._folder(call.visitor, call.values[self.picker])
        if is_gan(self.app.manager.status(folder.name)):
            load_gan_sampler(folder)
        else:
            predictor = load_predictor(folder)
            predictor(Image.new("RGB", (64, 64)))  # the first call prepares the fast ones
        return {}

    def _pick(self, call: Call) -> Updates:
        run_id = require_run(self.app.manager, call.visitor.owner, call.values[self.picker])
        picked = replace(call.visitor, run=run_id)
        shown = {self.app.stamp: "", **self.refresh(picked, {})[0]}
        return {self.app.run: run_id, **shown, **self.classifier.predict(call)}

    def _folder(self, visitor: Visitor, run_id: object) -> Path:
        """The run's folder, once it is sure that it is the visitor's and has a model.

        Raises:
            UserError: it is not, or has none.
        """
        known = require_run(self.app.manager, visitor.owner, run_id)
        if self.app.manager.status(known).result is None:
            raise UserError("page.no_such_run")
        return self.app.manager.folder(known).path

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` may change."""
        return [
            *(self.app.run, self.app.stamp, *self.opening.outputs, self.picker),
            *self.classifier.outputs,
            *self.gan.outputs,
        ]

    def refresh(self, visitor: Visitor, drawn: Drawn) -> tuple[Updates, Drawn]:
        """All of the tab, or nothing where all is as ``drawn``; and what is then drawn."""
        evaluated = [run for run in self.app.manager.runs(visitor.owner) if run.result]
        run = choose_run(visitor.run, evaluated)
        chosen = (run.id, kept(run.result)) if run else ()
        key = (visitor.language, tuple(each.id for each in evaluated), chosen)
        if drawn.get("try") == key:
            return {}, drawn
        before = drawn.get("try")
        same = isinstance(before, tuple) and before[0] == key[0] and before[2] == key[2]
        return self._show(visitor, run, evaluated, same), {**drawn, "try": key}

    def _show(
        self, visitor: Visitor, run: RunStatus | None, evaluated: list[RunStatus], same: bool
    ) -> Updates:
        """All of the tab; samples of the ``same`` run stay when other runs come or go."""
        language = visitor.language
        hint = t("try.empty", language), t("try.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None:
            return updates
        labels = run_labels(evaluated)
        choices = [(labels[each.id], each.id) for each in evaluated]
        return {
            **updates,
            self.picker: gr.Dropdown(choices=choices, value=run.id),
            **({} if same else self.gan.show(run, language)),
            **({} if same else self.classifier.show(run, language)),
        }
