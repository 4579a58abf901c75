"""Step 6: slide through what a generator can paint."""

from __future__ import annotations

import json
import secrets
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from training.recipe import MOST_SEED, Recipe
from training.sample import Sampler
from training.snapshot import Snapshot
from training.steering import direction_names, load_sampler, name_direction, newest_weights
from training.text import UserError, t
from ui.frame import Frame, Opening, Updates, Values, Visitor, merged
from ui.latent_controls import FIRST, MORE, Controls, direction_label, move
from ui.latent_desk import Desk, Now, claims
from ui.latent_mine import MinePanel
from ui.latent_near import NearPanel, script
from ui.latent_tray import TrayPanel
from ui.latent_view import data_uri, picture_html
from ui.links import Link
from ui.session import choose_run, run_labels
from ui.text import problem_html

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
                    self._build_view()
                with gr.Column(scale=5, min_width=280):
                    self.controls = self.desk.controls = Controls(frame)
                    self._build_names()
            self._build_panels()
        self.desk.arrive = self._arrive
        self.desk.also_reads = self.near.reads
        self._wire()

    def _build_view(self) -> None:
        make = self.frame.words.make

        def steer(data: Mapping[str, Any]) -> dict[str, str]:
            return self._steer(data)  # gradio marks what it calls, and a method can't be marked

        self.picture = gr.HTML(
            elem_classes="latent-frame",
            js_on_load=script("stage.js"),
            server_functions=[steer],
        )
        self.learned = gr.HTML(elem_classes="latent-learned")
        with gr.Row(elem_classes="actions"):
            self.random_btn = make(
                gr.Button,
                {"value": "latent.random_btn"},
                variant="primary",
                size="md",
                min_width=90,
            )
            self.undo_btn = make(gr.Button, {"value": "latent.undo_btn"}, size="md", min_width=70)
            self.redo_btn = make(gr.Button, {"value": "latent.redo_btn"}, size="md", min_width=70)
            self.keep_btn = make(gr.Button, {"value": "latent.keep_btn"}, size="md", min_width=70)
        with gr.Row(elem_classes="actions seed-row"):
            self.back_btn = make(
                gr.Button, {"value": "latent.back_btn"}, size="md", min_width=44, scale=0
            )
            self.seed = make(
                gr.Number,
                {"label": "latent.seed", "info": "gan.seed_info"},
                value=0,
                precision=0,
                minimum=0,
                maximum=MOST_SEED,
                step=1,
                min_width=120,
            )
            self.on_btn = make(
                gr.Button, {"value": "latent.on_btn"}, size="md", min_width=44, scale=0
            )
        self.level_btn = make(gr.Button, {"value": "latent.level_btn"}, size="md", min_width=90)

    def _build_names(self) -> None:
        make = self.frame.words.make
        with make(
            gr.Accordion, {"label": "latent.names"}, open=False, visible=False
        ) as self.names_body:
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
        desk, controls = self.desk, self.controls
        # What is dragged goes the short way, see ``_steer``. What is chosen goes the page's own,
        # in one dependency: one call is on the way at a time, and the last is never left out.
        desk.on(
            partial(gr.on, [self.learned.change, *(each.input for each in controls.choices)]),
            self._paint,
            writes=[self.picture, desk.here, desk.story, *self.near.outputs],
            trigger_mode="always_last",
        )
        desk.on(
            self.picture.apply,  # a slider was let go
            self._settle,
            writes=[desk.here, desk.story, *self.near.outputs],
            trigger_mode="always_last",
        )
        writes = self.go_outputs
        for button, handler in (
            (self.random_btn, self._random),
            (self.level_btn, self._level),
            (self.undo_btn, desk.undo),
            (self.redo_btn, desk.redo),
            (self.back_btn, lambda *given: self._seed_by(-1, *given)),
            (self.on_btn, lambda *given: self._seed_by(1, *given)),
        ):
            desk.on(button.click, handler, writes=writes)
        desk.on(
            self.seed.input,
            self._seed,
            reads=[self.seed],
            writes=writes,
            trigger_mode="always_last",
        )
        desk.on(
            controls.first.input,
            self._show_numbers,
            writes=[self.picture, controls.first, *controls.numbers],
            trigger_mode="always_last",
        )
        desk.on(
            self.panel.change,
            self._open_panel,
            reads=[self.desk.kept],
            writes=[*self.bodies.values(), *self.near.outputs, *self.tray.outputs],
        )
        desk.on(
            self.name_btn.click,
            self._rename,
            reads=[self.named, self.name],
            writes=[*controls.directions, *self.fit_outputs, self.name],
        )
        self._wire_picker()
        self.tray.wire(self.keep_btn, self.panel, writes)
        self.near.wire(writes)
        self.mine.wire(writes)

    def _wire_picker(self) -> None:
        desk = self.desk
        desk.on(
            self.picker.change,
            self._open,
            reads=[self.desk.kept],
            writes=[*self.go_outputs, *self.model_outputs],
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
        return [
            *(self.picture, self.seed, self.desk.here, self.desk.story),
            *(*self.controls.outputs, *self.near.outputs),
        ]

    @property
    def model_outputs(self) -> list[Any]:
        """All that another model may change besides."""
        return [*self.fit_outputs, *self.tray.outputs, *self.mine.outputs]

    @property
    def outputs(self) -> list[Any]:
        """All that ``live`` and ``arrive`` may change."""
        return [
            *(*self.opening.outputs, self.link_message, self.picker, self.learned),
            self.desk.here,
            *(*self.controls.outputs, *self.fit_outputs),
        ]

    @property
    def fit_outputs(self) -> list[Any]:
        """What is called differently with each model, besides the controls."""
        return [self.names_body, self.named, self.near.across, self.near.up]

    # ---- the picture

    def _steer(self, data: Mapping[str, Any]) -> dict[str, str]:
        """The picture after a move of some sliders, as ``assets/stage.js`` wants it.

        Called by that script, past the page's own machinery, which would take a hundred
        milliseconds in the browser to collect forty inputs. ``data`` is a claim: a pass, which
        this page has given out, says which generator may be steered.
        """
        stage = json.loads(data["stage"])
        run, first = str(stage["run"]), int(stage["first"])
        if not self.desk.passes.allows(run, stage["token"]) or not self.frame.manager.knows(run):
            return {}
        sampler = load_sampler(self.frame.manager.folder(run).path)
        moves = {str(name): float(value) for name, value in data["moves"].items()}
        recipe = move(Recipe.from_text(stage["recipe"]), moves, sampler, first)
        with self.frame.manager.gate.foreground():
            pixels = sampler.paint([recipe])[0]
        stage["recipe"] = recipe.to_text()
        return {"source": data_uri(pixels), "stage": json.dumps(stage)}

    def _draw(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        with self.frame.manager.gate.foreground():
            pixels = now.sampler.paint([now.recipe])[0]
        alt = t("latent.picture_alt", visitor.language, seed=now.recipe.seed)
        stage = {
            "run": now.run,
            "token": self.desk.token(visitor, now),
            "recipe": now.recipe.to_text(),
            "first": int(values[self.controls.first] or 1) - 1,
        }
        return {self.picture: picture_html(pixels, alt, stage)}

    def _paint(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return {**self._draw(visitor, values, now), **self._settle(visitor, values, now)}

    def _settle(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        noted = self.desk.note(values, now)
        return {**noted, **(self.near.refresh(visitor, values, now) if noted else {})}

    def _arrive(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        first = values[self.controls.first]
        return {
            **self.controls.show(now.recipe, now.sampler, first),
            self.seed: now.recipe.seed,
            **self._draw(visitor, values, now),
            **self.near.refresh(visitor, values, now),
        }

    def _random(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return self._to_seed(visitor, values, now, secrets.randbelow(1_000_000))

    def _level(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """All sliders back to the middle."""
        level = Recipe(seed=now.recipe.seed, z=now.recipe.z, w=now.recipe.w)
        return self.desk.go(visitor, values, now, replace(level, classes=now.recipe.classes))

    def _seed_by(self, step: int, visitor: Visitor, values: Values, now: Now) -> Updates:
        return self._to_seed(visitor, values, now, (now.recipe.seed + step) % (MOST_SEED + 1))

    def _seed(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        if values[self.seed] is None:  # somebody is about to type
            return {}
        return self._to_seed(visitor, values, now, int(values[self.seed]))

    def _to_seed(self, visitor: Visitor, values: Values, now: Now, seed: int) -> Updates:
        """Another draw; the sliders stay, except those of single numbers."""
        drawn = replace(now.recipe, seed=seed, z=(), w=(), coordinates={})
        return self.desk.go(visitor, values, now, drawn)

    def _show_numbers(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """Other single numbers of z; those that were shown are not read as these."""
        first, base = values[self.controls.first], self.desk.left(values, now.run)
        shown = self.controls.show_numbers(base, now.sampler, first)
        there = replace(now, recipe=base)
        return {**shown, **self._draw(visitor, values, there)}

    # ---- the model

    def _open(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """Another model: what it has, and the picture that was left there."""
        recipe, language = self.desk.left(values, now.run), visitor.language
        try:
            now.sampler.paint([recipe])
        except UserError:  # of a model that has changed since
            recipe = Recipe()
        there = replace(now, recipe=recipe)
        return {
            **_merge(self._fit(there, language), self._arrive(visitor, values, there)),
            self.desk.here: {"run": now.run, "recipe": recipe.to_text()},
            **self.tray.show(visitor, values, there),
            **self.mine.show(visitor, there),
        }

    def _fit(self, now: Now, language: str) -> Updates:
        names = direction_names(now.folder.path)
        choices = _name_choices(now.sampler, names, language)
        return {
            **self.controls.fit(now.sampler, names, language),
            self.names_body: gr.Accordion(visible=now.mine),
            self.named: gr.Dropdown(choices=choices),
            **self.near.fit(choices),
        }

    def _rename(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        if not now.mine:
            raise UserError("page.no_such_run")
        name_direction(now.folder.path, int(values[self.named] or 0), str(values[self.name] or ""))
        names = direction_names(now.folder.path)
        choices = _name_choices(now.sampler, names, visitor.language)
        return {
            **{
                slider: gr.Slider(label=direction_label(index, names, visitor.language))
                for index, slider in enumerate(self.controls.directions)
            },
            self.named: gr.Dropdown(choices=choices),
            self.name: "",
            **self.near.fit(choices),
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
            shared = {**claims(visitor), link.run: link.token}
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
        run = choose_run(visitor.run, [*mine, *others])
        version = _written(self, run)
        key = (visitor.language, tuple(each.id for each in (*mine, *others)), run and run.id)
        if seen.get("latent") == (key, version):
            return {}, seen
        before = seen.get("latent")
        same = isinstance(before, tuple) and before[0][2] == key[2]
        updates = self._learned(run, visitor.language)
        if not same or before[0] != key:  # type: ignore[index]
            updates |= self._show(run, mine, others, same, visitor)
        return updates, {**seen, "latent": (key, version)}

    def _show(
        self,
        run: Snapshot | None,
        mine: list[Snapshot],
        others: list[Snapshot],
        same: bool,
        visitor: Visitor,
    ) -> Updates:
        language = visitor.language
        hint = t("latent.empty", language), t("latent.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None:
            return updates
        labels = run_labels([*mine, *others])
        choices = [(labels[each.id], each.id) for each in mine] + [
            (t("latent.shared", language, name=labels[each.id]), each.id) for each in others
        ]
        updates[self.picker] = gr.Dropdown(choices=choices, value=run.id)
        if same:  # the sliders stay where they are, and only speak another language
            folder, is_mine = self.desk.require(visitor, run.id)
            now = Now(folder, load_sampler(folder.path), Recipe(), is_mine)
            updates |= self._fit(now, language)
        return updates

    def _learned(self, run: Snapshot | None, language: str) -> Updates:
        """How far a run that is still at work has come; a change of it repaints the picture."""
        if run is None or run.status != "running":
            return {self.learned: ""}
        says = t("latent.learning", language, seen=f"{run.history.images_seen:,}")
        return {self.learned: f'<p class="note">{says}</p>'}


def _written(tab: LatentTab, run: Snapshot | None) -> float:
    """When the newest weights were written."""
    if run is None:
        return 0.0
    newest = newest_weights(tab.frame.manager.folder(run.id).path)
    return newest.stat().st_mtime if newest else 0.0


def _panel_choices(language: str) -> list[tuple[str, str]]:
    return [(t(f"latent.panel_{panel}", language), panel) for panel in PANELS]


def _name_choices(
    sampler: Sampler, names: Mapping[int, str], language: str
) -> list[tuple[str, int]]:
    count = min(FIRST + MORE, len(sampler.directions.vectors))
    return [(direction_label(index, names, language), index) for index in range(count)]


def _merge(first: Updates, second: Updates) -> Updates:
    both = {key: merged(first[key], second[key]) for key in first.keys() & second.keys()}
    return {**first, **second, **both}
