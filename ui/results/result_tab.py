"""Step 4: what the model can do on pictures that it never learned from, honestly."""

from __future__ import annotations

import html
import zipfile
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from training.core.messages import UserError, t
from training.data.imageset import ImageSet
from training.jobs.live import Snapshot
from ui.common import plots
from ui.common.access import choose_run, require_run, run_labels
from ui.common.context import Frame, Opening, Updates, Values, Visitor
from ui.common.generator_html import is_gan
from ui.common.html import percent, say
from ui.common.images import jpeg_uri
from ui.results.gan_result import GanResult
from ui.results.gan_result import headline as gan_headline

MOST_WRONG_SHOWN = 12
CARD_SIDE = 224  # px
Seen = Mapping[str, Hashable]


class ResultTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        make = frame.words.make
        self.opening = Opening(frame)
        self.message = self.opening.message
        with self.opening.body:
            self.picker = make(gr.Dropdown, {"label": "result.picker"}, filterable=False)
            self.headline = gr.HTML()
            with gr.Row(elem_classes="actions"):
                self.try_btn = make(
                    gr.Button, {"value": "result.try_btn"}, variant="primary", size="md"
                )
                self.download_btn = make(
                    gr.DownloadButton, {"label": "result.download_btn"}, size="md"
                )
            with gr.Column(visible=False) as self.judgement:
                self._build_judgement()
            self.gan = GanResult(frame, self.message, self._shown)
        self._wire()

    def _build_judgement(self) -> None:
        """What a classifier's result is."""
        make = self.frame.words.make
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
        self.frame.go(self.try_btn.click, "try")
        self.frame.on(
            self.picker.input,
            self._pick,
            reads=[self.picker],
            writes=self.outputs,
            message=self.message,
        )

    def _pick(self, visitor: Visitor, values: Values) -> Updates:
        run_id = require_run(self.frame.manager, visitor.owner, values[self.picker])
        picked = replace(visitor, run=run_id)
        return {self.frame.run: run_id, **self.live(picked, {})[0]}

    def _judged(self, visitor: Visitor) -> list[Snapshot]:
        return [run for run in self.frame.manager.runs(visitor.owner) if run.result]

    def _shown(self, visitor: Visitor) -> str:
        """The run that the visitor sees.

        Raises:
            UserError: there is none.
        """
        run = choose_run(visitor.run, self._judged(visitor))
        if run is None:
            raise UserError("page.no_such_run")
        return run.id

    @property
    def outputs(self) -> list[Any]:
        """All that ``live`` may change."""
        return [
            self.frame.run,
            *self.opening.outputs,
            self.picker,
            self.headline,
            self.try_btn,
            self.download_btn,
            self.judgement,
            self.per_class,
            self.confusion,
            self.wrong,
            self.gallery,
            *self.gan.outputs,
        ]

    def live(self, visitor: Visitor, seen: Seen) -> tuple[Updates, Seen]:
        """What has changed since ``seen``, and what has then been seen. Called every second."""
        judged = self._judged(visitor)
        run = choose_run(visitor.run, judged)
        ids = tuple((each.id, each.status) for each in judged)
        key = (visitor.language, ids, run.id if run else "")
        if seen.get("result") == key:
            return {}, seen
        return self._show(visitor, run, judged), {**seen, "result": key}

    def _show(self, visitor: Visitor, run: Snapshot | None, judged: list[Snapshot]) -> Updates:
        language = visitor.language
        hint = t("result.empty", language), t("result.empty_hint", language)
        updates = self.opening.show(run is not None, *hint)
        if run is None or run.result is None:
            return updates
        labels = run_labels(judged)
        choices = [(labels[each.id], each.id) for each in judged]
        key = "result.make_btn" if is_gan(run) else "result.try_btn"
        updates |= {
            self.picker: gr.Dropdown(choices=choices, value=run.id),
            self.try_btn: gr.Button(value=t(key, language)),
            self.download_btn: gr.DownloadButton(value=str(self._model_zip(run))),
            self.judgement: gr.Column(visible=not is_gan(run)),
        }
        if is_gan(run):
            says = gan_headline(run.result, language)
            return {**updates, self.headline: says, **self.gan.show(run, run.result, language)}
        return {**updates, **self.gan.hide(), **self._show_judgement(run, judged, language)}

    def _show_judgement(self, run: Snapshot, judged: list[Snapshot], language: str) -> Updates:
        """A classifier's result."""
        result = run.result
        assert result is not None
        mistakes = self._mistakes(run, language)
        axes = t("result.guess", language), t("result.truth", language)
        confusion = (result["confusion"], result["classes"], *axes)
        return {
            self.headline: headline(result, before(run, judged), language),
            self.per_class: per_class_table(result, language),
            self.confusion: PlotData(
                type="matplotlib", plot=plots.drawn(plots.confusion_figure, *confusion)
            ),
            self.wrong: gr.Column(visible=bool(mistakes)),
            self.gallery: mistakes,
        }

    def _mistakes(self, run: Snapshot, language: str) -> str:
        """The pictures that it got most wrong, captioned; none if they have been deleted."""
        assert run.result is not None
        try:
            images = self.frame.manager.folder(run.id).images()
        except FileNotFoundError:
            return ""
        cards = "".join(
            mistake_card(images, wrong, language)
            for wrong in run.result["most_wrong"][:MOST_WRONG_SHOWN]
        )
        return f'<div class="wrong">{cards}</div>' if cards else ""

    def _model_zip(self, run: Snapshot) -> Path:
        """The model's folder as one file: safetensors and JSON, nothing that runs."""
        model = self.frame.manager.folder(run.id).path / "model"
        stamp = int((model / "state.json").stat().st_mtime)
        target = self.frame.home.temp / run.id / f"seedling-model-{stamp}.zip"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_suffix(".new")
            with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:
                for path in sorted(model.iterdir()):
                    archive.write(path, path.name)
            fresh.replace(target)
        return target


def mistake_card(images: ImageSet, wrong: Mapping[str, Any], language: str) -> str:
    """One wrong guess: the picture, what it is and what it was taken for."""
    caption = say(
        "result.caption",
        language,
        truth=str(wrong["truth"]),
        guess=str(wrong["guess"]),
        confidence=percent(wrong["confidence"]),
    )
    source = jpeg_uri(images.square(wrong["index"], CARD_SIDE))
    return f'<figure><img alt="" src="{source}"><figcaption>{caption}</figcaption></figure>'


def before(run: Snapshot, judged: list[Snapshot]) -> Snapshot | None:
    """The newest earlier run on the same pictures and classes, judged on the same ones."""
    for each in judged:
        if each.about.kind != run.about.kind:
            continue
        same = each.about.data == run.about.data and each.about.edits == run.about.edits
        seeds = each.about.config["seed"], run.about.config["seed"]
        if same and seeds[0] == seeds[1] and each.about.created < run.about.created:
            return each
    return None


def headline(result: Mapping[str, Any], earlier: Snapshot | None, language: str) -> str:
    """The accuracy in a sentence that promises no more than was measured."""
    low, high = result["accuracy_range"]
    says = t(
        "result.says",
        language,
        right=result["right"],
        count=result["count"],
        low=round(low * 100),
        high=round(high * 100),
    )
    judged_on = t(f"result.on_{result['evaluated_on']}", language)
    gain = result["accuracy"] - result["baseline"]
    key = "result.baseline" if low > result["baseline"] else "result.baseline_weak"
    lines = [
        says,
        judged_on,
        t(key, language, baseline=percent(result["baseline"]), gain=round(gain * 100)),
    ]
    if earlier is not None and earlier.result is not None:
        lines.append(
            say(
                "result.before",
                language,
                name=earlier.about.name,
                accuracy=percent(earlier.result["accuracy"]),
            )
        )
    lines.append(
        t(
            "result.how",
            language,
            train=f"{result['train_images']:,}",
            backbone=html.escape(str(result["backbone"])),
            seconds=round(result["seconds"]),
        )
    )
    big, rest = lines[0], "".join(f"<p>{line}</p>" for line in lines[1:])
    return (
        f'<div class="verdict"><div class="score"><b>{percent(result["accuracy"])}</b>'
        f'{_range_bar(result)}</div><div><p class="big">{big}</p>{rest}</div></div>'
    )


def _range_bar(result: Mapping[str, Any]) -> str:
    """0 to 100 %: the range as a band, the accuracy and the baseline as marks."""
    low, high = (share * 100 for share in result["accuracy_range"])
    return (
        f'<div class="range" aria-hidden="true"><i style="left:{low:.1f}%;width:{high - low:.1f}%">'
        f'</i><u style="left:{result["baseline"] * 100:.1f}%"></u>'
        f'<s style="left:{result["accuracy"] * 100:.1f}%"></s></div>'
    )


def per_class_table(result: Mapping[str, Any], language: str) -> str:
    """Recall, precision and F1 of every class."""
    columns = ("class", "count", "recall", "precision", "f1")
    heads = "".join(
        f'<th scope="col" title="{t(f"result.column_{c}_info", language)}">'
        f"{t(f'result.column_{c}', language)}</th>"
        for c in columns
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(plots.shorten(row["name"], 40))}</th>'
        f'<td>{row["count"]}</td><td class="bar"><i style="width:{row["recall"] * 100:.0f}%"></i>'
        f"<span>{percent(row['recall'])}</span></td>"
        f"<td>{percent(row['precision'])}</td><td>{row['f1']:.2f}</td></tr>"
        for row in result["per_class"]
    )
    tail = t(
        "result.macro",
        language,
        recall=percent(result["macro_recall"]),
        f1=f"{result['macro_f1']:.2f}",
    )
    note = t("result.per_class_note", language)
    return (
        f'<div class="table-box"><table class="scores"><thead><tr>{heads}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><p class="note">{tail} {note}</p>'
    )


def _title(key: str, language: str) -> str:
    return f"<h3>{t(key, language)}</h3>"
