"""Step 4: the model's evaluation.

What it can do on pictures that it never learned from, honestly.
"""

from __future__ import annotations

import zipfile
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from training.core.home import new_id
from training.core.messages import UserError, t
from training.export.share_card import draw_card
from training.jobs.live import RunStatus
from ui.common import plots
from ui.common.access import choose_run, require_run, run_labels
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan, kept
from ui.common.parts import Opening
from ui.results.duel import DuelPanel
from ui.results.gan_result import GanResult, generator_headline
from ui.results.view import before, mistake_card, per_class_table, result_headline

MAX_MISTAKES_SHOWN = 12
Drawn = Mapping[str, Hashable]


class ResultTab:
    """One run with a result, chosen in ``picker``: its headline, and what its kind has to show."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        make = app.i18n.make
        self.opening = Opening(app)
        self.message = self.opening.message
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "result.picker"}, filterable=False)
            self.headline = gr.HTML()
            with gr.Row(elem_classes="actions"):
                self.try_btn = make(
                    gr.Button,
                    {"value": "result.try_btn"},
                    served=["value"],
                    variant="primary",
                    size="md",
                )
                self.download_btn = make(
                    gr.DownloadButton, {"label": "result.download_btn"}, size="md"
                )
                self.card_btn = make(gr.DownloadButton, {"label": "card.download_btn"}, size="md")
            self.duel = DuelPanel(app, self.message, self._shown)
            with gr.Column(visible=False) as self.evaluation:
                self._build_evaluation()
            self.gan = GanResult(app, self.message, self._shown)
        self._wire()

    def _build_evaluation(self) -> None:
        """The evaluation of a classifier: scores per class, confusion, and worst mistakes."""
        make = self.app.i18n.make
        with gr.Row():
            with gr.Column(scale=1):
                make(gr.HTML, {"value": lambda lang: _title("result.per_class", lang)})
                self.per_class = gr.HTML()
            with gr.Column(scale=1):
                make(gr.HTML, {"value": lambda lang: _title("result.confusion", lang)})
                self.confusion = gr.Plot(show_label=False, container=False, elem_classes="figure")
        with gr.Column(visible=False) as self.wrong:
            make(gr.HTML, {"value": lambda lang: _title("result.wrong", lang)})
            self.gallery = gr.HTML()

    def _wire(self) -> None:
        self.app.go(self.try_btn.click, "try")
        self.app.on(
            self.picker.input,
            self._pick,
            reads=[self.picker],
            writes=self.outputs,
            message=self.message,
        )

    def _pick(self, call: Call) -> Updates:
        run_id = require_run(self.app.manager, call.visitor.owner, call.values[self.picker])
        picked = replace(call.visitor, run=run_id)
        return {self.app.run: run_id, self.app.stamp: "", **self.refresh(picked, {})[0]}

    def _evaluated(self, visitor: Visitor) -> list[RunStatus]:
        return [run for run in self.app.manager.runs(visitor.owner) if run.result]

    def _shown(self, visitor: Visitor) -> str:
        """The id of the run that the visitor sees.

        Raises:
            UserError: none of theirs has a result.
        """
        run = choose_run(visitor.run, self._evaluated(visitor))
        if run is None:
            raise UserError("page.no_such_run")
        return run.id

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` may change."""
        return [
            *(self.app.run, self.app.stamp),
            *self.opening.outputs,
            self.picker,
            self.headline,
            self.try_btn,
            self.download_btn,
            self.card_btn,
            self.evaluation,
            self.per_class,
            self.confusion,
            self.wrong,
            self.gallery,
            *self.duel.outputs,
            *self.gan.outputs,
        ]

    def refresh(self, visitor: Visitor, drawn: Drawn) -> tuple[Updates, Drawn]:
        """All of the tab, or nothing where all is as ``drawn``; and what is then drawn.

        A result changes only with its run's status or with the generator that is chosen, so it is
        enough to compare those.
        """
        mine = self.app.manager.runs(visitor.owner)
        evaluated = [each for each in mine if each.result]
        run = choose_run(visitor.run, evaluated)
        duel, drawn = self.duel.refresh(run, mine, visitor.language, drawn)
        ids = tuple((each.id, each.status, kept(each.result)) for each in evaluated)
        key = (visitor.language, ids, run.id if run else "")
        if drawn.get("result") == key:
            return duel, drawn
        return {**self._show(visitor, run, evaluated), **duel}, {**drawn, "result": key}

    def _show(self, visitor: Visitor, run: RunStatus | None, evaluated: list[RunStatus]) -> Updates:
        language = visitor.language
        hint = t("result.empty", language), t("result.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None or run.result is None:
            return updates
        labels = run_labels(evaluated)
        choices = [(labels[each.id], each.id) for each in evaluated]
        key = "result.make_btn" if is_gan(run) else "result.try_btn"
        updates |= {
            self.picker: gr.Dropdown(choices=choices, value=run.id),
            self.try_btn: gr.Button(value=t(key, language)),
            self.download_btn: gr.DownloadButton(value=str(self._model_zip(run))),
            self.card_btn: gr.DownloadButton(value=str(self._card(run, language))),
            self.evaluation: gr.Column(visible=not is_gan(run)),
        }
        if is_gan(run):
            says = generator_headline(run.result, language)
            return {**updates, self.headline: says, **self.gan.show(run, run.result, language)}
        return {
            **updates,
            **self.gan.hide(),
            **self._show_evaluation(run, evaluated, language),
        }

    def _show_evaluation(
        self, run: RunStatus, evaluated: list[RunStatus], language: str
    ) -> Updates:
        result = run.result
        assert result is not None
        mistakes = self._mistakes(run, language)
        axes = t("result.guess", language), t("result.truth", language)
        confusion = (result["confusion"], result["classes"], *axes)
        return {
            self.headline: result_headline(result, before(run, evaluated), language),
            self.per_class: per_class_table(result, language),
            # Ready-made: Gradio would draw a Figure here, in whatever thread this is.
            self.confusion: PlotData(
                type="matplotlib", plot=plots.drawn(plots.confusion_figure, *confusion)
            ),
            self.wrong: gr.Column(visible=bool(mistakes)),
            self.gallery: mistakes,
        }

    def _mistakes(self, run: RunStatus, language: str) -> str:
        """The pictures that it got most wrong, captioned; "" if they have been deleted."""
        assert run.result is not None
        try:
            images = self.app.manager.folder(run.id).images()
        except FileNotFoundError:
            return ""
        cards = "".join(
            mistake_card(images, wrong, language)
            for wrong in run.result["most_wrong"][:MAX_MISTAKES_SHOWN]
        )
        return f'<div class="wrong">{cards}</div>' if cards else ""

    def _card(self, run: RunStatus, language: str) -> Path:
        """The card to show around; drawn once for each result and language."""
        folder = self.app.manager.folder(run.id)
        stamp = int((folder.path / "result.json").stat().st_mtime)
        target = self.app.home.temp / run.id / f"{stamp}" / f"seedling-card-{language}.png"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_suffix(f".{new_id()}.png")
            draw_card(folder, language).save(fresh)
            fresh.replace(target)  # at once: another tab may be handing it out
        return target

    def _model_zip(self, run: RunStatus) -> Path:
        """The model's folder as one file: safetensors and JSON, nothing that runs."""
        model = self.app.manager.folder(run.id).path / "model"
        stamp = int((model / "state.json").stat().st_mtime)
        target = self.app.home.temp / run.id / f"seedling-model-{stamp}.zip"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_suffix(f".{new_id()}.new")  # two polls may come at once
            with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:
                for path in sorted(model.iterdir()):
                    archive.write(path, path.name)
            fresh.replace(target)  # at once: another tab may be handing it out
        return target


def _title(key: str, language: str) -> str:
    return f"<h3>{t(key, language)}</h3>"
