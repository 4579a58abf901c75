"""Charts come out of plain data, without a page."""

from __future__ import annotations

import base64
import threading
import warnings
from io import BytesIO

import numpy as np
import pandas as pd
import psutil
import pytest
from matplotlib.figure import Figure
from PIL import Image

from training.runs.history import History, Point
from ui.common import plots


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point(i * 32, i * 0.5, 1 / (i + 1)) for i in range(count))


def drawn(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@pytest.mark.parametrize("count", [0, 1, 600, 601, 50_000])
def test_a_thinned_curve_keeps_its_ends_and_order(count: int) -> None:
    thinned = plots.thin(points(count))
    assert len(thinned) == min(count, plots.MAX_POINTS)
    if count:
        assert (thinned[0], thinned[-1]) == (points(count)[0], points(count)[-1])
        assert thinned == sorted(thinned, key=lambda point: point.images_seen)


def seen(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that a chart draws."""
    return frame.dropna()


def test_curves_have_one_row_per_point_and_legend_names() -> None:
    history = History(
        curves={"train/loss": points(3), "val/loss": points(2), "train/lr": points(9)}
    )
    frame = plots.curves_frame(history, {"train/loss": "learning", "val/loss": "检查"})
    assert list(frame.columns) == ["x", "y", "curve"]
    assert seen(frame)["curve"].value_counts().to_dict() == {"learning": 3, "检查": 2}
    assert seen(frame)["x"].tolist()[:3] == [0, 0.5, 1.0]
    assert plots.has_points(frame)


def test_every_curve_is_there_from_the_beginning_in_a_fixed_order() -> None:
    names = {"train/loss": "learning", "val/loss": "checked"}
    for history in (History(), History(curves={"val/loss": points(2)})):
        frame = plots.curves_frame(history, names)
        assert frame["curve"].unique().tolist() == ["learning", "checked"]
        assert frame["x"].dtype == frame["y"].dtype == float


def test_a_lonely_point_can_be_seen() -> None:
    history = History(curves={"val/loss": (Point(100, 1.0, 0.5),)})
    frame = seen(plots.curves_frame(history, {"val/loss": "checked"}))
    assert frame["x"].nunique() == 2
    assert frame["y"].tolist() == [0.5, 0.5]


def test_a_run_without_points_is_an_empty_chart() -> None:
    assert not plots.has_points(plots.curves_frame(History(), {"train/loss": "learning"}))


def test_runs_lie_over_each_other_by_number() -> None:
    runs = [History(), History(curves={"val/accuracy": points(4)})]
    frame = plots.overlay_frame(runs, "val/accuracy")
    assert set(seen(frame)["curve"]) == {"2"}
    assert frame["curve"].unique().tolist() == list(plots.SERIES)


def lasting(seconds: float, value: float) -> History:
    return History(curves={"val/accuracy": (Point(0, seconds / 2, 0.1), Point(9, seconds, value))})


def test_a_finished_run_goes_on_dotted_until_the_longest_one_ends() -> None:
    runs = [lasting(10.0, 0.7), lasting(100.0, 0.9), lasting(10.0, 0.5), History()]
    ended = [True, True, False, True]
    frame = plots.overlay_frame(runs, "val/accuracy", ended)
    first = frame[(frame["curve"] == "1") & (frame["x"] > 10.0)]
    assert set(first["y"].dropna()) == {0.7}  # at its last value
    assert first["x"].max() == pytest.approx(100.0, rel=0.02)
    assert first["x"].is_monotonic_increasing
    # Dots: every stroke is short, and a missing value parts it from the next.
    drawn = first["y"].notna().tolist()
    assert drawn[:6] == [False, True, True, False, True, True]
    for number, longest in (("2", 100.0), ("3", 10.0)):  # the longest, and one that goes on
        assert seen(frame)[seen(frame)["curve"] == number]["x"].max() == longest
    assert "4" not in set(seen(frame)["curve"])


def test_runs_of_one_length_have_nothing_to_dot() -> None:
    runs = [lasting(10.0, 0.7), lasting(10.0, 0.9)]
    both = plots.overlay_frame(runs, "val/accuracy", [True, True])
    pd.testing.assert_frame_equal(both, plots.overlay_frame(runs, "val/accuracy"))


def test_a_share_of_one_is_drawn_below_the_frame() -> None:
    low, high = plots.SHARES["y_lim"]
    assert low == 0 and 1 < high < 1.2  # and the next mark above 100 % stays outside


@pytest.mark.parametrize("count", [2, 10, 102])
def test_a_confusion_matrix_of_any_size_is_drawn(count: int) -> None:
    confusion = np.eye(count, dtype=int) * 7
    names = [f"class {i}" for i in range(count)]
    assert drawn(plots.confusion_figure(confusion.tolist(), names, "guess", "truth"))


def test_odd_class_names_are_names_and_not_formulas_or_warnings() -> None:
    names = ["$\\frac{", "猫猫", "a" * 300, "<b>x</b>", "_^{}"]
    if plots.cjk_family() is None:
        names.remove("猫猫")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        confusion = np.ones((len(names), len(names)), dtype=int).tolist()
        figure = plots.confusion_figure(confusion, names, "模型的猜测"[: len(names)], "truth")
        if plots.cjk_family() is not None:
            assert drawn(figure)


def test_an_empty_row_of_the_confusion_is_no_division_by_zero() -> None:
    with np.errstate(all="raise"):
        assert drawn(plots.confusion_figure([[0, 0], [1, 2]], ["a", "b"], "guess", "truth"))


@pytest.mark.parametrize(
    "losses", [[2.0, 1.0, 900.0], [float("nan")] * 3, [2.0, 1.0, float("inf")]]
)
def test_a_range_test_that_diverged_is_drawn(losses: list[float]) -> None:
    preview = {"rates": [1e-4, 1e-3, 1e-2], "losses": losses, "chosen": 1e-3}
    assert drawn(plots.lr_range_figure(preview, "rate", "loss"))


def test_a_range_test_without_a_choice_is_drawn() -> None:
    preview = {"rates": [1e-4, 1e-3], "losses": [1.0, 2.0], "chosen": None}
    assert drawn(plots.lr_range_figure(preview, "rate", "loss"))


def test_however_many_threads_want_a_figure_fonts_are_opened_once() -> None:
    preview = {"rates": [1e-4, 1e-3], "losses": [1.0, 2.0], "chosen": None}
    found: list[str] = []

    def draw() -> None:
        found.append(plots.drawn(plots.lr_range_figure, preview, "rate", "loss"))

    draw()
    before = len(open_fonts())
    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 9 and set(found) == {found[0]}
    with Image.open(BytesIO(base64.b64decode(found[0].split(",")[1]))) as picture:
        assert picture.format == "PNG" and picture.width > 600
    assert len(open_fonts()) == before


def open_fonts() -> list[str]:
    return [file.path for file in psutil.Process().open_files() if file.path.endswith(".ttf")]
