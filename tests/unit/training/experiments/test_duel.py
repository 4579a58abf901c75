"""With and without a head start: what is compared, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from training.classifier.config import TEXTBOOK, ClassifierConfig
from training.core.messages import LANGUAGES
from training.experiments.duel import compare, rival_config, same_time
from training.metrics.classification import wilson_range


def result(right: Sequence[int], count: int = 100, start: int = 0) -> dict[str, Any]:
    """An evaluation on the pictures from ``start`` on, of which those in ``right`` were right."""
    judged = range(start, start + count)
    return {
        "backbone": "seedling-s",
        "count": count,
        "effective_count": float(count),
        "accuracy": len(right) / count,
        "accuracy_range": list(wilson_range(len(right), count)),
        "right_pictures": list(right),
        "wrong_pictures": [index for index in judged if index not in set(right)],
    }


def without_pictures(full: dict[str, Any]) -> dict[str, Any]:
    """As earlier versions wrote it."""
    return {key: value for key, value in full.items() if not key.endswith("_pictures")}


def test_the_sentence_has_both_with_their_ranges() -> None:
    duel = compare(result(range(87)), result(range(34)))
    says, means, judged, networks = duel.sentences(1, "en")
    assert says == (
        "With a head start: 87 of 100 right (79 to 92); "
        "from scratch, in the same minute: 34 (25 to 44)."
    )
    assert "53 more of every 100" in means and "100" in judged
    assert "seedling-s" in networks
    assert duel.difference == 1
    for language in LANGUAGES:
        assert all(duel.sentences(0.5, language))


def test_it_dares_to_say_that_there_is_no_clear_difference() -> None:
    duel = compare(result(range(60)), result(range(4, 60)))
    assert duel.difference == 0
    assert duel.sentences(1, "en")[1].startswith("No clear difference")


def test_the_same_few_pictures_are_clear_in_pairs_where_the_ranges_overlap() -> None:
    """All that one gets right the other does too, and twelve more: ranges alone hide that."""
    first, second = result(range(60)), result(range(48))
    assert compare(first, second).difference == 1
    assert compare(without_pictures(first), without_pictures(second)).difference == 0


def test_from_scratch_may_win() -> None:
    duel = compare(result(range(30)), result(range(80)))
    assert duel.difference == -1
    assert duel.sentences(1, "en")[1].startswith("From scratch gets 50 more")
    assert compare(without_pictures(result(range(30))), result(range(80))).difference == -1


def test_only_pictures_that_both_were_judged_on_count() -> None:
    """A run that was short of time left half of them out, and those were the hard ones."""
    short = result(range(50), count=50)
    duel = compare(short, result([*range(40), *range(50, 90)]))
    assert (duel.count, duel.head_start.right, duel.scratch.right) == (50, 100, 80)


def test_look_alikes_count_less() -> None:
    first, second = result(range(60)), result(range(48))
    for each in (first, second):
        each["effective_count"] = 20.0
    assert compare(first, second).difference == 0


def test_the_rival_has_the_same_pictures_and_time_and_the_best_settings_of_its_own() -> None:
    first = ClassifierConfig(
        backbone="seedling-s", method="quick", minutes=3, seed=7, mirror=False, class_weights=False
    )
    rival = rival_config(first)
    assert (rival.method, rival.backbone, rival.side()) == ("scratch", "seedling_net", 32)
    same = ("minutes", "seed", "mirror", "class_weights")
    assert all(getattr(rival, name) == getattr(first, name) for name in same)
    assert rival_config(TEXTBOOK).optimizer == ClassifierConfig().optimizer
    assert (rival_config(rival).method, rival_config(rival).image_size) == ("quick", None)


def test_a_run_that_was_not_as_long_as_its_budget_gives_the_rival_its_own_time() -> None:
    first = ClassifierConfig(backbone="seedling-s", method="lp_ft", minutes=30, images=500)
    assert rival_config(first, seconds=90).minutes == pytest.approx(1.5)
    assert rival_config(first, seconds=90).images is None
    assert rival_config(first, seconds=0.2).minutes == 0.05


@pytest.mark.parametrize(
    ("minutes", "says"),
    [
        (1, "the same minute"),
        (0.5, "the same 30 seconds"),
        (3, "the same 3 minutes"),
        (2.5, "the same 2.5 minutes"),
    ],
)
def test_times_are_said_as_people_say_them(minutes: float, says: str) -> None:
    assert same_time(minutes, "en") == says
