"""Step 3: a generator in training.

The middle of the tab: its samples over time, its metrics and its curves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import gradio as gr

from training.core.messages import t
from training.jobs.live import RunStatus
from ui.common import generator_html as view
from ui.common import plots
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.films import Films
from ui.common.glossary import TERMS, explained
from ui.common.html import legend_html
from ui.common.parts import line_chart
from ui.watch.view import curves_key

NOW = 100  # the right end of the slider through time
# As in the other charts the curves are called the same in every language.
CURVES = {"made": plots.GREEN, "real": plots.AMBER}
CHARTS: Mapping[str, Mapping[str, str]] = {
    "loss": {"gan/g_loss": "made", "gan/d_loss": "real"},
    "score": {"gan/fake_score": "made", "gan/real_score": "real"},
    "plain": {"gan/recognised": "made", "gan/recognised_real": "real"},
}
WITHOUT_CLASSES = {"gan/coverage": "made", "gan/recognised_real": "real"}
Drawn = Mapping[str, Hashable]


class GanWatch:
    """Stands where a classifier has its charts; hidden for all other runs."""

    def __init__(self, app: AppContext, message: gr.HTML, shown: Callable[[Visitor], str]) -> None:
        """``shown`` gives the id of the run that a visitor sees."""
        self.app, self.shown = app, shown
        with gr.Column(visible=False) as self.body:
            with gr.Row(elem_classes="gan-row"):
                with gr.Column(scale=5, min_width=300):
                    self._build_pictures(message)
                with gr.Column(scale=4, min_width=300):
                    self.metrics = gr.HTML()
            self.suspicious = gr.HTML()
            self._build_charts()
        app.on(
            self.time.input,
            self._look_back,
            reads=[self.time],
            writes=[self.past],
            message=message,
            trigger_mode="always_last",
        )

    def _build_pictures(self, message: gr.HTML) -> None:
        # A poll writes the newest picture and nothing else, so that it never fights with the
        # person at the slider: what they look back at has a place of its own, which while it
        # holds a picture hides the other by the style sheet.
        with gr.Column(elem_classes="over-time"):
            self.past = gr.HTML(elem_classes="past")
            self.now = gr.HTML(elem_classes="now")
        with gr.Column(visible=False) as self.later:  # from the first picture on
            self.time = self.app.i18n.make(
                gr.Slider,
                {"label": "gan.time", "info": "gan.time_info"},
                minimum=0,
                maximum=NOW,
                value=NOW,
                step=0.5,
                buttons=[],
                elem_classes="time",
            )
            self.films = Films(self.app, message, "watch-film", self.shown)

    def _build_charts(self) -> None:
        make = self.app.i18n.make
        self.charts: dict[str, gr.LinePlot] = {}
        with gr.Column(visible=False, elem_classes="charts") as self.chart_row:
            with gr.Row():
                for name in CHARTS:
                    self.charts[name] = line_chart(
                        self.app, {"title": f"gan.chart_{name}"}, CURVES, min_width=280
                    )
            make(gr.HTML, {"value": _legend})

    @property
    def outputs(self) -> list[Any]:
        """All that ``refresh`` may change."""
        return [
            *(self.body, self.past, self.now, self.later, self.time),
            *(self.metrics, self.suspicious),
            *(self.chart_row, *self.charts.values(), *self.films.outputs),
        ]

    def _look_back(self, call: Call) -> Updates:
        """The sample grid nearest to where the slider stands; none at the right end."""
        share = float(call.values[self.time]) / NOW
        folder = self.app.manager.folder(self.shown(call.visitor))
        shots = folder.shots("samples")
        if share >= 1 or not shots:
            return {self.past: ""}
        shot = shots[round(share * (len(shots) - 1))]
        return {self.past: view.samples_html(folder, shot, call.language)}

    def refresh(self, run: RunStatus | None, language: str, drawn: Drawn) -> tuple[Updates, Drawn]:
        """What has changed since ``drawn``, and what is then drawn; ``WatchTab`` calls it.

        Every part has a key of its own, so that a new point on a curve sends no pictures.
        """
        if run is None or not view.is_gan(run):
            hidden = {} if drawn.get("gan") == () else {self.body: gr.Column(visible=False)}
            return hidden, {"gan": ()}
        place = (run.id, language)
        now: dict[str, Hashable] = {
            "gan": place,
            "gan_shots": (*place, run.history.shots.get("samples")),
            "gan_meters": (*place, run.history.previews.get("meters", {}).get("images_seen")),
            "gan_curves": curves_key(run),
        }
        draw: dict[str, Callable[[], Updates]] = {
            "gan": self._open,
            "gan_shots": lambda: self._show_newest(run, language),
            "gan_meters": lambda: self._show_meters(run, language),
            "gan_curves": lambda: self._show_curves(run),
        }
        updates: Updates = {}
        for part, key in now.items():
            if drawn.get(part) != key:
                updates |= draw[part]()
        return updates, now

    def _open(self) -> Updates:
        """Another run: the slider goes to now, whatever moment of the last one was shown."""
        return {self.body: gr.Column(visible=True), self.past: "", self.time: NOW} | (
            self.films.clear()
        )

    def _show_newest(self, run: RunStatus, language: str) -> Updates:
        folder = self.app.manager.folder(run.id)
        shot = view.newest_shot(folder, "samples")
        picture = view.samples_html(folder, shot, language)
        waiting = f'<p class="waiting">{t("gan.no_shots", language)}</p>'
        return {self.now: picture or waiting, self.later: gr.Column(visible=bool(picture))}

    def _show_meters(self, run: RunStatus, language: str) -> Updates:
        preview = run.history.previews.get("meters")
        metrics = view.read_metrics(preview)
        if metrics is None or preview is None:
            waiting = f'<p class="note">{t("gan.no_meters", language)}</p>'
            return {self.metrics: waiting, self.suspicious: ""}
        folder = self.app.manager.folder(run.id)
        return {
            self.metrics: view.metrics_html(
                metrics, run.info.config, preview["collapsed"], language
            ),
            self.suspicious: view.suspicious_html(folder, metrics, language),
        }

    def _show_curves(self, run: RunStatus) -> Updates:
        charts = dict(CHARTS)
        if "gan/recognised" not in run.history.curves:
            charts["plain"] = WITHOUT_CLASSES
        frames = {name: plots.curves_frame(run.history, curves) for name, curves in charts.items()}
        drawn = {name: plots.has_points(frame) for name, frame in frames.items()}
        updates: Updates = {
            self.charts[name]: gr.LinePlot(frame, visible=drawn[name])
            for name, frame in frames.items()
        }
        return {**updates, self.chart_row: gr.Column(visible=any(drawn.values()))}


def _legend(language: str) -> str:
    """Which colour is which curve, and why losses of a GAN say little of its quality."""
    legend = legend_html({t(f"gan.curve_{name}", language): at for name, at in CURVES.items()})
    note = explained(t("gan.losses", language), language, *TERMS)
    return f'{legend}<p class="note">{note}</p>'
