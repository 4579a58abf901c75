"""Step 5: seeds in, samples out.

For a generator, in place of the picture that a classifier is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from training.core.media import picture_grid, write_png
from training.core.messages import t
from training.jobs.live import RunStatus
from training.latent.recipe import MAX_SEED
from training.latent.steering import load_gan_sampler
from ui.common import generator_html as view
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan
from ui.common.images import SIDE, grid_columns

MAX_PICTURES, USUAL_PICTURES = 64, 16
LAST_SEED = MAX_SEED - MAX_PICTURES
PSI_MAX, PSI_USUAL = 1.5, 1.0
ALL = ""  # classes in turn


class GanTry:
    """Settings on the left, a grid of samples and its PNG on the right; hidden for other runs."""

    def __init__(
        self,
        app: AppContext,
        message: gr.HTML,
        picker: gr.Dropdown,
        folder: Callable[[Visitor, object], Path],
    ) -> None:
        """``folder`` gives the folder of the run in ``picker``, or refuses a stranger's."""
        self.app, self.picker, self.folder = app, picker, folder
        with gr.Column(visible=False) as self.body, gr.Row(elem_classes="gan-row"):
            with gr.Column(scale=3, min_width=280):
                self._build_settings()
            with gr.Column(scale=5, min_width=300):
                self.pictures = gr.HTML()
                self.save_btn = app.i18n.make(
                    gr.DownloadButton,
                    {"label": "gan.save_btn"},
                    size="md",
                    visible=False,
                    elem_classes="next",
                )
        reads = [picker, self.seed, self.count, self.class_name, self.psi]
        app.on(
            self.make_btn.click,
            self._make,
            reads=reads,
            writes=[self.pictures, self.save_btn],
            message=message,
            progress_on=self.pictures,
        )
        app.on(
            self.next_btn.click,
            self._next,
            reads=reads,
            writes=[self.pictures, self.save_btn, self.seed],
            message=message,
            progress_on=self.pictures,
        )

    def _build_settings(self) -> None:
        make = self.app.i18n.make
        self.class_name = make(gr.Dropdown, {"label": "gan.class"}, filterable=False, visible=False)
        self.count = make(
            gr.Slider,
            {"label": "gan.count"},
            minimum=1,
            maximum=MAX_PICTURES,
            value=USUAL_PICTURES,
            step=1,
            buttons=[],
        )
        self.psi = make(
            gr.Slider,
            {"label": "gan.psi", "info": "gan.psi_info"},
            minimum=0,
            maximum=PSI_MAX,
            value=PSI_USUAL,
            step=0.05,
            buttons=[],
        )
        self.seed = make(
            gr.Number,
            {"label": "gan.seed", "info": "gan.seed_info"},
            value=0,
            precision=0,
            minimum=0,
            maximum=LAST_SEED,
            step=1,
        )
        with gr.Row(elem_classes="actions"):
            self.make_btn = make(
                gr.Button, {"value": "gan.make_btn"}, variant="primary", size="md", min_width=90
            )
            self.next_btn = make(gr.Button, {"value": "gan.next_btn"}, size="md", min_width=90)

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [self.body, self.class_name, self.pictures, self.save_btn]

    def show(self, run: RunStatus | None, language: str) -> Updates:
        """The settings for this generator, before any sample; hidden for other runs."""
        if run is None or run.result is None or not is_gan(run):
            return {self.body: gr.Column(visible=False)}
        names = list(run.result["class_names"])
        choices = [(t("gan.class_all", language), ALL), *((name, name) for name in names)]
        return {
            self.body: gr.Column(visible=True),
            self.class_name: gr.Dropdown(choices=choices, value=ALL, visible=bool(names)),
            self.pictures: (
                f'<p class="note">{view.kept_words(run.result, language)} '
                f"{t('gan.none_yet', language)}</p>"
            ),
            self.save_btn: gr.DownloadButton(visible=False),
        }

    def _caption(self, folder: Path, language: str) -> str:
        """Which generator of the run made them."""
        result = self.app.manager.status(folder.name).result
        return view.kept_words(result, language) if result else ""

    def _next(self, call: Call) -> Updates:
        """The seeds after these, so that no sample comes twice; after the last, from 0."""
        seed = int(call.values[self.seed] or 0) + int(call.values[self.count])
        seed = seed if seed <= LAST_SEED else 0
        there = replace(call, values={**call.values, self.seed: seed})
        return {**self._make(there), self.seed: seed}

    def _make(self, call: Call) -> Updates:
        values = call.values
        folder = self.folder(call.visitor, values[self.picker])
        seed, count, psi = int(values[self.seed] or 0), int(values[self.count]), values[self.psi]
        call.progress(None, desc=t("gan.making", call.language))
        sampler = load_gan_sampler(folder)
        with self.app.manager.gate.foreground():
            pixels = sampler(range(seed, seed + count), values[self.class_name] or None, psi)
        scale = max(1, SIDE // sampler.resolution)
        grid = picture_grid(pixels, grid_columns(count), gap=2 * scale, scale=scale)
        wanted = values[self.class_name]
        chosen = sampler.class_names.index(wanted) if wanted else "all"
        name = f"seedling-{seed}-{count}-{chosen}-{round(psi * 100)}.png"
        path = self.app.home.temp / folder.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, grid)
        alt = t("gan.made_alt", call.language, count=count, seed=seed)
        return {
            self.pictures: view.grid_html(path, self._caption(folder, call.language), (), alt),
            self.save_btn: gr.DownloadButton(value=str(path), visible=True),
        }
