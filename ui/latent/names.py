"""Names for the sliders.

A direction goes by its number until the owner of the run has seen what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from training.core.messages import UserError
from training.latent.sampler import GanSampler
from training.latent.steering import direction_names, name_direction
from ui.common.context import Updates
from ui.latent.explore import ExplorePanel
from ui.latent.moves import FIRST, MORE
from ui.latent.session import LatentCall, LatentSession, LatentState
from ui.latent.sliders import direction_label


class NamesPanel:
    """A menu of directions, and a name for the chosen one; hidden for anybody but the owner."""

    def __init__(self, session: LatentSession, near: ExplorePanel) -> None:
        """``near`` is told new names too, for the axes of its map."""
        self.session, self.near = session, near
        make = session.app.i18n.make
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

    def wire(self) -> None:
        """Connect the handlers, once the sliders, which a new name changes, are there."""
        self.session.on(
            self.name_btn.click,
            self._rename,
            reads=[self.named, self.name],
            writes=[*self.session.sliders.directions, *self.outputs, self.name],
        )

    @property
    def outputs(self) -> list[Any]:
        """All that ``fit`` may change, besides the sliders' own outputs."""
        return [self.body, self.named, *self.near.axes]

    def fit(self, state: LatentState, language: str) -> Updates:
        """Show as many directions as this model has, by their names in ``language``."""
        names = direction_names(state.folder.path, language)
        choices = _name_choices(state.sampler, names, language)
        return {
            **self.session.sliders.fit(state.sampler, names, language),
            self.body: gr.Accordion(visible=state.mine),
            self.named: gr.Dropdown(choices=choices, value=0),
            **self.near.fit(choices),
        }

    def _rename(self, call: LatentCall) -> Updates:
        state, language = call.state, call.language
        if not state.mine:
            raise UserError("page.no_such_run")
        index, name = int(call.values[self.named] or 0), str(call.values[self.name] or "")
        name_direction(state.folder.path, index, name)
        names = direction_names(state.folder.path, language)
        choices = _name_choices(state.sampler, names, language)
        return {
            **{
                slider: gr.Slider(label=direction_label(number, names, language))
                for number, slider in enumerate(self.session.sliders.directions)
            },
            self.named: gr.Dropdown(choices=choices),
            self.name: "",
            **self.near.fit(choices),
        }


def _name_choices(
    sampler: GanSampler, names: Mapping[int, str], language: str
) -> list[tuple[str, int]]:
    count = min(FIRST + MORE, len(sampler.directions.vectors))
    return [(direction_label(index, names, language), index) for index in range(count)]
