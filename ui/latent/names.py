"""Names for the sliders of the latent page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from training.core.messages import UserError
from training.latent.sampler import Sampler
from training.latent.steering import direction_names, name_direction
from ui.common.context import Updates, Values, Visitor
from ui.latent.explore import NearPanel
from ui.latent.moves import FIRST, MORE
from ui.latent.session import Desk, Now
from ui.latent.sliders import direction_label


class Names:
    """Built inside the page's context; hidden for somebody else's generator."""

    def __init__(self, desk: Desk) -> None:
        """Build it; ``wire`` says what is called when."""
        self.desk = desk
        make = desk.frame.words.make
        with make(gr.Accordion, {"label": "latent.names"}, open=False, visible=False) as self.body:
            with gr.Row():
                self.named = make(
                    gr.Dropdown, {"label": "latent.named"}, filterable=False, min_width=150
                )
                self.name = make(
                    gr.Textbox,
                    {"label": "latent.name", "placeholder": "latent.name_hint"},
                    max_length=40,
                    min_width=150,
                )
            self.name_btn = make(
                gr.Button, {"value": "latent.name_btn"}, size="md", elem_classes="next"
            )

    def wire(self, near: NearPanel) -> None:
        """``near`` calls its axes as the sliders are called."""
        self.near = near
        self.desk.on(
            self.name_btn.click,
            self._rename,
            reads=[self.named, self.name],
            writes=[*self.desk.controls.directions, *self.outputs, self.name],
        )

    @property
    def outputs(self) -> list[Any]:
        """All that ``fit`` may change, besides the controls."""
        return [self.body, self.named, *self.near.axes]

    def fit(self, now: Now, language: str) -> Updates:
        """Show what this model has, and call it what it is called."""
        names = direction_names(now.folder.path, language)
        choices = _name_choices(now.sampler, names, language)
        return {
            **self.desk.controls.fit(now.sampler, names, language),
            self.body: gr.Accordion(visible=now.mine),
            self.named: gr.Dropdown(choices=choices, value=0),
            **self.near.fit(choices),
        }

    def _rename(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        if not now.mine:
            raise UserError("page.no_such_run")
        name_direction(now.folder.path, int(values[self.named] or 0), str(values[self.name] or ""))
        names = direction_names(now.folder.path, visitor.language)
        choices = _name_choices(now.sampler, names, visitor.language)
        return {
            **{
                slider: gr.Slider(label=direction_label(index, names, visitor.language))
                for index, slider in enumerate(self.desk.controls.directions)
            },
            self.named: gr.Dropdown(choices=choices),
            self.name: "",
            **self.near.fit(choices),
        }


def _name_choices(
    sampler: Sampler, names: Mapping[int, str], language: str
) -> list[tuple[str, int]]:
    count = min(FIRST + MORE, len(sampler.directions.vectors))
    return [(direction_label(index, names, language), index) for index in range(count)]
