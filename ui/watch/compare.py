"""Step 3: all runs compared.

The lower half of the tab: all runs of a person in a table, and several in one chart.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import gradio as gr

from training.core.messages import t
from training.jobs.live import RunStatus
from training.runs.state import ACTIVE
from ui.common import plots
from ui.common.access import run_labels
from ui.common.context import AppContext, Call, Updates
from ui.common.html import legend_html
from ui.common.parts import line_chart
from ui.watch.view import runs_html

METRIC = "val/accuracy"


class CompareRuns:
    """A table of all runs, and a chart of the validation accuracy of those picked.

    Generators have no accuracy, so the chart does not offer them.
    """

    def __init__(self, app: AppContext) -> None:
        self.app = app
        make = app.i18n.make
        make(gr.HTML, {"value": lambda language: f"<h2>{t('watch.runs', language)}</h2>"})
        # Not a gr.Dataframe: one that changes on a hidden tab breaks the page's script.
        self.table = gr.HTML()
        self.chosen = make(
            gr.Dropdown,
            {"label": "watch.overlay", "info": "watch.overlay_info"},
            multiselect=True,
            max_choices=len(plots.PALETTE),
            filterable=False,
            visible=False,
        )
        self.chart = line_chart(
            app,
            {"title": "watch.chart_overlay"},
            dict(zip(plots.SERIES, plots.PALETTE, strict=True)),
            x_lim=[0, None],  # with the time that went into getting ready
            visible=False,
            elem_classes="charts",
            **plots.SHARES,
        )
        self.legend = gr.HTML()
        app.on(
            self.chosen.change,
            self._draw,
            reads=[self.chosen],
            writes=[self.chart, self.legend],
        )

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change; the chart itself waits for a choice."""
        return [self.table, self.chosen]

    def show(self, mine: Sequence[RunStatus], labels: Mapping[str, str], language: str) -> Updates:
        """The table of ``mine``, and as choices those with a curve, if there are two of them."""
        drawable = [(labels[run.id], run.id) for run in mine if can_compare(run)]
        return {
            self.table: runs_html(mine, labels, language),
            self.chosen: gr.Dropdown(choices=drawable, visible=len(drawable) > 1),
        }

    def _draw(self, call: Call) -> Updates:
        wanted = call.values[self.chosen] or []
        runs = [run for run in self.app.manager.runs(call.visitor.owner) if run.id in wanted]
        labels = run_labels(runs)
        ended = [run.status not in ACTIVE for run in runs]
        curves = plots.overlay_frame([run.history for run in runs], METRIC, ended)
        names = [
            f"{number} {labels[run.id]}" for number, run in zip(plots.SERIES, runs, strict=False)
        ]
        drawn = plots.has_points(curves)
        return {
            self.chart: gr.LinePlot(curves, visible=drawn),
            self.legend: legend_html(dict(zip(names, plots.PALETTE, strict=False)))
            if drawn
            else "",
        }


def row_key(run: RunStatus) -> Hashable:
    """Equal as long as nothing in the table, and no choice for the chart, has changed."""
    return run.id, run.status, run.info.name, run.result is None, can_compare(run)


def can_compare(run: RunStatus) -> bool:
    """Whether it has a line for the chart by now."""
    return METRIC in run.history.curves
