"""Copies are found, and honest pictures are not accused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.metrics.copying import Copying, Nearness
from training.metrics.copying import copying as compare


def normal(count: int, size: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def copying(fake: Tensor, train: Tensor, held_out: Tensor) -> Copying:
    return compare(Nearness.of(fake, train), Nearness.of(held_out, train))


def test_copies_are_found() -> None:
    train, held = normal(300, seed=1), normal(400, seed=2)
    copied = copying(train[:200] + 0.05 * normal(200, seed=3), train, held)
    assert copied.share > 0.99 and copied.low > 0.95 and copied.high == 1
    assert copied.tail_p < 1e-4
    other_way = copying(held[:200], train, held)
    assert other_way.low < 0.5 < other_way.high
    same = copying(normal(50, seed=3), train, train)  # nothing is nearer than what is there
    assert same.share == 0 and same.tail_p == 1


def held_out_of(count: int) -> int:
    """How many pictures ``split_for_generator`` keeps back for the test."""
    return round(count * (0.2 if count < 500 else 0.1))


SIZES = (60, 100, 150, 200, 500, 1000, 2000, 3781, 10_000)


@pytest.mark.parametrize("count", SIZES)
def test_a_copier_is_found_whatever_the_size_of_the_set(count: int) -> None:
    """And where only a part is copied, the share says how large a part."""
    held = held_out_of(count)
    x = normal(count + 1000, 32, seed=count)
    train, kept, fresh = x[: count - held], x[count - held : count], x[count:]
    rows = torch.randint(len(train), (1000,), generator=torch.Generator().manual_seed(count))
    for part in (0.0, 0.1, 0.3, 1.0):
        fake = fresh.clone()
        copies = round(part * len(fake))
        fake[:copies] = train[rows[:copies]] + 0.01 * normal(copies, 32, seed=7)
        found = copying(fake, train, kept)
        wobble = 2.5 * math.sqrt(1 / (12 * held))  # of the share, by the few held-out pictures
        assert abs(found.share - (1 + part) / 2) < wobble
        if part == 0:
            assert found.low < 0.5 and found.tail_p > 1e-3
        if part == 1 or (part == 0.3 and count >= 1000):
            assert found.low > 0.5 and found.share > 0.6
        if part == 0.1 and count >= 1000:
            assert found.tail_p < 1e-3


def test_copies_of_what_is_there_many_times_are_found() -> None:
    """Bursts of a camera: a distance relative to the next ones says nothing there."""
    scenes = normal(50, 32, seed=1)
    train = scenes.repeat_interleave(8, dim=0) + 0.01 * normal(400, 32, seed=2)
    copier = copying(train[::2] + 0.01 * normal(200, 32, seed=3), train, normal(100, 32, seed=4))
    assert copier.share > 0.99 and copier.low > 0.9


def test_fresh_pictures_are_no_copies() -> None:
    """Hardly ever is 0.5 out of the range; a range that ignores hubs misses it in half of these."""
    inside = 0
    for seed in range(100):
        x = normal(400, 32, seed)
        found = copying(x[:300], x[300:350], x[350:])
        inside += found.low <= 0.5 <= found.high
        assert found.low <= found.share <= found.high
        assert found.tail_p > 1e-4
    assert inside >= 92


def test_a_constant_generator_tells_nothing_about_copying() -> None:
    x = normal(100)
    found = copying(normal(1, seed=9).expand(200, -1), x[:50], x[50:])
    assert found.high - found.low > 0.7  # one neighbour, however often it is asked
