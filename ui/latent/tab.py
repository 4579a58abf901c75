"""Step 6: explore the latent space.

Puts the parts of the page together, and decides which generator is open.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from training.core.messages import UserError, t
from training.jobs.live import RunStatus
from training.latent.steering import newest_weights
from ui.common.access import choose_run, run_labels
from ui.common.context import AppContext, Call, Updates, Visitor, merged
from ui.common.html import problem_html, shipped_label
from ui.common.parts import Opening
from ui.latent.explore import ExplorePanel
from ui.latent.links import Link
from ui.latent.names import NamesPanel
from ui.latent.own_picture import OwnPicturePanel
from ui.latent.picture import PicturePanel
from ui.latent.session import LatentCall, LatentSession, claims
from ui.latent.sliders import SliderPanel
from ui.latent.tray import TrayPanel

PANELS = ("near", "map", "tray", "mine", "real")
Drawn = Mapping[str, Hashable]


class LatentTab:
    """A picture beside its sliders, and below them one of the panels named in ``PANELS``.

    A generator is a run of the visitor's, one shared with them, or one that is shipped.
    """

    def __init__(self, app: AppContext) -> None:
        self.app = app
        make = app.i18n.make
        self.opening = Opening(app)
        self.message = self.opening.message
        self.link_message = gr.HTML()
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "latent.picker"}, filterable=False)
            with gr.Row(elem_classes="latent-row"):
                left = gr.Column(scale=4, min_width=280, elem_classes="latent-view")
                right = gr.Column(scale=5, min_width=280)
            # The sliders come first: the session reads them, and all other parts need the session.
            with right:
                self.sliders = SliderPanel(app)
            self.session = LatentSession(app, self.message, self.picker, self.sliders)
            with left:
                self.picture_panel = PicturePanel(self.session)
            self._build_panels()
            with right:
                self.names = NamesPanel(self.session, self.near)
        self._wire()

    def _build_panels(self) -> None:
        self.panel = self.app.i18n.make(
            gr.Radio,
            {"label": "latent.panel", "choices": _panel_choices},
            value=PANELS[0],
            elem_classes="pills panels",
        )
        self.near = ExplorePanel(self.session, self.panel)
        self.tray = TrayPanel(self.session)
        self.mine = OwnPicturePanel(self.session)
        self.bodies = {
            "near": self.near.near_body,
            "map": self.near.map_body,
            "tray": self.tray.body,
            "mine": self.mine.mine_body,
            "real": self.mine.real_body,
        }

    def _wire(self) -> None:
        session = self.session
        self.tray.wire(self.picture_panel.keep_btn)
        for part in (self.picture_panel, self.near, self.mine, self.names):
            part.wire()
        session.on(
            self.panel.change,
            self._open_panel,
            writes=[*self.bodies.values(), *self.near.outputs],
        )
        session.on(
            self.picker.change,
            self._open,
            reads=[session.kept],
            writes=[
                *session.go_writes,
                *(*self.names.outputs, *self.tray.outputs, *self.mine.outputs),
            ],
            trigger_mode="always_last",
        )
        self.app.on(
            self.picker.input,
            self._pick,
            reads=[self.picker],
            writes=[self.app.run, self.link_message],
            message=self.message,
        )

    # ---- what changes

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` and ``follow`` may change."""
        return [
            *(*self.opening.outputs, self.link_message, self.picker, self.picture_panel.learned),
            self.session.here,
        ]

    def respeak(self, spoken: Any) -> None:
        """On ``spoken`` draw anew what has words in it, in the language just picked.

        Not part of ``refresh``: it needs the sliders' values, which a poll does not send.
        """
        self.session.on(
            spoken,
            self._speak,
            reads=[self.session.kept],
            writes=[
                *(self.picture_panel.picture, self.tray.tiles, self.mine.real_note),
                *(*self.sliders.outputs, *self.names.outputs, *self.near.outputs),
            ],
        )

    def _speak(self, call: LatentCall) -> Updates:
        picture = self.picture_panel.picture
        return {
            **self.names.fit(call.state, call.language),
            picture: self.picture_panel.draw(call)[picture],
            **self.near.redraw(call),
            **self.tray.show_tiles(call),
            **self.mine.show_note(call),
        }

    # ---- the model

    def _open(self, call: LatentCall) -> Updates:
        """Another generator: fit the controls to it, and show the picture that was left there."""
        state = call.state
        there = call.at(self.session.left(call.values, state.run, state.sampler))
        return {
            **_merge(self.names.fit(state, call.language), self.session.arrive(there)),
            **self.tray.show(there),
            **self.mine.show(there),
        }

    def _pick(self, call: Call) -> Updates:
        self.session.require(call.visitor, call.values[self.picker])
        return {self.app.run: call.values[self.picker], self.link_message: ""}

    def _open_panel(self, call: LatentCall) -> Updates:
        """Show one panel. The tray is not drawn here: just after *Keep* it would be the old one."""
        chosen = call.values[self.panel]
        return {
            **{body: gr.Column(visible=name == chosen) for name, body in self.bodies.items()},
            **self.near.redraw(call),
        }

    def follow(self, visitor: Visitor, text: str) -> tuple[Visitor, Updates]:
        """Let a visitor in who came by a link with ``text``, and open the picture that it is of.

        Gives the visitor as they are then; where the link is no good, as they were, and says so.
        """
        here: Updates = {self.app.steps: gr.Tabs(selected="latent")}
        try:
            link = Link.from_text(text)
            shared = {**claims(visitor), **({link.run: link.token} if link.token else {})}
            guest = replace(visitor, run=link.run, shared=shared)
            if not self.session.may_steer(guest, link.run):
                raise UserError("latent.no_link")
        except UserError as problem:
            return visitor, {**here, self.link_message: problem_html(problem, visitor.language)}
        return guest, {
            **here,
            self.app.run: link.run,
            self.app.shared: shared,
            self.session.here: {"run": link.run, "recipe": link.recipe.to_text()},
        }

    # ---- polling

    def refresh(self, visitor: Visitor, drawn: Drawn) -> tuple[Updates, Drawn]:
        """What has changed since ``drawn``, and what is then drawn.

        Newer weights of a run at work change ``learned``, whose event repaints the picture.
        """
        mine, others = self.session.runs(visitor)
        run: RunStatus | None = None
        if visitor.run not in self.session.shipped:
            run = choose_run(visitor.run, [*mine, *others])
        chosen = run.id if run else self._shipped(visitor.run)
        key = (visitor.language, tuple(each.id for each in (*mine, *others)), chosen)
        version = self._written(run)
        if drawn.get("latent") == (key, version):
            return {}, drawn
        before = drawn.get("latent")
        updates = self.picture_panel.learning(run, visitor.language)
        if not isinstance(before, tuple) or before[0] != key:
            updates |= self._show(chosen, mine, others, visitor.language)
        return updates, {**drawn, "latent": (key, version)}

    def _shipped(self, wanted: object) -> str | None:
        """The shipped generator that is wanted, else the first; ``None`` where none is shipped."""
        names = self.session.shipped
        return str(wanted) if wanted in names else next(iter(names), None)

    def _written(self, run: RunStatus | None) -> float:
        """When the newest weights of a run were written, in s; 0 for shipped generators."""
        newest = newest_weights(self.app.manager.folder(run.id).path) if run else None
        return newest.stat().st_mtime if newest else 0.0

    def _show(
        self, chosen: str | None, mine: list[RunStatus], others: list[RunStatus], language: str
    ) -> Updates:
        hint = t("latent.empty", language), t("latent.empty_hint", language)
        updates = self.opening.show(chosen is not None, *hint)
        if chosen is None:
            return updates
        labels = run_labels([*mine, *others])
        choices = [(labels[each.id], each.id) for each in mine]
        choices += [
            (t("latent.shared", language, name=labels[each.id]), each.id) for each in others
        ]
        choices += [(shipped_label(name, language), name) for name in self.session.shipped]
        return {**updates, self.picker: gr.Dropdown(choices=choices, value=chosen)}


def _panel_choices(language: str) -> list[tuple[str, str]]:
    return [(t(f"latent.panel_{panel}", language), panel) for panel in PANELS]


def _merge(first: Updates, second: Updates) -> Updates:
    both = {key: merged(first[key], second[key]) for key in first.keys() & second.keys()}
    return {**first, **second, **both}
