"""Around the picture that is shown: its neighbours to breed from, and a map of two sliders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import torch

from training.core.media import picture_grid
from training.core.messages import t
from training.core.paths import ASSETS
from training.latent.recipe import Recipe
from training.latent.steering import direction_names
from ui.common.context import Updates, Values, Visitor
from ui.latent.moves import FIRST, MORE, REACH, neighbours
from ui.latent.session import Desk, Now
from ui.latent.sliders import direction_label
from ui.latent.view import PAD_COLUMNS, Tile, pad_html, tiles_html

SCRIPTS = ASSETS
TILES_JS, PAD_JS = "tiles.js", "pad.js"
CHILDREN, USUAL_STRENGTH = 8, 0.4
PAD_SIDE = 448  # px at least; smaller pictures are enlarged by whole numbers


class NearPanel:
    """Two panels that are drawn anew whenever the picture has changed and they are open."""

    def __init__(self, desk: Desk, panel: gr.Radio) -> None:
        """``panel`` says which one is open: "near", "map" or another one."""
        self.desk, self.panel = desk, panel
        make = desk.frame.words.make
        with gr.Column() as self.near_body:
            make(gr.HTML, {"value": lambda lang: _note("latent.near_note", lang)})
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
            make(gr.HTML, {"value": lambda lang: _note("latent.map_note", lang)})
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

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` may change."""
        return [self.children, self.pad]

    def wire(self, go_outputs: list[Any]) -> None:
        """Say what is called when; ``go_outputs`` is what going to another picture changes."""
        desk = self.desk
        desk.on(self.children.select, self._breed, writes=go_outputs, event_data=True)
        desk.on(self.strength.release, self.refresh, writes=self.outputs)
        desk.on(self.others_btn.click, self._others, writes=[*self.outputs, self.round])
        for axis in self.axes:
            desk.on(axis.input, self.refresh, writes=self.outputs)

    @property
    def axes(self) -> tuple[gr.Dropdown, gr.Dropdown]:
        """What chooses the two sliders of the map."""
        return self.across, self.up

    @property
    def reads(self) -> list[Any]:
        """All that ``refresh`` needs besides the picture."""
        return [self.panel, self.strength, self.round, *self.axes]

    def refresh(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """What is open, around the picture that is shown."""
        if values[self.panel] == "near":
            return {self.children: self._near_html(visitor, values, now)}
        if values[self.panel] == "map":
            return {self.pad: self._map_html(visitor, values, now)}
        return {}

    def fit(self, choices: Sequence[tuple[str, int]]) -> Updates:
        """Call the axes what this model's sliders are called."""
        return {axis: gr.Dropdown(choices=list(choices)) for axis in self.axes}

    # ---- neighbours

    def _near_html(self, visitor: Visitor, values: Values, now: Now) -> str:
        first = int(values[self.round]) * CHILDREN
        recipes = neighbours(
            now.recipe, now.sampler, float(values[self.strength]), range(first, first + CHILDREN)
        )
        with self.desk.frame.manager.gate.foreground():
            pictures = now.sampler.paint(recipes)
        return tiles_html(
            [
                Tile(pixels, t("latent.child", visitor.language, number=number), recipe)
                for number, (pixels, recipe) in enumerate(zip(pictures, recipes, strict=True), 1)
            ]
        )

    def _others(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        following = int(values[self.round]) + 1
        again = {**values, self.round: following}
        return {self.round: following, **self.refresh(visitor, again, now)}

    def _breed(
        self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress, data: Any
    ) -> Updates:
        return self.desk.go(visitor, values, now, Recipe.from_text(str(data.get("recipe", ""))))

    # ---- the map

    def _map_html(self, visitor: Visitor, values: Values, now: Now) -> str:
        across, up = int(values[self.across] or 0), int(values[self.up] or 0)
        most = len(now.sampler.directions.vectors) - 1
        across, up = min(across, most), min(up, most)
        places = torch.linspace(-REACH, REACH, PAD_COLUMNS).tolist()
        recipes = [
            replace(now.recipe, steps={**now.recipe.steps, across: x, up: y})
            for y in reversed(places)
            for x in places
        ]
        with self.desk.frame.manager.gate.foreground():
            pictures = now.sampler.paint(recipes)
        scale = max(1, -(-PAD_SIDE // (PAD_COLUMNS * now.sampler.resolution)))
        sheet = picture_grid(pictures, PAD_COLUMNS, gap=0, scale=scale)
        at = (now.recipe.steps.get(across, 0.0), now.recipe.steps.get(up, 0.0))
        names = direction_names(now.folder.path, visitor.language)
        said = [direction_label(axis, names, visitor.language) for axis in (across, up)]
        label = t("latent.pad", visitor.language, across=said[0], up=said[1])
        return pad_html(sheet, (across, up), at, label)


def script(name: str) -> str:
    """One of the page's scripts."""
    return (SCRIPTS / name).read_text(encoding="utf-8")


def _note(key: str, language: str) -> str:
    return f'<p class="note">{t(key, language)}</p>'
