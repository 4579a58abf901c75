"""The picture of the latent page, the sliders' short way to it, and the seeds below it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from training.core.messages import UserError, t
from training.jobs.live import Snapshot
from training.latent.recipe import MOST_SEED, Recipe
from training.latent.steering import load_sampler
from ui.common.context import Updates, Values, Visitor
from ui.common.images import png_uri
from ui.latent.explore import NearPanel, script
from ui.latent.moves import move
from ui.latent.session import Desk, Now
from ui.latent.sliders import seed_from
from ui.latent.view import picture_html


class Stage:
    """Built inside the page's context."""

    def __init__(self, desk: Desk) -> None:
        """Build it; ``wire`` says what is called when."""
        self.desk, self.frame = desk, desk.frame
        self.near: NearPanel
        make = self.frame.words.make

        def steer(data: Mapping[str, Any]) -> dict[str, str]:
            return self.steer(data)  # gradio marks what it calls, and a method can't be marked

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

    @property
    def outputs(self) -> list[Any]:
        """All that going to another picture changes here."""
        return [self.picture, self.seed, self.desk.here, self.desk.story]

    def wire(self, near: NearPanel, go_outputs: list[Any]) -> None:
        """``near`` is drawn anew with each picture; going to one changes ``go_outputs``."""
        self.near, desk, controls = near, self.desk, self.desk.controls
        # What is dragged goes the short way, see ``steer``. What is chosen goes the page's own,
        # in one dependency: one call is on the way at a time, and the last is never left out.
        desk.on(
            partial(gr.on, [self.learned.change, *(each.input for each in controls.choices)]),
            self._paint,
            writes=[self.picture, desk.here, desk.story, *near.outputs],
            trigger_mode="always_last",
        )
        desk.on(
            self.picture.apply,  # a slider was let go
            self._settle,
            writes=[desk.here, desk.story, *near.outputs],
            trigger_mode="always_last",
        )
        for button, handler in (
            (self.random_btn, self._random),
            (self.level_btn, self._level),
            (self.undo_btn, desk.undo),
            (self.redo_btn, desk.redo),
            (self.back_btn, lambda *given: self._seed_by(-1, *given)),
            (self.on_btn, lambda *given: self._seed_by(1, *given)),
        ):
            desk.on(button.click, handler, writes=go_outputs)
        desk.on(
            self.seed.input,
            self._seed,
            reads=[self.seed],
            writes=go_outputs,
            trigger_mode="always_last",
        )
        desk.on(
            controls.first.input,
            self._show_numbers,
            writes=[self.picture, controls.first, *controls.numbers],
            trigger_mode="always_last",
        )

    # ---- the picture

    def steer(self, data: Mapping[str, Any]) -> dict[str, str]:
        """The picture after a move of some sliders, as ``assets/stage.js`` wants it.

        Called by that script, past the page's own machinery, which would take a hundred
        milliseconds in the browser to collect forty inputs. ``data`` is a claim: a pass, which
        this page has given out, says which generator may be steered. What this page would never
        send, and a generator that has gone, get no picture.
        """
        try:
            stage = json.loads(data["stage"])
            run, first = str(stage["run"]), int(stage["first"])
            folder = self.desk.let_in(run, stage["token"])
            if folder is None:
                return {}
            sampler = load_sampler(folder.path)
            within = self.desk.controls.within
            moves = {str(name): within(str(name), value) for name, value in data["moves"].items()}
            recipe = move(Recipe.from_text(stage["recipe"]), moves, sampler, first)
            with self.frame.manager.gate.foreground():
                pixels = sampler.paint([recipe])[0]
        except (UserError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return {}
        stage["recipe"] = recipe.to_text()
        return {"source": png_uri(pixels), "stage": json.dumps(stage)}

    def draw(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """The picture, with what the page's script has to know of it."""
        with self.frame.manager.gate.foreground():
            pixels = now.sampler.paint([now.recipe])[0]
        alt = t("latent.picture_alt", visitor.language, seed=now.recipe.seed)
        stage = {
            "run": now.run,
            "token": self.desk.token(visitor, now),
            "recipe": now.recipe.to_text(),
            "first": self.desk.controls.first_index(values, now.sampler),
        }
        return {self.picture: picture_html(pixels, alt, stage)}

    def _paint(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return {**self.draw(visitor, values, now), **self._settle(visitor, values, now)}

    def _settle(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        noted = self.desk.note(values, now)
        return {**noted, **(self.near.refresh(visitor, values, now) if noted else {})}

    def _random(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return self._to_seed(visitor, values, now, secrets.randbelow(1_000_000))

    def _level(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """All sliders back to the middle."""
        level = Recipe(seed=now.recipe.seed, z=now.recipe.z, w=now.recipe.w)
        return self.desk.go(visitor, values, now, replace(level, classes=now.recipe.classes))

    def _seed_by(self, step: int, visitor: Visitor, values: Values, now: Now) -> Updates:
        return self._to_seed(visitor, values, now, (now.recipe.seed + step) % (MOST_SEED + 1))

    def _seed(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        seed = seed_from(values[self.seed])
        if seed is None:  # somebody is about to type
            return {}
        return self._to_seed(visitor, values, now, seed)

    def _to_seed(self, visitor: Visitor, values: Values, now: Now, seed: int) -> Updates:
        """Another draw; the sliders stay, except those of single numbers."""
        drawn = replace(now.recipe, seed=seed, z=(), w=(), coordinates={})
        return self.desk.go(visitor, values, now, drawn)

    def _show_numbers(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """Other single numbers of z; those that were shown are not read as these."""
        first = values[self.desk.controls.first]
        base = self.desk.left(values, now.run, now.sampler)
        shown = self.desk.controls.show_numbers(base, now.sampler, first)
        there = replace(now, recipe=base)
        return {**shown, **self.draw(visitor, values, there)}

    def learning(self, run: Snapshot | None, language: str) -> Updates:
        """How far a run that is still at work has come; a change of it repaints the picture."""
        if run is None or run.status != "running":
            return {self.learned: ""}
        says = t("latent.learning", language, seen=f"{run.history.images_seen:,}")
        return {self.learned: f'<p class="note">{says}</p>'}
