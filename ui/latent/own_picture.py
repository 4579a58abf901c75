"""Pictures of one's own: brought into the latent space, and those that the generator knew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import torch

from training.core.messages import UserError, t
from training.intake.take_in import read_picture
from training.latent.nearest import load_neighbours
from training.latent.projection import Progress, project, square_picture
from training.latent.recipe import Recipe
from ui.common.context import Updates, Values, Visitor, picture_input, picture_path
from ui.common.html import percent
from ui.latent.session import Desk, Now
from ui.latent.view import Tile, tiles_html

SECONDS_BOUNDS, USUAL_SECONDS = (5, 120), 20
LOOK_SECONDS = 0.25  # between two looks at a search
NEAREST = 6


class MinePanel:
    """Two panels; built inside the page's context."""

    def __init__(self, desk: Desk) -> None:
        """Both begin hidden."""
        self.desk = desk
        make, frame = desk.frame.words.make, desk.frame
        with gr.Column(visible=False) as self.mine_body:
            make(gr.HTML, {"value": lambda lang: _note("latent.mine_note", lang)})
            with gr.Row(elem_classes="latent-row"):
                with gr.Column(scale=2, min_width=240):
                    self.picture = picture_input(frame, "upload", height=360)
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

    def wire(self, go_outputs: list[Any]) -> None:
        """Say what is called when."""
        on, frame = self.desk.on, self.desk.frame
        searching = frame.on(
            self.find_btn.click,
            self._find,
            reads=[*self.desk.reads, self.picture, self.seconds],
            writes=[self.found, self.best, self.use_btn],
            message=self.desk.message,
            streams=True,
            preprocess=False,
            concurrency_id="projection",
        )
        self.stop_btn.click(None, cancels=[searching])
        on(self.use_btn.click, self._use, reads=[self.best], writes=go_outputs)
        on(self.real_btn.click, self._nearest, writes=[self.real], progress_on=self.real)

    def show(self, visitor: Visitor, now: Now) -> Updates:
        """Another model is shown."""
        return {
            **self.show_note(visitor, now),
            self.found: "",
            self.use_btn: gr.Button(visible=False),
            self.real: "",
            self.real_btn: gr.Button(visible=now.mine),
        }

    def show_note(self, visitor: Visitor, now: Now) -> Updates:
        """What the training pictures are for, or why they are not shown."""
        key = "latent.real_shipped" if now.shipped else "latent.real_not_yours"
        key = "latent.real_note" if now.mine else key
        return {self.real_note: _note(key, visitor.language)}

    # ---- projection

    def _find(self, visitor: Visitor, values: Values) -> Iterator[Updates]:
        """Search for the picture, and show how far that has come several times a second."""
        path = picture_path(values[self.picture])
        if path is None:
            raise UserError("latent.no_picture")
        now = self.desk.now(visitor, values)
        target = square_picture(read_picture(path), now.sampler.resolution)
        seconds = float(values[self.seconds] or 0)
        curve: list[float] = []
        shown = 0.0
        for progress in project(now.sampler, target, seconds=seconds):
            curve.append(progress.distance)
            if time.monotonic() - shown < LOOK_SECONDS and progress.share < 1:
                continue
            yield {
                self.found: self._found_html(visitor, now, target, progress, curve),
                self.best: progress.recipe.to_text(),
                self.use_btn: gr.Button(visible=True),
            }
            shown = time.monotonic()

    def _found_html(
        self,
        visitor: Visitor,
        now: Now,
        target: torch.Tensor,
        progress: Progress,
        curve: list[float],
    ) -> str:
        language = visitor.language
        with self.desk.frame.manager.gate.foreground():
            painted = now.sampler.paint([progress.recipe])[0]
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

    def _use(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        return self.desk.go(visitor, values, now, Recipe.from_text(str(values[self.best])))

    # ---- nearest training pictures

    def _nearest(self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress) -> Updates:
        if not now.mine:
            raise UserError("page.no_such_run")
        language = visitor.language
        near = load_neighbours(now.folder.path)
        for share in near.prepare():
            bar(share, desc=t("latent.comparing", language))
        pixels = now.sampler.paint([now.recipe])
        made = t("latent.found", language)
        tiles = [Tile(pixels[0], made, None, made)]
        for number, (row, distance) in enumerate(near.find(pixels, NEAREST), 1):
            says = percent(distance / near.usual_distance())
            label = t("latent.real_alt", language, number=number)
            tiles.append(Tile(near.images.square(row, near.resolution), label, None, says))
        note = t("latent.real_found", language, count=len(near.rows))
        return {self.real: f'{tiles_html(tiles)}<p class="note">{note}</p>'}


def _curve(values: list[float], label: str) -> str:
    """The distance so far as a small drawing; what is known of it in words stands below."""
    top, count = max(values), max(1, len(values) - 1)
    points = " ".join(
        f"{100 * place / count:.1f},{30 - 30 * value / top:.2f}"
        for place, value in enumerate(values)
    )
    return (
        f'<svg class="curve" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}"><polyline points="{points}"/></svg>'
    )


def _note(key: str, language: str) -> str:
    return f'<p class="note">{t(key, language)}</p>'
