"""What an evaluation means: collapsed, copying, or neither."""

from __future__ import annotations

import json

import pytest

from tests.evaluations import healthy
from training.metrics.evaluation import (
    REPEATED,
    GanMetrics,
    collapse_sign,
    copies_some,
    is_copying,
    looks_collapsed,
)


@pytest.mark.parametrize("found", [healthy(), healthy(copied_share=None, copied_range=None)])
def test_meters_survive_a_file(found: GanMetrics) -> None:
    assert GanMetrics.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("sign", ["variety", "variety_within", "distinct"])
def test_two_low_looks_in_a_row_are_a_collapse(sign: str) -> None:
    low = [healthy(p, **{sign: 0.05}) for p in (0.3, 0.4)]
    assert collapse_sign(low) == sign
    assert collapse_sign([healthy(0.2), *low]) == sign
    assert collapse_sign(low[:1]) is None
    assert collapse_sign([*low, healthy()]) is None  # it has recovered
    assert collapse_sign([low[0], healthy(), low[1]]) is None


def test_a_picture_that_comes_again_and_again_is_a_collapse_in_part() -> None:
    again = [healthy(p, repeated=0.15) for p in (0.3, 0.4)]
    assert collapse_sign(again) == REPEATED and looks_collapsed(again[0])
    few = [healthy(p, repeated=0.05) for p in (0.3, 0.4)]
    assert collapse_sign(few) is None and not looks_collapsed(few[0])
    worse = [healthy(p, repeated=0.15, distinct=0.1) for p in (0.3, 0.4)]
    assert collapse_sign(worse) == "distinct"


def test_the_beginning_of_a_run_is_no_collapse() -> None:
    low = [healthy(p, variety=0.0, distinct=0.0) for p in (0.01, 0.05, 0.14)]
    assert collapse_sign(low) is None
    assert collapse_sign([*low, healthy(0.2, variety=0.0)]) is None
    assert collapse_sign([]) is None


def test_different_signs_do_not_add_up() -> None:
    assert collapse_sign([healthy(variety=0.0), healthy(distinct=0.0)]) is None


def test_copying_needs_more_than_chance() -> None:
    assert is_copying(healthy(copied_share=0.9, copied_range=(0.8, 1.0)))
    assert not is_copying(healthy(copied_share=0.7, copied_range=(0.4, 0.9)))
    assert not is_copying(healthy(copied_share=0.55, copied_range=(0.52, 0.58)))
    assert not is_copying(healthy(copied_share=None, copied_range=None))
    assert copies_some(healthy(copied_tail_p=1e-5)) and not copies_some(healthy(copied_tail_p=0.01))
    assert not copies_some(healthy())  # of an earlier version
