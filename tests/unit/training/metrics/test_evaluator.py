"""Looks at a generator's pictures: one network's features, and what the meters say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.evaluations import finish
from training.features.space import FeatureSpace, choose_feature_space
from training.metrics.evaluation import (
    GanMetrics,
    copies_some,
    is_copying,
)
from training.metrics.evaluator import GanEvaluator
from training.metrics.fidelity import frechet_distance, kernel_distance

PINNED = (2.83677, 0.0287386, 0.408632)  # the first random features of the first noise picture
CPU = torch.device("cpu")


def pictures(count: int, seed: int, brightness: int = 0) -> Tensor:
    """Noise of (count, 3, 6, 6) uint8."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, 6, 6)
    return torch.randint(brightness, 156 + brightness, shape, generator=generator).byte()


def plain_space() -> FeatureSpace:
    """The pixels are the features."""
    return FeatureSpace("pixels-6", 6, lambda x: x.flatten(1), CPU)


def looked(
    evaluator: GanEvaluator, samples: Tensor, labels: Tensor | None = None, **info: Any
) -> GanMetrics:
    return finish(evaluator.evaluate(samples, labels, **info))[1]


@pytest.mark.usefixtures("no_weights")
def test_without_weights_the_features_are_random_and_always_the_same() -> None:
    first, second = choose_feature_space(CPU), choose_feature_space(CPU)
    assert first.name == second.name == "random-64"
    x = pictures(5, 0)
    assert torch.equal(first(x), second(x))
    a, b = first(pictures(300, 1)), first(pictures(300, 2, brightness=20))
    assert a.dtype == torch.float32 and a.isfinite().all()
    # Fixed to the last weight: a distance of today must mean the same tomorrow.
    assert a[0, :3].tolist() == pytest.approx(PINNED, rel=1e-3)
    assert frechet_distance(a, b) > 3 * frechet_distance(a[:150], a[150:])


def test_the_projects_own_weights_are_used() -> None:
    space = choose_feature_space(CPU)
    assert space.name == "seedling-s-64"
    assert space(pictures(3, 0)).shape == (3, 256)


def test_damaged_weights_are_done_without(damaged_weights: None) -> None:
    assert choose_feature_space(CPU).name == "random-64"


@pytest.mark.parametrize("weights", ["no_weights", ""])
def test_choosing_a_space_draws_no_random_numbers(
    weights: str, request: pytest.FixtureRequest
) -> None:
    """Else a run would go another way when it is the first of the process."""
    if weights:
        request.getfixturevalue(weights)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    choose_feature_space(CPU)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("side", [2, 6, 15])
def test_pictures_of_any_size_get_features(side: int) -> None:
    """Resizing keeps the colours: flat pictures stay what they are."""
    flat = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(-1, 3, side, side)
    features = plain_space()(flat)
    expected = torch.tensor([0, 0.2, 1]).view(3, 1).expand(-1, 108)
    torch.testing.assert_close(features, expected)


def test_features_do_not_change_with_the_next_batch() -> None:
    written = torch.zeros(2, 4)  # as a frozen graph, which writes into its output again

    def forward(x: Tensor) -> Tensor:
        return written.copy_(x.flatten(1)[:, :4])

    space = FeatureSpace("again", 6, forward, CPU)
    first = space(pictures(2, 0))
    before = first.clone()
    space(pictures(2, 1))
    assert torch.equal(first, before)


def test_a_look_is_what_the_metrics_say() -> None:
    space = plain_space()
    train, held, samples = pictures(80, 1), pictures(60, 2), pictures(70, 3)
    evaluator = GanEvaluator(space, train, held)
    metrics = looked(evaluator, samples, progress=0.5)
    assert (metrics.reference, metrics.reference_count, metrics.count) == ("held_out", 60, 70)
    assert (metrics.space, metrics.progress) == ("pixels-6", 0.5)
    assert metrics.fd == pytest.approx(frechet_distance(space(samples), space(held)), rel=1e-4)
    assert metrics.kid == pytest.approx(kernel_distance(space(samples), space(held)), rel=1e-4)
    assert metrics.fd_floor == pytest.approx(metrics.fd, rel=0.1)  # all three are alike
    fewer = looked(evaluator, samples[:20])
    assert fewer.fd_floor is not None and metrics.fd_floor is not None
    assert fewer.fd_floor == pytest.approx(fewer.fd, rel=0.1)  # it goes with the count
    assert fewer.fd_floor > 1.2 * metrics.fd_floor
    assert metrics.variety == pytest.approx(1, abs=0.05)
    assert metrics.distinct == pytest.approx(1, abs=0.1)
    assert metrics.coverage > 0.8
    assert metrics.variety_within is None
    assert metrics.copied_range is not None and not is_copying(metrics)


def test_worse_pictures_get_worse_numbers() -> None:
    evaluator = GanEvaluator(plain_space(), pictures(80, 1), pictures(60, 2))
    good, bad = (
        looked(evaluator, pictures(70, 3)),
        looked(evaluator, pictures(70, 3, brightness=80)),
    )
    assert bad.fd > 1.5 * good.fd
    assert bad.kid > good.kid + 0.01
    assert bad.coverage < good.coverage
    assert bad.fd_floor == good.fd_floor


def test_few_held_out_pictures_are_only_for_the_question_of_copies() -> None:
    train = pictures(30, 1)
    few = looked(GanEvaluator(plain_space(), train, pictures(12, 2)), pictures(40, 3))
    assert (few.reference, few.reference_count, few.fd_floor) == ("train", 30, None)
    assert few.copied_share is not None
    for held in (None, pictures(0, 2), pictures(9, 2)):
        none = looked(GanEvaluator(plain_space(), train, held), pictures(40, 3))
        assert (none.copied_share, none.copied_range) == (None, None)
        assert len(none.suspicious) == 6 and not is_copying(none)


def test_copies_are_found_and_shown() -> None:
    train, held = pictures(90, 1), pictures(90, 2)
    samples = pictures(40, 3)
    samples[7], samples[30] = train[55], train[4]
    samples[11] = train[20]
    samples[11, 0, 0, 0] ^= 1
    evaluator = GanEvaluator(plain_space(), train, held)
    honest = looked(evaluator, samples)
    assert {(s.sample, s.train) for s in honest.suspicious[:2]} == {(7, 55), (30, 4)}
    assert (honest.suspicious[2].sample, honest.suspicious[2].train) == (11, 20)
    ratios = [suspect.ratio for suspect in honest.suspicious]
    assert len({suspect.train for suspect in honest.suspicious}) == len(ratios)
    assert ratios == sorted(ratios) and ratios[2] < 0.1 and 0.6 < ratios[3] < 1.2
    assert not is_copying(honest)
    copier = looked(evaluator, train[:40])
    assert copier.copied_share == 1 and is_copying(copier)
    other_way = looked(evaluator, held[:40])
    assert not is_copying(other_way)


def test_a_copier_of_many_pictures_is_found_in_a_pool_of_all() -> None:
    """Copies of 3,000 pictures hardly show among 100 of them."""
    train, held = pictures(3000, 1), pictures(300, 2)
    copies = train[torch.randperm(3000, generator=torch.Generator().manual_seed(3))[:200]]
    found = looked(GanEvaluator(plain_space(), train, held, most=100, pool=3000), copies)
    assert found.copied_share == 1 and is_copying(found) and copies_some(found)
    assert found.reference_count == 100 and found.fd_count == 100  # of all else, ``most``
    assert not is_copying(looked(GanEvaluator(plain_space(), train, held, most=100), copies))


@pytest.mark.parametrize("count", [30, 80, 200])
def test_there_is_a_floor_whatever_the_counts(count: int) -> None:
    """Training pictures may be fewer than samples; both sides are cut to as many."""
    evaluator = GanEvaluator(plain_space(), pictures(count, 1), pictures(60, 2))
    found = looked(evaluator, pictures(100, 3))
    assert found.fd_count == min(100, count)
    assert found.fd_floor == pytest.approx(found.fd, rel=0.1)  # all three are alike


def test_data_that_repeat_themselves_accuse_nobody() -> None:
    train = pictures(1, 1).repeat(30, 1, 1, 1)
    metrics = looked(GanEvaluator(plain_space(), train, train[:20]), train[:20])
    assert metrics.suspicious == ()
    assert metrics.copied_share == 0.5 and metrics.copied_tail_p == 1
    assert metrics.fd == pytest.approx(0, abs=1e-9)
    assert (metrics.variety, metrics.distinct) == (1, 1)


def test_classes_are_looked_at_one_by_one() -> None:
    labels = torch.arange(60) % 3
    tint = (labels * 50).byte().view(-1, 1, 1, 1)
    train = pictures(60, 1) // 4 + tint
    samples = (pictures(1, 3) // 4).expand(60, -1, -1, -1) + tint  # one picture per class
    evaluator = GanEvaluator(plain_space(), train, train_labels=labels)
    collapsed = looked(evaluator, samples, labels)
    assert collapsed.variety_within == pytest.approx(0, abs=1e-6)
    assert collapsed.variety > 0.7
    assert looked(evaluator, pictures(60, 4) // 4 + tint, labels).variety_within == pytest.approx(
        1, abs=0.1
    )
    assert looked(evaluator, samples).variety_within is None


def test_a_constant_generator_has_no_variety() -> None:
    evaluator = GanEvaluator(plain_space(), pictures(60, 1), pictures(60, 2))
    same = pictures(1, 3).expand(50, -1, -1, -1)
    metrics = looked(evaluator, same)
    assert metrics.variety == pytest.approx(0, abs=1e-6)
    assert metrics.distinct == pytest.approx(0, abs=1e-3)
    assert metrics.coverage < 0.5
    assert not is_copying(metrics)  # fifty equal pictures are one witness


def test_the_judge_takes_small_steps_and_computes_real_features_once() -> None:
    sizes = []

    def forward(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return x.flatten(1)

    space = FeatureSpace("counted", 6, forward, CPU)
    evaluator = GanEvaluator(space, pictures(500, 1), pictures(70, 2), most=100)
    seen, _ = finish(evaluator.prepare())
    assert evaluator.cost == 170 and seen == sorted(seen) and seen[-1] == 170
    assert len(seen) == len(sizes) and max(sizes) <= space.batch_size
    sizes.clear()
    for _ in range(2):
        yields, metrics = finish(evaluator.evaluate(pictures(40, 3)))
        assert yields[-1] == metrics.count == 40
        assert len(yields) > 2 + 40 // space.batch_size  # also between the metrics
    assert sum(sizes) == 80


def test_an_abandoned_preparation_begins_again() -> None:
    evaluator = GanEvaluator(plain_space(), pictures(80, 1), pictures(60, 2))
    steps = evaluator.prepare()
    next(steps)
    steps.close()
    expected = looked(
        GanEvaluator(plain_space(), pictures(80, 1), pictures(60, 2)), pictures(40, 3)
    )
    assert looked(evaluator, pictures(40, 3)) == expected


def test_judging_draws_no_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    looked(GanEvaluator(plain_space(), pictures(80, 1), pictures(60, 2)), pictures(40, 3))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_handful_of_pictures_can_be_judged(count: int) -> None:
    labels = torch.zeros(count, dtype=torch.int64)
    evaluator = GanEvaluator(plain_space(), pictures(count, 1), pictures(1, 2), labels)
    metrics = looked(evaluator, pictures(count, 3), labels)
    numbers = [value for value in metrics.to_json().values() if isinstance(value, float)]
    assert len(numbers) >= 7 and all(map(math.isfinite, numbers))
