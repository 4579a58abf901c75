"""Step 4: a classifier's evaluation in words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ui.results.view import result_headline


def result(accuracy: float, baseline: float) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "accuracy_range": [baseline + 0.01, 0.95],
        "baseline": baseline,
        "right": 9,
        "count": 10,
        "evaluated_on": "held_out",
        "train_images": 1,
        "backbone": "seedling-s",
        "seconds": 3.2,
    }


@pytest.mark.parametrize(
    ("accuracy", "baseline"), [(0.874, 0.196), (0.866, 0.204), (0.725, 0.195), (0.515, 0.505)]
)
def test_points_are_the_difference_of_what_is_shown(accuracy: float, baseline: float) -> None:
    """87 % against 20 % is 67 points, also where more digits would make 68 of it."""
    said = result_headline(result(accuracy, baseline), None, "en")
    shown, least = (re.search(found, said) for found in (r"<b>(\d+)\s%", r"would get (\d+)\s%"))
    assert shown is not None and least is not None
    points = re.search(r"is (\d+) points? better", said)
    assert points is not None and int(points[1]) == int(shown[1]) - int(least[1])


def test_one_picture_and_one_point_are_not_called_many() -> None:
    said = result_headline(result(0.515, 0.505), None, "en")
    assert "Learned from 1 picture in" in said
    assert "1 point better" in result_headline(result(0.62, 0.61), None, "en")
