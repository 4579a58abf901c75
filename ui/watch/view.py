"""Step 3 as HTML and keys.

A key is equal as long as what it stands for need not be drawn again.
"""

from __future__ import annotations

import datetime
import html
from collections.abc import Hashable, Mapping, Sequence

from training.core.messages import t
from training.jobs.live import RunStatus
from training.runs.state import ACTIVE, RunState
from ui.common.generator_html import architecture_name, is_gan, loss_of, read_metrics
from ui.common.html import duration, legend_html, percent, say
from ui.common.plots import AMBER, GREEN
from ui.common.verdicts import quality_level

# What the charts call their curves: the same in every language, since a chart that is already
# drawn loses the colours of curves that change their names. The legend translates.
CURVES = {"train": GREEN, "val": AMBER}

PREPARING = {  # the phases of a classifier's training in which no curve grows
    "": "watch.doing_load",
    "features": "watch.doing_features",
    "strength": "watch.doing_strength",
    "prepare": "watch.doing_prepare",
    "rate": "watch.doing_rate",
    "evaluate": "watch.doing_evaluate",
}


def curves_key(run: RunStatus | None) -> Hashable:
    """Equal as long as no curve of the run has a new point: lengths and last points only."""
    if run is None:
        return ()
    ends = tuple(
        (name, len(points), points[-1]) for name, points in run.history.curves.items() if points
    )
    return run.id, ends


def curves_legend(language: str) -> str:
    """Green for what it learns from, amber for what it is checked with."""
    return legend_html({t(f"watch.curve_{name}", language): at for name, at in CURVES.items()})


def runs_html(runs: Sequence[RunStatus], labels: Mapping[str, str], language: str) -> str:
    """A table of ``runs`` in their order; ``labels`` is run id to name, see ``run_labels``.

    How good a run is, is an accuracy or a word; networks and losses are for who points at it.
    """
    columns = ("name", "status", "good", "method", "started")
    heads = "".join(f"<th>{t(f'watch.column_{column}', language)}</th>" for column in columns)
    rows = "".join(_run_row(run, labels[run.id], language) for run in runs)
    name = t("watch.runs", language)
    return (
        f'<div class="table-box"><table class="scores runs" aria-label="{name}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _run_row(run: RunStatus, label: str, language: str) -> str:
    config, started = run.info.config, datetime.datetime.fromtimestamp(run.info.created)
    if is_gan(run):
        metrics = read_metrics(run.result["meters"]) if run.result else None
        good = t(f"gan.quality_{quality_level(metrics)[0]}", language) if metrics else "–"
        loss = t(f"gan.loss_{loss_of(config)}", language)
        method = t("train.kind_gan", language)
        network = f"{architecture_name(config['architecture'], language)}, {loss}"
    else:
        good = percent(run.result["accuracy"]) if run.result else "–"
        method = t(f"train.method_{config['method']}", language)
        network = html.escape(str(config["backbone"]))
    status = t(f"watch.is_{run.status}", language)
    return (
        f'<tr title="{network}"><th scope="row">{html.escape(label)}</th><td>{status}</td>'
        f"<td>{good}</td><td>{method}</td><td>{started:%m-%d %H:%M}</td></tr>"
    )


def status_html(run: RunStatus, language: str) -> str:
    """What the run is doing, in words, and a progress bar.

    The bar of a finished run is full, whatever its last report said.
    """
    history = run.history
    empty_handed = run.status == RunState.STOPPED and run.result is None
    if empty_handed:
        key = "watch.says_stopped_empty"
    elif run.status == RunState.RUNNING and not history.curves:
        key = "watch.says_preparing"
    else:
        key = f"watch.says_{run.status}"
    more = [_doing(run, language)] if history.curves else []
    if run.wait_seconds is not None:
        more.append(t("watch.wait", language, time=duration(run.wait_seconds, language)))
    elif run.seconds_left is not None:
        more.append(t("watch.left", language, time=duration(run.seconds_left, language)))
    share = 1.0 if run.status == RunState.FINISHED else history.progress
    width = f"{share * 100:.1f}"
    return (
        f'<div class="run {run.status}"><div class="says" role="status">'
        f"<h2>{say(key, language, name=run.info.name, place=run.place)}</h2>"
        f"<p>{' '.join(filter(None, more))}</p></div>"
        f'<div class="progress" role="progressbar" aria-label="{t("watch.progress", language)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{width}">'
        f'<i style="width:{width}%"></i></div></div>'
    )


def numbers_html(run: RunStatus, language: str) -> str:
    """Numbers such as images per second, for those who like to know."""
    history = run.history
    facts = [("watch.fact_seen", f"{history.images_seen:,}")]
    if run.status == RunState.RUNNING:
        facts.append(("watch.fact_speed", f"{history.images_per_second:,.0f}"))
    facts.append(
        ("watch.fact_time", duration(history.seconds, language) if history.seconds else "–")
    )
    if run.info.device:
        facts.append(("watch.fact_device", html.escape(run.info.device)))
    if run.status in ACTIVE and run.memory_mb:
        facts.append(("watch.fact_memory", f"{run.memory_mb:,.0f} MB"))
    cells = "".join(
        f"<div><dt>{t(key, language)}</dt><dd>{value}</dd></div>" for key, value in facts
    )
    return f'<dl class="run-facts">{cells}</dl>'


def waiting_html(run: RunStatus, language: str) -> str:
    """What a classifier does before its curves begin, in their place; empty once they are there."""
    if is_gan(run) or run.history.curves or run.status not in (*ACTIVE, RunState.INTERRUPTED):
        return ""
    return f'<p class="waiting">{_doing(run, language) or t("watch.no_curves", language)}</p>'


def _doing(run: RunStatus, language: str) -> str:
    """What goes on in a phase that teaches nothing, with a count; empty while the run learns."""
    history = run.history
    if run.status != RunState.RUNNING or is_gan(run) or history.phase not in PREPARING:
        return ""
    return t(PREPARING[history.phase], language, done=history.done, count=history.count)
