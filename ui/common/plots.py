"""Charts of a run's metrics.

A ``History`` becomes DataFrames for charts that move, and Figures for what stands still. Pure: no
Gradio, and ``Figure`` instead of ``pyplot``, whose global state leaks between threads.
"""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from training.core.lettering import CJK_FONTS, columns, wrap
from training.runs.history import History, Point

MAX_POINTS = 600  # per curve; more than a chart has pixels to tell apart
GREEN, AMBER, INK, FAINT = "#2f8f5b", "#e08a1e", "#26332b", "#dfe7e1"
PALETTE = ("#2f8f5b", "#e08a1e", "#3b74c9", "#b0489a", "#7a6a2f", "#2a9aa8", "#c2463c", "#6b5bd1")
SERIES = tuple(str(number) for number in range(1, len(PALETTE) + 1))
COLUMNS = ("x", "y", "curve")
DIGITS = 4  # of a value that an axis may have to show
DASH = (0.97, 1.0)  # of the x of a lonely point
DOTS = 60  # over the width of a chart, where a finished run's line goes on
SHARES: Mapping[str, Any] = {"y_lim": [0, 1.05], "y_axis_format": ".0%"}  # no line on the frame
SPACED = "^9~r"  # of d3: Vega leaves numbers out that overlap, but lets others touch
_DRAWER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drawing")


def thin(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """At most ``limit`` of the points, evenly picked by place, always with both ends."""
    if len(points) <= limit:
        return list(points)
    return [points[i] for i in np.linspace(0, len(points) - 1, limit).round().astype(int)]


def curves_frame(history: History, names: Mapping[str, str]) -> pd.DataFrame:
    """The curves whose metrics are in ``names`` (metric to what the legend calls it)."""
    return _frame({label: history.curves.get(metric, ()) for metric, label in names.items()})


def overlay_frame(
    histories: Sequence[History], metric: str, ended: Sequence[bool] = ()
) -> pd.DataFrame:
    """One curve per run, called by its number: a chart loses the colours of renamed curves.

    Those that have ``ended`` go on dotted at their last value until the longest one ends. Numbers
    without a run have an empty curve; runs beyond the last of ``SERIES`` are left out.
    """
    curves = [history.curves.get(metric, ()) for history in histories[: len(SERIES)]]
    padded = [*curves, *([()] * len(SERIES))]
    frame = _frame(dict(zip(SERIES, padded, strict=False)))
    end = max((points[-1].seconds for points in curves if points), default=0.0)
    dots = [
        row
        for label, points, is_over in zip(SERIES, curves, ended, strict=False)
        if is_over and points
        for row in _dotted(points[-1], end, label)
    ]
    return pd.concat([frame, pd.DataFrame(dots, columns=list(COLUMNS))]) if dots else frame


def _dotted(last: Point, end: float, label: str) -> list[tuple[float, float, str]]:
    """Short strokes: the chart knows no dotted line, but ends one where a value is missing."""
    step = end / DOTS
    rows: list[tuple[float, float, str]] = []
    for place in range(int((end - last.seconds) / step)):
        x = last.seconds + place * step
        rows += [
            (x + 0.3 * step, math.nan, label),
            (x + 0.6 * step, last.value, label),
            (x + step, last.value, label),
        ]
    return rows


def has_points(frame: pd.DataFrame) -> bool:
    """Whether there is anything to see: an empty curve has one row of NaN."""
    return bool(frame["y"].notna().any())


def _frame(curves: Mapping[str, Sequence[Point]]) -> pd.DataFrame:
    # The chart fixes its colours when it first appears, so every curve must be there from the
    # beginning: a row of nothing for each.
    rows = [(math.nan, math.nan, label) for label in curves]
    rows += [
        (point.seconds * x, float(f"{point.value:.{DIGITS}g}"), label)
        for label, points in curves.items()
        for point in thin(points)
        # A line through a single point can't be seen; a short dash can.
        for x in (DASH if len(points) == 1 else (1.0,))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def drawn(make: Callable[..., Figure], *facts: Any) -> str:
    """``make(*facts)`` as a PNG in a data URI, drawn in the one thread that draws all figures.

    Matplotlib opens its fonts anew for every thread, and promises nothing to several at once.
    """
    png = base64.b64encode(drawn_bytes(make, *facts)).decode("ascii")
    return f"data:image/png;base64,{png}"


def drawn_bytes(make: Callable[..., Figure], *facts: Any) -> bytes:
    """As ``drawn``, as the bytes of a PNG file."""
    return _DRAWER.submit(_draw, make, facts).result()


def _draw(make: Callable[..., Figure], facts: tuple[Any, ...]) -> bytes:
    buffer = io.BytesIO()
    make(*facts).savefig(buffer, format="png")
    return buffer.getvalue()


def lr_range_figure(preview: Mapping[str, Any], x_label: str, y_label: str) -> Figure:
    """The loss at every learning rate tried, and a dashed line at the chosen one.

    ``preview`` has ``rates``, ``losses``, of which some may be ``None``, and perhaps ``chosen``.
    """
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.semilogx(preview["rates"], preview["losses"], color=GREEN, linewidth=2)
    if preview.get("chosen") is not None:
        axes.axvline(preview["chosen"], color=AMBER, linewidth=2, linestyle="--")
    finite = [loss for loss in preview["losses"] if loss is not None and np.isfinite(loss)]
    if finite:  # the end of a range test diverges and would flatten all else
        axes.set_ylim(min(finite) * 0.9, min(max(finite), 2.5 * finite[0]) * 1.05)
    axes.set_xlabel(x_label, fontproperties=font(x_label, 12))
    axes.set_ylabel(y_label, fontproperties=font(y_label, 12))
    _calm(axes)
    return figure


def confusion_figure(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], x_label: str, y_label: str
) -> Figure:
    """Rows are the truth, columns the guess; a cell's colour is its share of the row.

    Up to 20 classes the counts stand in the cells; beyond that they would not be legible.
    """
    counts = np.array(confusion, dtype=float)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    side = float(np.clip(2.4 + 0.4 * len(classes), 4.0, 12))
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    colours = LinearSegmentedColormap.from_list("seedling", ["#ffffff", "#bfe3cd", GREEN])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    _name_ticks(axes, classes)
    if len(classes) <= 20:
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                ink = "white" if shares[row, column] > 0.6 else INK
                axes.text(
                    column,
                    row,
                    str(int(counts[row, column])),
                    ha="center",
                    va="center",
                    color=ink,
                    fontsize=12,
                )
    axes.set_xlabel(x_label, fontproperties=font(x_label, 12))
    axes.set_ylabel(y_label, fontproperties=font(y_label, 12))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def duel_figure(
    frame: pd.DataFrame, names: Sequence[str], title: str, x_label: str, lines: Sequence[str]
) -> Figure:
    """The curves of ``frame``, see ``overlay_frame``, with ``names``; ``lines`` stand below."""
    figure = Figure(figsize=(8, 6), dpi=150)
    chart = figure.add_axes((0.1, 0.38, 0.86, 0.5))
    for number, name, colour in zip(SERIES, names, PALETTE, strict=False):
        curve = frame[(frame["curve"] == number) & frame["y"].notna()]
        chart.plot(curve["x"], 100 * curve["y"], color=colour, linewidth=3, label=name)
    chart.set_ylim(0, 100)
    chart.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    chart.set_title(title, fontproperties=font(title, 18), loc="left", pad=14)
    chart.set_xlabel(x_label, fontproperties=font(x_label, 12))
    chart.legend(prop=font("".join(names), 12), frameon=False, loc="best")
    _calm(chart)
    text = "\n".join(wrapped for line in lines for wrapped in wrap(line, 84, columns))
    words = figure.text(0.1, 0.27, text, fontproperties=font(text, 10), color=INK, va="top")
    words.set(linespacing=1.6, parse_math=False)
    return figure


def _name_ticks(axes: Any, classes: Sequence[str]) -> None:
    """Class names on both axes, shortened; every n-th only where there are too many."""
    places = range(0, len(classes), max(1, len(classes) // 40))
    shown = [shorten(classes[i], 14) for i in places]
    size = 12 if len(classes) <= 12 else 8
    axes.set_xticks(list(places), shown)
    axes.set_yticks(list(places), shown)
    for axis in (axes.xaxis, axes.yaxis):
        for label, name in zip(axis.get_ticklabels(), shown, strict=True):
            label.set_fontproperties(font(name, size))
            label.set_parse_math(False)  # a class called $x$ is a name, not a formula
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", rotation_mode="anchor")


def shorten(name: str, length: int) -> str:
    """``name``, or its beginning and an ellipsis: ``length`` characters at most."""
    return name if len(name) <= length else name[: length - 1] + "…"


def font(text: str, size: float = 10) -> FontProperties:
    """A font that can write ``text``, if one is installed."""
    family = cjk_family() if any(ord(character) > 0x2E7F for character in text) else None
    return FontProperties(family=[family or "DejaVu Sans", "DejaVu Sans"], size=size)


@cache
def cjk_family() -> str | None:
    """The first installed font that can write Chinese; ``None`` where there is none."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    found = next((name for name in CJK_FONTS if name in installed), None)
    if found is None:  # boxes instead of names; saying so on every drawing helps nobody
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
    return found


def _calm(axes: Any) -> None:
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
