"""With and without a head start: what a pretrained network is worth, measured in a pair of runs.

Both learn from the same photos, in the same split and for the same time; one begins with a network
that has learned before, the other with random weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from training.classifier.config import ClassifierConfig, default_config
from training.core.messages import t
from training.metrics.classification import wilson_range

SCRATCH = "scratch"
# px; of the rival from scratch. What learns most in a minute on two cores, see docs/measured.md.
SCRATCH_SIDE = 32
MIN_MINUTES = 0.05  # the shortest time that a config allows
Result = Mapping[str, Any]


def is_from_scratch(config: Mapping[str, Any]) -> bool:
    """Whether a run with this config began with random weights; ``config`` as in ``run.json``."""
    return bool(config["method"] == SCRATCH)


def rival_config(config: ClassifierConfig, seconds: float | None = None) -> ClassifierConfig:
    """The settings of the run that one with ``config`` is compared with.

    Only what concerns the pictures, their split and the time is taken over: everything else is
    the best that is known for the rival's own method. ``seconds`` is how long the first run
    learned, where that was not up to its time budget.
    """
    method = "quick" if config.method == SCRATCH else SCRATCH
    minutes = config.minutes if seconds is None else max(MIN_MINUTES, seconds / 60)
    return replace(
        default_config(method=method),
        minutes=minutes,
        image_size=SCRATCH_SIDE if method == SCRATCH else None,
        mirror=config.mirror,
        class_weights=config.class_weights,
        seed=config.seed,
    )


@dataclass(frozen=True)
class Tally:
    """Right answers of 100, and the ends of the 95 % range, as they are shown."""

    right: int
    low: int
    high: int


@dataclass(frozen=True)
class Duel:
    """What two evaluations say of each other.

    ``count`` is how many pictures both were judged on; ``difference`` is 1 where the head start is
    clearly better, -1 where it is clearly worse, 0 where chance could explain it. ``networks`` are
    the names of both, the head start's first.
    """

    head_start: Tally
    scratch: Tally
    count: int
    difference: int
    networks: tuple[str, str]

    def sentences(self, minutes: float, language: str) -> list[str]:
        """The two results, what their difference means, and what it was measured on."""
        ours, other = self.head_start, self.scratch
        apart = abs(ours.right - other.right)  # of what is shown, so that a reader gets the same
        name = {1: "better", 0: "unclear", -1: "worse"}[self.difference]
        return [
            t(
                "duel.says",
                language,
                time=same_time(minutes, language),
                right=ours.right,
                low=ours.low,
                high=ours.high,
                scratch_right=other.right,
                scratch_low=other.low,
                scratch_high=other.high,
            ),
            t(f"duel.{name}", language, gain=apart),
            t("duel.judged", language, count=self.count),
            t("duel.networks", language, ours=self.networks[0], other=self.networks[1]),
        ]


def compare(head_start: Result, scratch: Result) -> Duel:
    """Compare two results on the test pictures that both of them were judged on.

    A run that was short of time may have left some pictures out of its test. The difference is
    judged in pairs: of the pictures that only one of the two got right, is it the same one more
    often than a fair coin would have it (McNemar's test, the exact one)? Evaluations of earlier
    versions don't say which pictures were right; there the ranges must lie apart.
    """
    networks = str(head_start["backbone"]), str(scratch["backbone"])
    if not all("right_pictures" in result for result in (head_start, scratch)):
        ours, other = (_tally(r["accuracy"], r["accuracy_range"]) for r in (head_start, scratch))
        above, below = ours.low > other.high, ours.high < other.low
        count = min(head_start["count"], scratch["count"])
        return Duel(ours, other, count, int(above) - int(below), networks)
    rights = [set(result["right_pictures"]) for result in (head_start, scratch)]
    wrongs = [set(result["wrong_pictures"]) for result in (head_start, scratch)]
    common = (rights[0] | wrongs[0]) & (rights[1] | wrongs[1])
    # Look-alikes are right or wrong together, so they tell less than as many pictures.
    weight = head_start["effective_count"] / head_start["count"]
    ours, other = (_counted(len(right & common), len(common), weight) for right in rights)
    won, lost = (len(a & common - b) for a, b in (rights, rights[::-1]))
    return Duel(ours, other, len(common), _winner(won * weight, lost * weight), networks)


def _winner(won: float, lost: float) -> int:
    """1 or -1 where a fair coin would fall as unevenly in fewer than 5 % of all cases, else 0."""
    more, games = int(max(won, lost)), int(won) + int(lost)
    as_uneven = sum(math.comb(games, k) for k in range(more, games + 1)) / 2**games
    return 0 if 2 * as_uneven >= 0.05 else 1 if won > lost else -1


def _counted(right: int, count: int, weight: float) -> Tally:
    share = right / count if count else 0.0
    return _tally(share, wilson_range(right * weight, count * weight))


def _tally(share: float, ends: Sequence[float]) -> Tally:
    return Tally(*(round(100 * value) for value in (share, *ends)))


def same_time(minutes: float, language: str) -> str:
    """``the same minute``, ``the same 3 minutes``, ``the same 30 seconds``."""
    if math.isclose(minutes, 1):
        return t("duel.same_minute", language)
    if minutes < 1.5:
        return t("duel.same_seconds", language, count=max(1, round(minutes * 60)))
    return t("duel.same_minutes", language, count=f"{minutes:.1f}".removesuffix(".0"))
