"""What an evaluation of a generator comes to: levels, and plain words."""

from __future__ import annotations

from collections.abc import Sequence

from training.core.messages import t
from training.metrics.evaluation import (
    COPIED_ABOVE,
    REPEATED,
    GanMetrics,
    collapse_signs,
    copies_some,
    is_copying,
)

# How near: 1 / (1 + kernel distance), which a few pictures change less than the Fréchet distance.
# On Fashion-MNIST, 0.50 after 2 minutes and 0.57 after 8 were garments at a glance; 0.28, for emoji
# after one minute and for the tutorial's network after 8, were blots. How varied: as a share of
# the training pictures' own variety.
# In the judge's features real pictures have 0.01 at most, the generators that come with Seedling
# 0.30 (garments, clean), 0.61 (clothes, some good) and 0.77 (emoji, few good), noise 2.5 to 4.4.
KID_WEIGHT = {"lite0-128": 2.0}
QUALITY_LEVELS = ((0.8, "good"), (0.5, "fair"), (0.25, "poor"), (0.0, "bad"))
VARIETY_LEVELS = ((0.8, "good"), (0.5, "fair"), (0.3, "poor"), (0.0, "bad"))
TWIN_WEIGHT = 4.0  # a tenth of the pictures being one again leaves "somewhat less varied"


def plain_score(metrics: GanMetrics) -> tuple[str, float, float | None] | None:
    """What the evaluation comes to, and what the same is of real pictures where that is known.

    "recognised" for a generator with classes, else "covered", how many real pictures have a made
    one near them; ``None`` where neither says anything, as in evaluations of earlier versions.
    """
    if metrics.recognised is not None:
        return "recognised", metrics.recognised, metrics.recognised_real
    if metrics.recall is not None and metrics.reference == "held_out":
        return "covered", metrics.coverage, None
    return None


def plain_words(metrics: GanMetrics, language: str) -> str:
    """``plain_score`` as a sentence; empty without one."""
    found = plain_score(metrics)
    if found is None:
        return ""
    name, made, real = found
    if real is None:
        return t(f"gan.plain_{name}", language, made=round(100 * made))
    values = {"made": round(100 * made), "real": round(100 * real)}
    return t(f"gan.plain_{name}_real", language, **values)


def alarm(metrics: GanMetrics) -> str:
    """The key of the alarm: all are alike, or only some come again and again."""
    only_some = collapse_signs(metrics) == (REPEATED,)
    return "gan.collapsed_repeated" if only_some else "gan.collapsed"


def quality_level(metrics: GanMetrics) -> tuple[str, float | None]:
    """How near, as a word and on a bar from 0 to 1; "unknown" without held-out pictures.

    From training pictures a copier would have the best distance of all.
    """
    if metrics.reference == "train":
        return "unknown", None
    share = 1 / (1 + KID_WEIGHT.get(metrics.space, 1.0) * max(0.0, metrics.kid))
    return _level(share, QUALITY_LEVELS), share


def variety_level(metrics: GanMetrics) -> tuple[str, float]:
    """How varied, as a word and from 0 to 1; of all signs of variety the weakest counts."""
    unlike = None if metrics.repeated is None else 1 - TWIN_WEIGHT * metrics.repeated
    signs = (metrics.variety, metrics.variety_within, metrics.distinct, unlike)
    share = max(0.0, min(1.0, *(sign for sign in signs if sign is not None)))
    return _level(share, VARIETY_LEVELS), share


def copying_level(metrics: GanMetrics) -> tuple[str, float | None]:
    """Whether it repeats training pictures, and how often it wins by that; half is by chance."""
    if metrics.copied_share is None:
        return "unknown", None
    if is_copying(metrics):
        return "bad", metrics.copied_share
    if copies_some(metrics):
        return "some", metrics.copied_share
    return ("poor" if metrics.copied_share > COPIED_ABOVE else "good"), metrics.copied_share


def _level(share: float, levels: Sequence[tuple[float, str]]) -> str:
    return next(name for least, name in levels if share >= least)
