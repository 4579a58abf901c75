"""What holds anywhere in any generator's latent space."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.directions import Directions, find_directions
from models.gans.layers import Generator
from models.gans.registry import ARCHITECTURES
from models.latent import LAYER_PARTS, draw_latents, latent_space, mutate, slerp
from tests.generators import lively_generator

FAMILIES = tuple(ARCHITECTURES)
CLASSES, LATENT = 3, 16

seeds = st.integers(0, 2**31 - 1)
families = st.sampled_from(FAMILIES)
shares = st.floats(0, 1)


@cache
def network(family: str, classes: int = CLASSES) -> Generator:
    return lively_generator(family, classes, latent_size=LATENT)


@cache
def directions(family: str) -> Directions:
    return find_directions(network(family))


def latent(seed: int, count: int = 1) -> Tensor:
    return draw_latents(range(seed, seed + count), LATENT)


@given(a=seeds, b=seeds, t=shares)
@example(a=237, b=1606, t=0.75)  # ends of different lengths, far apart
def test_an_arc_has_exact_ends_and_keeps_its_distance(a: int, b: int, t: float) -> None:
    start, end = latent(a), latent(b)
    assert torch.equal(slerp(start, end, 0), start)
    assert torch.equal(slerp(start, end, 1), end)
    low, high = sorted((float(start.norm()), float(end.norm())))
    assert low * 0.99 <= float(slerp(start, end, t).norm()) <= high * 1.01
    back = slerp(end, start, 1 - t)
    torch.testing.assert_close(slerp(start, end, t), back, rtol=1e-4, atol=1e-4)


@given(seed=seeds, t=shares, factor=st.sampled_from((1.0, 2.0, -1.0, 0.0)))
def test_arcs_between_parallel_vectors_are_finite(seed: int, t: float, factor: float) -> None:
    start = latent(seed)
    assert slerp(start, factor * start, t).isfinite().all()


@given(seed=seeds, strength=shares, family=families)
def test_a_neighbour_is_a_typical_latent_vector(seed: int, strength: float, family: str) -> None:
    z = draw_latents([seed], 4096)[0]
    neighbour = mutate(z, strength, [seed ^ 1])[0]
    assert 0.9 < float(neighbour.std()) < 1.1
    along = float((neighbour @ z) / (z @ z))
    assert along == pytest.approx((1 - strength**2) ** 0.5, abs=0.1)
    assert torch.equal(mutate(z, 0.0, [seed ^ 1])[0], z)


@settings(deadline=None)
@given(
    family=families,
    seed=seeds,
    psi=st.floats(-1, 1.5),
    part=st.sampled_from(LAYER_PARTS),
    steps=st.lists(st.floats(-10, 10), min_size=8, max_size=8),
    mix=st.lists(st.floats(0, 1), min_size=CLASSES, max_size=CLASSES),
)
def test_any_sliders_give_a_finite_picture(
    family: str, seed: int, psi: float, part: str, steps: list[float], mix: list[float]
) -> None:
    space, labels = latent_space(network(family)), torch.tensor([mix])
    points = space.enter(latent(seed), labels)
    moved = space.move(points, torch.tensor([steps]) @ directions(family).vectors[:8], part)
    mixed = space.mix(moved, space.enter(latent(seed ^ 1), labels), part)
    assert mixed.shape == points.shape
    mixed = space.truncate(mixed, labels, psi)
    picture = space.paint(mixed, labels, torch.Generator().manual_seed(seed))
    assert picture.isfinite().all()


@settings(deadline=None)
@given(family=families, seed=seeds, count=st.integers(1, 9), label=st.integers(0, CLASSES - 1))
def test_a_seed_gives_the_same_picture_in_any_company(
    family: str, seed: int, count: int, label: int
) -> None:
    space, labels = latent_space(network(family)), torch.full((count,), label)
    many = space.paint(space.enter(latent(seed, count), labels), labels)
    alone = space.paint(space.enter(latent(seed), labels[:1]), labels[:1])
    torch.testing.assert_close(many[:1], alone, rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(family=families, a=seeds, b=seeds, label=st.integers(0, CLASSES - 1))
def test_without_variety_every_seed_is_the_mean_picture(
    family: str, a: int, b: int, label: int
) -> None:
    space, labels = latent_space(network(family)), torch.tensor([label, label])
    points = space.enter(torch.cat([latent(a), latent(b)]), labels)
    one, other = space.paint(space.truncate(points, labels, 0.0), labels)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(family=families, seed=seeds, label=st.integers(0, CLASSES - 1))
def test_a_mix_of_one_class_is_that_class(family: str, seed: int, label: int) -> None:
    space = latent_space(network(family))
    pure, mix = torch.tensor([label]), torch.eye(CLASSES)[[label]]
    a, b = (
        space.paint(space.truncate(space.enter(latent(seed), y), y, 0.5), y) for y in (pure, mix)
    )
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(family=families, a=seeds, b=seeds)
def test_the_way_between_two_points_begins_and_ends_there(family: str, a: int, b: int) -> None:
    space, labels = latent_space(network(family)), torch.tensor([0])
    start, end = (space.enter(latent(seed), labels) for seed in (a, b))
    assert torch.equal(space.between(start, end, 0), start)
    assert torch.equal(space.between(start, end, 1), end)
    steps = torch.zeros(1, LATENT)
    torch.testing.assert_close(space.move(start, steps), start)
