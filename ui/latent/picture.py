"""The picture that sliders steer.

Sliders reach it by a short way of their own, past Gradio's event handling; seeds stand below it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from training.core.messages import UserError, t
from training.jobs.live import RunStatus
from training.latent.recipe import MAX_SEED, Recipe
from training.latent.steering import load_gan_sampler
from training.runs.state import RunState
from ui.common.context import Updates
from ui.common.generator_html import kept_words
from ui.common.images import png_uri
from ui.common.parts import script
from ui.latent.moves import move
from ui.latent.session import LatentCall, LatentSession
from ui.latent.sliders import seed_from
from ui.latent.view import picture_html


class PicturePanel:
    """The picture, and what changes it as a whole: seeds, undo, all sliders to the middle."""

    def __init__(self, session: LatentSession) -> None:
        self.session, self.app = session, session.app
        make = self.app.i18n.make

        def steer(data: Mapping[str, Any]) -> dict[str, str]:
            return self.steer(data)  # Gradio marks what it calls, and a method can't be marked

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
                maximum=MAX_SEED,
                step=1,
                min_width=120,
            )
            self.on_btn = make(
                gr.Button, {"value": "latent.on_btn"}, size="md", min_width=44, scale=0
            )
        self.level_btn = make(gr.Button, {"value": "latent.level_btn"}, size="md", min_width=90)

        session.add_view(self.draw, writes=[self.picture, self.seed], follows_sliders=False)

    def wire(self) -> None:
        """Connect the handlers, once all views have registered what a new picture changes."""
        session, sliders = self.session, self.session.sliders
        # What is dragged goes the short way, see ``steer``. What is chosen goes the page's own,
        # in one dependency: one call is on the way at a time, and the last is never left out.
        session.on(
            partial(gr.on, [self.learned.change, *(each.input for each in sliders.choices)]),
            self._paint,
            writes=[self.picture, *session.settle_writes],
            trigger_mode="always_last",
        )
        session.on(
            self.picture.apply,  # a slider was let go
            session.settle,
            writes=session.settle_writes,
            trigger_mode="always_last",
        )
        for button, handler in (
            (self.random_btn, self._random),
            (self.level_btn, self._level),
            (self.undo_btn, session.undo),
            (self.redo_btn, session.redo),
            (self.back_btn, partial(self._seed_by, -1)),
            (self.on_btn, partial(self._seed_by, 1)),
        ):
            session.on(button.click, handler, writes=session.go_writes)
        session.on(
            self.seed.input,
            self._seed,
            reads=[self.seed],
            writes=session.go_writes,
            trigger_mode="always_last",
        )
        session.on(
            sliders.first.input,
            self._show_numbers,
            writes=[self.picture, sliders.first, *sliders.numbers],
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
            folder = self.session.let_in(run, stage["token"])
            if folder is None:
                return {}
            sampler = load_gan_sampler(folder.path)
            within = self.session.sliders.within
            moves = {str(name): within(str(name), value) for name, value in data["moves"].items()}
            recipe = move(Recipe.from_text(stage["recipe"]), moves, sampler, first)
            with self.app.manager.gate.foreground():
                pixels = sampler.paint([recipe])[0]
        except (UserError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return {}
        stage["recipe"] = recipe.to_text()
        return {"source": png_uri(pixels), "stage": json.dumps(stage)}

    def draw(self, call: LatentCall) -> Updates:
        """Paint the picture of ``call``; its element carries what ``steer`` will be sent."""
        state = call.state
        with self.app.manager.gate.foreground():
            pixels = state.sampler.paint([state.recipe])[0]
        alt = t("latent.picture_alt", call.language, seed=state.recipe.seed)
        stage = {
            "run": state.run,
            "token": self.session.token(call),
            "recipe": state.recipe.to_text(),
            "first": self.session.sliders.first_index(call.values, state.sampler),
        }
        return {self.picture: picture_html(pixels, alt, stage), self.seed: state.recipe.seed}

    def _paint(self, call: LatentCall) -> Updates:
        drawn = self.draw(call)
        return {self.picture: drawn[self.picture], **self.session.settle(call)}

    def _random(self, call: LatentCall) -> Updates:
        return self._to_seed(call, secrets.randbelow(1_000_000))

    def _level(self, call: LatentCall) -> Updates:
        """All sliders to the middle; the vector behind them and the classes stay."""
        now = call.state.recipe
        return self.session.go(call, Recipe(now.seed, z=now.z, w=now.w, classes=now.classes))

    def _seed_by(self, step: int, call: LatentCall) -> Updates:
        return self._to_seed(call, (call.state.recipe.seed + step) % (MAX_SEED + 1))

    def _seed(self, call: LatentCall) -> Updates:
        seed = seed_from(call.values[self.seed])
        if seed is None:  # somebody is about to type
            return {}
        return self._to_seed(call, seed)

    def _to_seed(self, call: LatentCall, seed: int) -> Updates:
        """Another draw of z; the sliders stay, except those of its single numbers."""
        drawn = replace(call.state.recipe, seed=seed, z=(), w=(), coordinates={})
        return self.session.go(call, drawn)

    def _show_numbers(self, call: LatentCall) -> Updates:
        """Show other single numbers of z, at what they are in the picture last settled on.

        The sliders still stand at the numbers shown before, which must not be read as these.
        """
        sliders, state = self.session.sliders, call.state
        base = self.session.left(call.values, state.run, state.sampler)
        shown = sliders.show_numbers(base, state.sampler, call.values[sliders.first])
        return {**shown, self.picture: self.draw(call.at(base))[self.picture]}

    def learning(self, run: RunStatus | None, language: str) -> Updates:
        """Images seen by the generator that paints; a change of this text repaints the picture."""
        if run is not None and run.status == RunState.RUNNING:
            says = t("latent.learning", language, seen=f"{run.history.images_seen:,}")
        elif run is not None and run.result is not None:
            says = kept_words(run.result, language)
        else:
            return {self.learned: ""}
        return {self.learned: f'<p class="note">{says}</p>'}
