"""The door: a picture that three sliders change at once, and three ways on.

What a first visitor sees. The generator comes with the project, so nothing has to be loaded or
trained before something moves.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr
from torch import Tensor

from models.weights import shipped_folder, shipped_names
from training.core.messages import UserError, t
from training.latent.recipe import Recipe
from training.latent.sampler import GanSampler
from training.latent.steering import direction_names, first_seed, load_gan_sampler
from ui.common.context import AppContext, Call, Updates
from ui.common.images import png_uri
from ui.common.parts import script
from ui.latent.moves import REACH, move
from ui.latent.sliders import STEP, direction_label
from ui.latent.view import picture_html

GENERATOR = "emoji-64"  # where it is shipped, else the first that is
DIRECTIONS = (0, 1, 3)  # of that generator: those that change most at a glance
DOORS = ("play", "teach", "own")


class StartTab:
    """``doors`` are the buttons by the names in ``DOORS``; where they lead is the page's to say."""

    def __init__(self, app: AppContext) -> None:
        self.app, names = app, shipped_names("gan")
        self.folder = shipped_folder(GENERATOR if GENERATOR in names else names[0])
        make = app.i18n.make
        self.message = gr.HTML()
        make(gr.HTML, {"value": _heading})

        def steer(data: Mapping[str, Any]) -> dict[str, str]:
            return self.steer(data)  # Gradio marks what it calls, and a method can't be marked

        with gr.Row(elem_classes="start-row"):
            with gr.Column(scale=2, min_width=240):
                # Not through ``make``: another language must not put the first picture back.
                self.picture = gr.HTML(
                    self._picture(Recipe(seed=first_seed(self.folder.name))),
                    elem_classes="start-frame",
                    js_on_load=script("stage.js"),
                    server_functions=[steer],
                )
            with gr.Column(scale=3, min_width=280):
                self.sliders = [self._slider(index) for index in DIRECTIONS]
                self.random_btn = make(
                    gr.Button, {"value": "start.random_btn"}, size="md", elem_classes="next"
                )
        with gr.Row(elem_classes="doors"):
            self.doors = {
                name: make(
                    gr.Button,
                    {"value": f"start.{name}_btn"},
                    min_width=220,
                    variant="primary" if name == "own" else "secondary",
                )
                for name in DOORS
            }
        app.on(
            self.random_btn.click,
            self._random,
            reads=self.sliders,
            writes=[self.picture],
            message=self.message,
            preprocess=False,
            trigger_mode="always_last",
        )

    def _slider(self, index: int) -> gr.Slider:
        """Named by the generator's card; moves go the short way, see ``steer``."""

        def label(language: str) -> str:
            return direction_label(index, direction_names(self.folder, language), language)

        return self.app.i18n.make(
            gr.Slider,
            {"label": label},
            minimum=-REACH,
            maximum=REACH,
            value=0.0,
            step=STEP,
            buttons=[],
            elem_id=f"start-{index}",
            elem_classes="steers",
        )

    @property
    def outputs(self) -> list[Any]:
        """Nothing here depends on who looks."""
        return []

    # ---- what happens when

    def steer(self, data: Mapping[str, Any]) -> dict[str, str]:
        """The picture after a move of some sliders, as ``assets/stage.js`` wants it.

        ``data`` is a claim: what this page would never send gets no picture.
        """
        try:
            stage = json.loads(data["stage"])
            recipe = Recipe.from_text(stage["recipe"])
            recipe = self._moved(recipe, {str(name): x for name, x in data["moves"].items()})
            stage["recipe"] = recipe.to_text()
            return {"source": png_uri(self._paint(recipe)), "stage": json.dumps(stage)}
        except (UserError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return {}

    def _random(self, call: Call) -> Updates:
        """Another picture; the sliders stay where they are."""
        moves = {str(slider.elem_id): call.values[slider] for slider in self.sliders}
        recipe = self._moved(Recipe(seed=secrets.randbelow(1_000_000)), moves)
        return {self.picture: self._picture(recipe)}

    def _moved(self, recipe: Recipe, moves: Mapping[str, Any]) -> Recipe:
        """``recipe`` with sliders moved, by their ``elem_id``; a claim is held within bounds."""
        known = {f"start-{index}": f"direction-{index}" for index in DIRECTIONS}
        within = {
            known[name]: min(REACH, max(-REACH, float(value))) for name, value in moves.items()
        }
        return move(recipe, within, self._sampler())

    def _picture(self, recipe: Recipe) -> str:
        """Without a text of its own: the heading says what it is, in the person's language."""
        return picture_html(self._paint(recipe), "", {"recipe": recipe.to_text()})

    def _paint(self, recipe: Recipe) -> Tensor:
        with self.app.manager.gate.foreground():
            return self._sampler().paint([recipe])[0]

    def _sampler(self) -> GanSampler:
        return load_gan_sampler(self.folder)


def _heading(language: str) -> str:
    """What to do, and what one sees."""
    title, says = (t(f"start.{name}", language) for name in ("title", "says"))
    return f'<h2 class="headline">{title}</h2><p class="note">{says}</p>'
