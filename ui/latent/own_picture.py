"""Projection and nearest training pictures.

A picture of one's own is searched in the latent space; a sample is compared with the pictures that
its generator learned from.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import torch

from training.core.messages import UserError, t
from training.intake.take_in import read_picture
from training.latent.nearest import load_neighbours
from training.latent.projection import ProjectionProgress, project, square_picture
from training.latent.recipe import Recipe
from ui.common.context import Call, Updates
from ui.common.html import note, percent
from ui.common.parts import picture_input, picture_path
from ui.latent.session import LatentCall, LatentSession
from ui.latent.view import Tile, tiles_html

SECONDS_BOUNDS, USUAL_SECONDS = (5, 120), 20
REDRAW_SECONDS = 0.25  # between two updates of a search that is shown
NEAREST = 6


class OwnPicturePanel:
    """The panels *mine* and *real*: a search for one's own picture, and what was learned from.

    Training pictures are shown to the run's owner only, never to somebody who came by a link.
    """

    def __init__(self, session: LatentSession) -> None:
        self.session = session
        make, app = session.app.i18n.make, session.app
        with gr.Column(visible=False) as self.mine_body:
            make(gr.HTML, {"value": lambda lang: note(t("latent.mine_note", lang))})
            with gr.Row(elem_classes="latent-row"):
                with gr.Column(scale=2, min_width=240):
                    self.picture = picture_input(app, "upload", height=360)
                with gr.Column(scale=3, min_width=260):
                    self.seconds = make(
                        gr.Slider,
                        {"label": "latent.search_seconds"},
                        minimum=SECONDS_BOUNDS[0],
                        maximum=SECONDS_BOUNDS[1],
                        value=USUAL_SECONDS,
                        step=5,
                        buttons=[],
                    )
                    with gr.Row(elem_classes="actions"):
                        self.find_btn = make(
                            gr.Button, {"value": "latent.find_btn"}, variant="primary", size="md"
                        )
                        self.stop_btn = make(gr.Button, {"value": "latent.stop_btn"}, size="md")
                    self.found = gr.HTML()
                    self.best = gr.State("")
                    self.use_btn = make(
                        gr.Button, {"value": "latent.use_btn"}, size="md", visible=False
                    )
        with gr.Column(visible=False) as self.real_body:
            self.real_note = gr.HTML()
            self.real_btn = make(
                gr.Button, {"value": "latent.real_btn"}, size="md", elem_classes="next"
            )
            self.real = gr.HTML(min_height=60)

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [self.found, self.use_btn, self.real, self.real_note, self.real_btn]

    def wire(self) -> None:
        """Connect the handlers; a search is a stream that the stop button cancels."""
        on = self.session.on
        searching = self.session.app.stream(
            self.find_btn.click,
            self._find,
            reads=[*self.session.reads, self.picture, self.seconds],
            writes=[self.found, self.best, self.use_btn],
            message=self.session.message,
            preprocess=False,
            concurrency_id="projection",  # one search at a time, for all people together
        )
        self.stop_btn.click(None, cancels=[searching])
        on(self.use_btn.click, self._use, reads=[self.best], writes=self.session.go_writes)
        on(self.real_btn.click, self._nearest, writes=[self.real], progress_on=self.real)

    def show(self, call: LatentCall) -> Updates:
        """Another generator is shown: what was found for the last one goes."""
        return {
            **self.show_note(call),
            self.found: "",
            self.use_btn: gr.Button(visible=False),
            self.real: "",
            self.real_btn: gr.Button(visible=call.state.mine),
        }

    def show_note(self, call: LatentCall) -> Updates:
        """Say what comparing is for or, to all but the owner, why it is not offered."""
        key = "latent.real_shipped" if call.state.shipped else "latent.real_not_yours"
        key = "latent.real_note" if call.state.mine else key
        return {self.real_note: note(t(key, call.language))}

    # ---- projection

    def _find(self, call: Call) -> Iterator[Updates]:
        """Search for the picture; yields the best so far every ``REDRAW_SECONDS``, and the last.

        What was found is kept in ``best``, so a search that is stopped can be used too.

        Raises:
            UserError: there is no picture, or it can't be read.
        """
        path = picture_path(call.values[self.picture])
        if path is None:
            raise UserError("latent.no_picture")
        latent = self.session.latent(call)
        sampler = latent.state.sampler
        target = square_picture(read_picture(path), sampler.resolution)
        seconds = float(call.values[self.seconds] or 0)
        curve: list[float] = []
        shown = 0.0
        for progress in project(sampler, target, seconds=seconds):
            curve.append(progress.distance)
            if time.monotonic() - shown < REDRAW_SECONDS and progress.share < 1:
                continue
            yield {
                self.found: self._found_html(latent, target, progress, curve),
                self.best: progress.recipe.to_text(),
                self.use_btn: gr.Button(visible=True),
            }
            shown = time.monotonic()

    def _found_html(
        self,
        call: LatentCall,
        target: torch.Tensor,
        progress: ProjectionProgress,
        curve: list[float],
    ) -> str:
        language = call.language
        with self.session.app.manager.gate.foreground():
            painted = call.state.sampler.paint([progress.recipe])[0]
        mine, made = (t(f"latent.{name}", language) for name in ("your_picture", "found"))
        tiles = tiles_html([Tile(target, mine, None, mine), Tile(painted, made, None, made)])
        values = {
            "closeness": percent(progress.closeness),
            "distance": f"{progress.distance:.3f}",
            "usual": f"{progress.usual_distance:.3f}",
            "space": progress.space,
        }
        done = progress.share >= 1
        key = f"latent.verdict_{progress.verdict}" if done else "latent.searching"
        says = t(key, language, share=percent(progress.share))
        numbers = t("latent.distance", language, **values)
        return (
            f"{tiles}{_curve(curve, t('latent.curve', language))}"
            f'<p>{says}</p><p class="note">{numbers}</p>'
        )

    def _use(self, call: LatentCall) -> Updates:
        return self.session.go(call, Recipe.from_text(str(call.values[self.best])))

    # ---- nearest training pictures

    def _nearest(self, call: LatentCall) -> Updates:
        state = call.state
        if not state.mine:
            raise UserError("page.no_such_run")
        language = call.language
        near = load_neighbours(state.folder.path)
        for share in near.prepare():
            call.progress(share, desc=t("latent.comparing", language))
        pixels = state.sampler.paint([state.recipe])
        made = t("latent.found", language)
        tiles = [Tile(pixels[0], made, None, made)]
        for number, (row, distance) in enumerate(near.find(pixels, NEAREST), 1):
            says = percent(distance / near.usual_distance())
            label = t("latent.real_alt", language, number=number)
            tiles.append(Tile(near.images.square(row, near.resolution), label, None, says))
        says = t("latent.real_found", language, count=len(near.rows))
        return {self.real: f'{tiles_html(tiles)}<p class="note">{says}</p>'}


def _curve(values: list[float], label: str) -> str:
    """The distances so far as a small SVG; ``label`` is for those who can't see it."""
    top, count = max(values), max(1, len(values) - 1)
    points = " ".join(
        f"{100 * place / count:.1f},{30 - 30 * value / top:.2f}"
        for place, value in enumerate(values)
    )
    return (
        f'<svg class="curve" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}"><polyline points="{points}"/></svg>'
    )
