"""Neighbours and a two-slider map.

What lies around the picture that is shown: mutations to breed from, and a map of two sliders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import torch

from training.core.media import picture_grid
from training.core.messages import t
from training.latent.recipe import Recipe
from training.latent.steering import direction_names
from ui.common.context import Updates
from ui.common.html import note
from ui.common.parts import script
from ui.latent.moves import FIRST, MORE, REACH, neighbours
from ui.latent.session import LatentCall, LatentSession
from ui.latent.sliders import direction_label
from ui.latent.view import PAD_COLUMNS, TILES_JS, Tile, pad_html, tiles_html

PAD_JS = "pad.js"
CHILDREN, USUAL_STRENGTH = 8, 0.4
PAD_SIDE = 448  # px at least; smaller pictures are enlarged by whole numbers


class ExplorePanel:
    """The panels *near* and *map*.

    Each paints many pictures, so only the open one is drawn anew when the picture changes.
    """

    def __init__(self, session: LatentSession, panel: gr.Radio) -> None:
        """``panel`` says which one is open: "near", "map" or another one."""
        self.session, self.panel = session, panel
        make = session.app.i18n.make
        with gr.Column() as self.near_body:
            make(gr.HTML, {"value": lambda lang: note(t("latent.near_note", lang))})
            self.children = gr.HTML(js_on_load=script(TILES_JS))
            with gr.Row(elem_classes="latent-row"):
                self.strength = make(
                    gr.Slider,
                    {"label": "latent.strength"},
                    minimum=0.1,
                    maximum=1.0,
                    value=USUAL_STRENGTH,
                    step=0.05,
                    buttons=[],
                )
                self.others_btn = make(
                    gr.Button, {"value": "latent.others_btn"}, size="md", elem_classes="next"
                )
            self.round = gr.State(0)
        with gr.Column(visible=False) as self.map_body:
            make(gr.HTML, {"value": lambda lang: note(t("latent.map_note", lang))})
            with gr.Row(elem_classes="latent-row"):
                with gr.Column(scale=3, min_width=260):
                    self.pad = gr.HTML(js_on_load=script(PAD_JS))
                with gr.Column(scale=2, min_width=200):
                    self.across, self.up = (
                        make(
                            gr.Dropdown,
                            {"label": f"latent.{name}"},
                            choices=[(str(number + 1), number) for number in range(FIRST + MORE)],
                            value=value,
                            filterable=False,
                        )
                        for value, name in enumerate(("across", "up"))
                    )

        session.add_view(
            self.redraw,
            reads=[self.panel, self.strength, self.round, *self.axes],
            writes=self.outputs,
        )

    @property
    def outputs(self) -> list[Any]:
        """All that ``redraw`` may change."""
        return [self.children, self.pad]

    @property
    def axes(self) -> tuple[gr.Dropdown, gr.Dropdown]:
        """The menus that choose the map's two sliders: to the right, and upwards."""
        return self.across, self.up

    def wire(self) -> None:
        """Connect the handlers, once all parts have registered what a new picture changes."""
        session = self.session
        session.on(self.children.select, self._breed, writes=session.go_writes, event_data=True)
        session.on(self.strength.release, self.redraw, writes=self.outputs)
        session.on(self.others_btn.click, self._others, writes=[*self.outputs, self.round])
        for axis in self.axes:
            session.on(axis.input, self.redraw, writes=self.outputs)

    def redraw(self, call: LatentCall) -> Updates:
        """The open one of the two panels around the picture of ``call``; nothing for others."""
        if call.values[self.panel] == "near":
            return {self.children: self._near_html(call)}
        if call.values[self.panel] == "map":
            return {self.pad: self._map_html(call)}
        return {}

    def fit(self, choices: Sequence[tuple[str, int]]) -> Updates:
        """Offer this model's directions as axes; ``choices`` are (name, index)."""
        return {axis: gr.Dropdown(choices=list(choices)) for axis in self.axes}

    # ---- neighbours

    def _near_html(self, call: LatentCall) -> str:
        state, strength = call.state, float(call.values[self.strength])
        first = int(call.values[self.round]) * CHILDREN
        numbers = range(first, first + CHILDREN)
        recipes = neighbours(state.recipe, state.sampler, strength, numbers)
        with self.session.app.manager.gate.foreground():
            pictures = call.state.sampler.paint(recipes)
        return tiles_html(
            [
                Tile(pixels, t("latent.child", call.language, number=number), recipe)
                for number, (pixels, recipe) in enumerate(zip(pictures, recipes, strict=True), 1)
            ]
        )

    def _others(self, call: LatentCall) -> Updates:
        following = int(call.values[self.round]) + 1
        again = replace(call, values={**call.values, self.round: following})
        return {self.round: following, **self.redraw(again)}

    def _breed(self, call: LatentCall) -> Updates:
        return self.session.go(call, Recipe.from_text(str(call.data.get("recipe", ""))))

    # ---- the map

    def _map_html(self, call: LatentCall) -> str:
        state = call.state
        across, up = int(call.values[self.across] or 0), int(call.values[self.up] or 0)
        most = len(state.sampler.directions.vectors) - 1
        across, up = min(across, most), min(up, most)
        places = torch.linspace(-REACH, REACH, PAD_COLUMNS).tolist()
        recipes = [
            replace(state.recipe, steps={**state.recipe.steps, across: x, up: y})
            for y in reversed(places)
            for x in places
        ]
        with self.session.app.manager.gate.foreground():
            pictures = state.sampler.paint(recipes)
        scale = max(1, -(-PAD_SIDE // (PAD_COLUMNS * state.sampler.resolution)))
        sheet = picture_grid(pictures, PAD_COLUMNS, gap=0, scale=scale)
        at = (state.recipe.steps.get(across, 0.0), state.recipe.steps.get(up, 0.0))
        names = direction_names(state.folder.path, call.language)
        said = [direction_label(axis, names, call.language) for axis in (across, up)]
        label = t("latent.pad", call.language, across=said[0], up=said[1])
        return pad_html(sheet, (across, up), at, label)
