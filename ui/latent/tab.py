"""Step 6: slide through what a generator can paint."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from training.core.messages import UserError, t
from training.jobs.live import Snapshot
from training.latent.steering import newest_weights
from ui.common.access import choose_run, run_labels
from ui.common.context import Frame, Opening, Updates, Values, Visitor, merged
from ui.common.html import problem_html, shipped_label
from ui.latent.explore import NearPanel
from ui.latent.links import Link
from ui.latent.names import Names
from ui.latent.own_picture import MinePanel
from ui.latent.picture import Stage
from ui.latent.session import Desk, Now, claims
from ui.latent.sliders import Controls
from ui.latent.tray import TrayPanel

PANELS = ("near", "map", "tray", "mine", "real")
Seen = Mapping[str, Hashable]


class LatentTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        make = frame.words.make
        self.opening = Opening(frame)
        self.message = self.opening.message
        self.link_message = gr.HTML()
        self.desk = Desk(frame, self.message)
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "latent.picker"}, filterable=False)
            self.desk.picker = self.picker
            with gr.Row(elem_classes="latent-row"):
                with gr.Column(scale=4, min_width=280, elem_classes="latent-view"):
                    self.stage = Stage(self.desk)
                with gr.Column(scale=5, min_width=280):
                    self.controls = self.desk.controls = Controls(frame)
                    self.names = Names(self.desk)
            self._build_panels()
        self.desk.arrive = self._arrive
        self.desk.also_reads = self.near.reads
        self._wire()

    def _build_panels(self) -> None:
        self.panel = self.frame.words.make(
            gr.Radio,
            {"label": "latent.panel", "choices": _panel_choices},
            value=PANELS[0],
            elem_classes="pills panels",
        )
        self.near = NearPanel(self.desk, self.panel)
        self.tray = TrayPanel(self.desk)
        self.mine = MinePanel(self.desk)
        self.bodies = {
            "near": self.near.near_body,
            "map": self.near.map_body,
            "tray": self.tray.body,
            "mine": self.mine.mine_body,
            "real": self.mine.real_body,
        }

    def _wire(self) -> None:
        writes = self.go_outputs
        self.stage.wire(self.near, writes)
        self.tray.wire(self.stage.keep_btn, self.panel, writes)
        self.near.wire(writes)
        self.mine.wire(writes)
        self.names.wire(self.near)
        self.desk.on(
            self.panel.change,
            self._open_panel,
            reads=[self.desk.kept],
            writes=[*self.bodies.values(), *self.near.outputs, *self.tray.outputs],
        )
        self.desk.on(
            self.picker.change,
            self._open,
            reads=[self.desk.kept],
            writes=[*writes, *self.names.outputs, *self.tray.outputs, *self.mine.outputs],
            trigger_mode="always_last",
        )
        self.frame.on(
            self.picker.input,
            self._pick,
            reads=[self.picker],
            writes=[self.frame.run, self.link_message],
            message=self.message,
        )

    # ---- what changes

    @property
    def go_outputs(self) -> list[Any]:
        """All that going to another picture may change."""
        return [*self.stage.outputs, *self.controls.outputs, *self.near.outputs]

    @property
    def outputs(self) -> list[Any]:
        """All that ``live`` and ``arrive`` may change."""
        return [
            *(*self.opening.outputs, self.link_message, self.picker, self.stage.learned),
            self.desk.here,
        ]

    def _arrive(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        first = values[self.controls.first]
        return {
            **self.controls.show(now.recipe, now.sampler, first),
            self.stage.seed: now.recipe.seed,
            **self.stage.draw(visitor, values, now),
            **self.near.refresh(visitor, values, now),
        }

    def respeak(self, spoken: Any) -> None:
        """On ``spoken`` say again, in the language that the page has changed to, what is shown."""
        self.desk.on(
            spoken,
            self._speak,
            reads=[self.desk.kept],
            writes=[
                *(self.stage.picture, self.tray.tiles, self.mine.real_note),
                *(*self.controls.outputs, *self.names.outputs, *self.near.outputs),
            ],
        )

    def _speak(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return {
            **self.names.fit(now, visitor.language),
            **self.stage.draw(visitor, values, now),
            **self.near.refresh(visitor, values, now),
            **self.tray.show_tiles(visitor, values, now),
            **self.mine.show_note(visitor, now),
        }

    # ---- the model

    def _open(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """Another model: what it has, and the picture that was left there."""
        recipe = self.desk.left(values, now.run, now.sampler)
        there, named = replace(now, recipe=recipe), self.names.fit(now, visitor.language)
        return {
            **_merge(named, self._arrive(visitor, values, there)),
            self.desk.here: {"run": now.run, "recipe": recipe.to_text()},
            **self.tray.show(visitor, values, there),
            **self.mine.show(visitor, there),
        }

    def _pick(self, visitor: Visitor, values: Values) -> Updates:
        self.desk.require(visitor, values[self.picker])
        return {self.frame.run: values[self.picker], self.link_message: ""}

    def _open_panel(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        chosen = values[self.panel]
        return {
            **{body: gr.Column(visible=name == chosen) for name, body in self.bodies.items()},
            **self.near.refresh(visitor, values, now),
            **(self.tray.show(visitor, values, now) if chosen == "tray" else {}),
        }

    def follow(self, visitor: Visitor, text: str) -> tuple[Visitor, Updates]:
        """Let a visitor in who came by a link, to the picture that it is of."""
        here: Updates = {self.frame.steps: gr.Tabs(selected="latent")}
        try:
            link = Link.from_text(text)
            shared = {**claims(visitor), **({link.run: link.token} if link.token else {})}
            guest = replace(visitor, run=link.run, shared=shared)
            if not self.desk.may_steer(guest, link.run):
                raise UserError("latent.no_link")
        except UserError as problem:
            return visitor, {**here, self.link_message: problem_html(problem, visitor.language)}
        return guest, {
            **here,
            self.frame.run: link.run,
            self.frame.shared: shared,
            self.desk.here: {"run": link.run, "recipe": link.recipe.to_text()},
        }

    # ---- every second

    def live(self, visitor: Visitor, seen: Seen) -> tuple[Updates, Seen]:
        """What has changed since ``seen``, and what has then been seen."""
        mine, others = self.desk.runs(visitor)
        run: Snapshot | None = None
        if visitor.run not in self.desk.shipped:
            run = choose_run(visitor.run, [*mine, *others])
        chosen = run.id if run else self._shipped(visitor.run)
        key = (visitor.language, tuple(each.id for each in (*mine, *others)), chosen)
        version = self._written(run)
        if seen.get("latent") == (key, version):
            return {}, seen
        before = seen.get("latent")
        updates = self.stage.learning(run, visitor.language)
        if not isinstance(before, tuple) or before[0] != key:
            updates |= self._show(chosen, mine, others, visitor.language)
        return updates, {**seen, "latent": (key, version)}

    def _shipped(self, wanted: object) -> str | None:
        """The generator of the project's own that is wanted, else the first there is."""
        names = self.desk.shipped
        return str(wanted) if wanted in names else next(iter(names), None)

    def _written(self, run: Snapshot | None) -> float:
        """When the newest weights of a run were written; 0 for those that nobody trains."""
        newest = newest_weights(self.frame.manager.folder(run.id).path) if run else None
        return newest.stat().st_mtime if newest else 0.0

    def _show(
        self, chosen: str | None, mine: list[Snapshot], others: list[Snapshot], language: str
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
        choices += [(shipped_label(name, language), name) for name in self.desk.shipped]
        return {**updates, self.picker: gr.Dropdown(choices=choices, value=chosen)}


def _panel_choices(language: str) -> list[tuple[str, str]]:
    return [(t(f"latent.panel_{panel}", language), panel) for panel in PANELS]


def _merge(first: Updates, second: Updates) -> Updates:
    both = {key: merged(first[key], second[key]) for key in first.keys() & second.keys()}
    return {**first, **second, **both}
