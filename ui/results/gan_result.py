"""Step 4: a generator's evaluation.

What it learned in words, its samples, its metrics and the facts.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from training.core.messages import t
from training.jobs.live import RunStatus
from training.latent.choice import BEST, LAST, choose_generator
from ui.common import generator_html as view
from ui.common import verdicts
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.films import Films
from ui.common.html import duration, millions


class GanResult:
    """Stands where a classifier has its tables; hidden for all other runs."""

    def __init__(self, app: AppContext, message: gr.HTML, shown: Callable[[Visitor], str]) -> None:
        """``shown`` gives the id of the run that a visitor sees."""
        self.app, self.shown = app, shown
        with gr.Column(visible=False) as self.body:
            with gr.Row(elem_classes="gan-row"):
                with gr.Column(scale=5, min_width=300):
                    self.which = app.i18n.make(
                        gr.Radio,
                        {"label": "gan.which", "choices": _which_choices},
                        value=BEST,
                        visible=False,
                        elem_classes="pills",
                    )
                    self.samples = gr.HTML()
                    self.samples_btn = app.i18n.make(
                        gr.DownloadButton,
                        {"label": "gan.samples_btn"},
                        size="md",
                        elem_classes="next",
                    )
                    self.films = Films(app, message, "result-film", shown)
                with gr.Column(scale=4, min_width=300):
                    self.metrics = gr.HTML()
            self.suspicious = gr.HTML()
            self.facts = gr.HTML()
        app.on(
            self.which.input,
            self._choose,
            reads=[self.which],
            writes=[app.stamp],
            message=message,
        )

    def _choose(self, call: Call) -> Updates:
        """Let the best or the last generator be the run's; the next poll draws all of it anew."""
        name = str(call.values[self.which])
        self.app.manager.change_result(
            self.shown(call.visitor), lambda folder: choose_generator(folder, name)
        )
        return {self.app.stamp: ""}

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` and ``hide`` may change."""
        return [
            *(self.body, self.which, self.samples, self.samples_btn, self.metrics),
            self.suspicious,
            *(self.facts, *self.films.outputs),
        ]

    def hide(self) -> Updates:
        """For a classifier's run."""
        return {self.body: gr.Column(visible=False)}

    def show(self, run: RunStatus, result: Mapping[str, Any], language: str) -> Updates:
        """``run`` and its ``result``, which is of its best generator unless the last was chosen."""
        folder = self.app.manager.folder(run.id)
        metrics = view.read_metrics(result["meters"])
        assert metrics is not None
        kept, alike = str(result.get("kept", BEST)), result["kept_collapsed"]
        shot = view.newest_shot(folder, kept)
        file = self.app.home.temp / run.id / "seedling-samples.png"
        if shot is not None:  # a copy: of the runs' own folders Gradio hands out nothing
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(shot[1].read_bytes())
        return {
            self.body: gr.Column(visible=True),
            self.which: gr.Radio(value=kept, visible=bool(result.get("other"))),
            self.samples: view.samples_html(
                folder, shot, language, view.kept_words(result, language)
            ),
            self.samples_btn: gr.DownloadButton(
                value=str(file) if shot else None, visible=shot is not None
            ),
            self.metrics: view.metrics_html(metrics, run.info.config, alike, language),
            self.suspicious: view.suspicious_html(folder, metrics, language, f"{kept}_suspicious"),
            self.facts: facts_html(result, language),
            **self.films.clear(),
        }


def generator_headline(result: Mapping[str, Any], language: str) -> str:
    """The verdict in sentences that promise no more than was measured.

    A kept generator that has collapsed is called that, whatever its distance is.
    """
    metrics = view.read_metrics(result["meters"])
    assert metrics is not None
    quality, share = verdicts.quality_level(metrics)
    verdict = t(f"gan.says_{quality}", language)
    if result["kept_collapsed"]:
        verdict = t(f"{verdicts.alarm(metrics)}_short", language)
    plain = verdicts.plain_words(metrics, language)
    big = plain or verdict
    levels = {
        "variety": verdicts.variety_level(metrics)[0],
        "copying": verdicts.copying_level(metrics)[0],
    }
    words = {name: t(f"gan.{name}_{level}", language) for name, level in levels.items()}
    lines = [
        *([verdict] if plain else []),
        t(f"gan.on_{result['evaluated_on']}", language, count=metrics.reference_count),
        t("gan.says_more", language, variety=words["variety"], copying=words["copying"]),
        t(
            "gan.how",
            language,
            train=f"{result['train_images']:,}",
            seen=f"{result['images_seen']:,}",
            time=duration(result["seconds"], language),
        ),
    ]
    rest = "".join(f"<p>{line}</p>" for line in lines)
    bar = ""
    if share is not None:
        bar = f'<div class="meter-bar"><i style="width:{share * 100:.0f}%"></i></div>'
    score = f"<b>{t(f'gan.quality_{quality}', language)}</b>"
    if (found := verdicts.plain_score(metrics)) is not None:
        score = t(f"gan.score_{found[0]}", language, made=f"<b>{100 * found[1]:.0f}</b>")
    return (
        f'<div class="verdict"><div class="score fd"><p>{score}</p>{bar}</div>'
        f'<div><h2 class="big">{big}</h2>{rest}</div></div>'
    )


def _which_choices(language: str) -> list[tuple[str, str]]:
    return [(t(f"gan.which_{name}", language), name) for name in (BEST, LAST)]


def facts_html(result: Mapping[str, Any], language: str) -> str:
    """What was trained, and how, as a list: networks, sizes, images seen, speed, device."""
    size = f"{result['resolution']} × {result['resolution']} px"
    parameters = result["parameters"]
    facts = {
        "architecture": view.architecture_name(result["architecture"], language),
        "loss": t(f"gan.loss_{result['loss']}", language),
        "size": size,
        "width": result["width"],
        "generator": millions(parameters["generator"]),
        "discriminator": millions(parameters["discriminator"]),
        "classes": html.escape(", ".join(result["class_names"])) or "–",
        "train": f"{result['train_images']:,}",
        "batch": result["batch_size"],
        "seen": f"{result['images_seen']:,}",
        "best": f"{result['best_seen']:,}",
        "speed": f"{result['images_per_second']:,.0f}",
        "device": html.escape(str(result["device"])),
    }
    cells = "".join(
        f"<div><dt>{t(f'gan.fact_{name}', language)}</dt><dd>{value}</dd></div>"
        for name, value in facts.items()
    )
    summary = f"<summary>{t('gan.facts', language)}</summary>"
    return f'<details class="box facts">{summary}<dl>{cells}</dl></details>'
