"""Learning rates, sizes and unfreezing.

The one-cycle schedule, the range test, progressive resizing and gradual unfreezing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

RANGE_TRUST = 4.0
WARM_UP = 0.25  # share of the run until the peak rate, as in arXiv 1708.07120's practice
# Peak rates for when there is no time for a range test.
DEFAULT_RATES = {
    ("adamw", "lp_ft"): 1e-4,
    ("adamw", "full"): 1e-3,
    ("adamw", "gradual"): 1e-3,
    ("adamw", "scratch"): 3e-3,
    ("sgd", "lp_ft"): 1e-3,
    ("sgd", "full"): 1e-2,
    ("sgd", "gradual"): 1e-2,
    ("sgd", "scratch"): 5e-2,
}
# Shares of the side, in equal parts of the run, and px. The last one stays below 1, because crops
# show things larger than they will be seen (arXiv 1906.06423).
GROWTH, MIN_SIDE = (1 / 2, 5 / 8, 7 / 8), 32
START, END = 1 / 25, 1e-3  # first and last rate as shares of the peak


def learning_rate_factor(schedule: str, progress: float) -> float:
    """The share of the peak rate at ``progress`` (0 to 1) of the run."""
    if schedule == "constant":
        return 1.0
    if progress < WARM_UP:
        return _cosine(START, 1.0, progress / WARM_UP)
    return _cosine(1.0, END, (progress - WARM_UP) / (1 - WARM_UP))


def grown_side(side: int, progress: float) -> int:
    """The side of the pictures that a run with growing pictures learns from at ``progress``.

    Small pictures cost little and teach the first layers what they need (progressive resizing,
    arXiv 2104.00298).
    """
    part = min(len(GROWTH) - 1, int(progress * len(GROWTH)))
    return max(MIN_SIDE, round(side * GROWTH[part]))


def grown_work(progress: float) -> float:
    """The work until ``progress``, 1 being a whole run on pictures of full size."""
    steps = enumerate(GROWTH)
    return sum(
        factor**2 * min(1 / len(GROWTH), max(0.0, progress - number / len(GROWTH)))
        for number, factor in steps
    )


def growth_slows(progress: float) -> float:
    """The mean speed of the rest of a run, as a share of that until ``progress``."""
    done, rest = grown_work(progress), grown_work(1.0) - grown_work(progress)
    if not 0 < progress < 1:
        return 1.0
    return done / progress * (1 - progress) / rest


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


def trained_stages(method: str, stage_count: int, progress: float) -> int:
    """How many of a network's topmost stages learn at ``progress``; the head always does.

    ``gradual`` adds one stage after each equal share of the run (arXiv 1801.06146); all other
    methods train every stage from the start.
    """
    if method != "gradual":
        return stage_count
    return min(stage_count, math.floor(progress * (stage_count + 1)))


def range_test_rates(steps: int, low: float = 1e-6, high: float = 1.0) -> list[float]:
    """``steps`` learning rates from ``low`` to ``high``, each the same multiple of the last."""
    return [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]


def smoothed(losses: Sequence[float], weight: float = 0.7) -> list[float]:
    """Exponential moving average with the start's bias removed."""
    result, average = [], 0.0
    for step, loss in enumerate(losses, 1):
        average = weight * average + (1 - weight) * loss
        result.append(average / (1 - weight**step))
    return result


def choose_rate(rates: Sequence[float], losses: Sequence[float], usual: float) -> float:
    """A tenth of the rate at which the smoothed loss was lowest (arXiv 1506.01186, section 3.3).

    Beyond the lowest point the loss grows because steps overshoot; a tenth of it leaves room. A
    test of a few dozen steps is noisy, so that its answer is only taken within ``RANGE_TRUST``
    times the ``usual`` rate.
    """
    curve = smoothed(losses)
    found = rates[min(range(len(curve)), key=curve.__getitem__)] / 10
    return min(max(found, usual / RANGE_TRUST), usual * RANGE_TRUST)
