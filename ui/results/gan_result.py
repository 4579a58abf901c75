"""Step 4 for a generator: what it learned in words, its pictures, the meters and the facts."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from training.core.messages import t
from training.jobs.live import Snapshot
from ui.common import generator_html as view
from ui.common.context import Frame, Updates, Visitor
from ui.common.films import Films
from ui.common.html import box, duration, millions


class GanResult:
    """Components; built inside the page's context, hidden for other runs."""

    def __init__(self, frame: Frame, message: gr.HTML, shown: Callable[[Visitor], str]) -> None:
        """``shown`` gives the id of the run that a visitor sees."""
        self.frame = frame
        with gr.Column(visible=False) as self.body:
            with gr.Row(elem_classes="gan-row"):
                with gr.Column(scale=5, min_width=300):
                    self.samples = gr.HTML()
                    self.samples_btn = frame.words.make(
                        gr.DownloadButton,
                        {"label": "gan.samples_btn"},
                        size="md",
                        elem_classes="next",
                    )
                    self.films = Films(frame, message, "result-film", shown)
                with gr.Column(scale=4, min_width=300):
                    self.meters = gr.HTML()
            self.suspicious = gr.HTML()
            self.facts = gr.HTML()

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` and ``hide`` may change."""
        return [
            *(self.body, self.samples, self.samples_btn, self.meters, self.suspicious),
            *(self.facts, *self.films.outputs),
        ]

    def hide(self) -> Updates:
        """There is no generator to show."""
        return {self.body: gr.Column(visible=False)}

    def show(self, run: Snapshot, result: Mapping[str, Any], language: str) -> Updates:
        """A generator's result."""
        folder = self.frame.manager.folder(run.id)
        meters = view.read_meters(result["meters"])
        assert meters is not None
        shot, alike = view.newest_shot(folder, "best"), result["kept_collapsed"]
        file = self.frame.home.temp / run.id / "seedling-samples.png"
        if shot is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(shot[1].read_bytes())
        return {
            self.body: gr.Column(visible=True),
            self.samples: view.samples_html(folder, shot, language),
            self.samples_btn: gr.DownloadButton(
                value=str(file) if shot else None, visible=shot is not None
            ),
            self.meters: view.meters_html(meters, run.about.config, alike, language),
            self.suspicious: view.suspicious_html(folder, meters, language, "best_suspicious"),
            self.facts: facts_html(result, language),
            **self.films.clear(),
        }


def headline(result: Mapping[str, Any], language: str) -> str:
    """What was learned, in sentences that promise no more than was measured."""
    meters = view.read_meters(result["meters"])
    assert meters is not None
    quality, share = view.quality(meters)
    big = t(f"gan.says_{quality}", language)
    if result["kept_collapsed"]:
        big = t("gan.says_collapsed", language)
    levels = {"variety": view.variety(meters)[0], "copying": view.copying(meters)[0]}
    words = {name: t(f"gan.{name}_{level}", language) for name, level in levels.items()}
    lines = [
        t(f"gan.on_{result['evaluated_on']}", language, count=meters.reference_count),
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
    score = t("gan.score", language, fd=f"<b>{view.number(meters.fd)}</b>")
    return (
        f'<div class="verdict"><div class="score fd"><p>{score}</p>{bar}</div>'
        f'<div><p class="big">{big}</p>{rest}</div></div>'
    )


def facts_html(result: Mapping[str, Any], language: str) -> str:
    """What was trained, and how."""
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
    return box("facts", f"<dl>{cells}</dl>")
