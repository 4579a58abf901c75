"""The metrics against closed forms, their definitions written out, and what they are for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from training.metrics import fidelity
from training.metrics.copying import Nearness, copying
from training.metrics.fidelity import (
    density_coverage,
    distinctness,
    frechet_distance,
    kernel_distance,
    kernel_distance_within,
    neighbour_distances,
    precision_recall,
    repeated,
    spread,
    variety,
    variety_within,
)

PAIRS = (
    *(frechet_distance, kernel_distance, density_coverage, precision_recall),
    *(variety, distinctness, repeated, Nearness.of),
)


def normal(count: int, size: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def correlated(count: int, size: int, seed: int) -> Tensor:
    return normal(count, size, seed) @ normal(size, size, seed + 100) + seed


def with_moments(mean: Tensor, covariance: Tensor, count: int) -> Tensor:
    """Rows whose sample mean and covariance are exactly these."""
    x = normal(count, len(mean)).double()
    x -= x.mean(0)
    white = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    rows: Tensor = white @ torch.linalg.cholesky(covariance.double()).T + mean
    return rows


def test_the_frechet_distance_of_two_normal_distributions() -> None:
    """With diagonal covariances it is the squared distance of means and deviations."""
    mean_a, mean_b = torch.tensor([0.0, 1.0, -2.0]), torch.tensor([3.0, 1.0, 0.0])
    std_a, std_b = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([2.0, 2.0, 3.0])
    a = with_moments(mean_a, torch.diag(std_a**2), 40)
    b = with_moments(mean_b, torch.diag(std_b**2), 25)
    expected = (mean_a - mean_b).square().sum() + (std_a - std_b).square().sum()
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("counts", [(200, 300), (13, 200), (200, 13)])
def test_the_frechet_distance_is_the_one_with_a_matrix_root(counts: tuple[int, int]) -> None:
    a, b = correlated(counts[0], 12, 1).double(), correlated(counts[1], 12, 2).double()
    cov_a, cov_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    root = np.trace(sqrtm(cov_a @ cov_b)).real
    means = (a.mean(0) - b.mean(0)).square().sum().item()
    expected = means + np.trace(cov_a) + np.trace(cov_b) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_more_features_than_pictures_change_nothing() -> None:
    """Features that are always zero neither add to the distance nor break it."""
    a, b = correlated(30, 6, 1), correlated(20, 6, 2)
    wide_a, wide_b = (torch.nn.functional.pad(x, (0, 500)) for x in (a, b))
    assert frechet_distance(wide_a, wide_b) == pytest.approx(frechet_distance(a, b), rel=1e-9)


@pytest.mark.parametrize("count", [2, 4, 50, 400])
def test_the_frechet_distance_to_itself_is_nothing(count: int) -> None:
    x = correlated(count, 64, 3)
    scale = x.var(0).sum().item()
    assert 0 <= frechet_distance(x, x) < 1e-9 * scale
    assert 0 <= frechet_distance(x, x.flip(0)) < 1e-9 * scale


def test_the_kernel_distance_is_its_definition() -> None:
    a, b = correlated(7, 5, 1).double(), correlated(6, 5, 2).double()

    def k(x: Tensor, y: Tensor) -> float:
        return (x.dot(y).item() / 5 + 1) ** 3

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    expected = (
        mean([k(x, y) for x, y in itertools.permutations(a, 2)])
        + mean([k(x, y) for x, y in itertools.permutations(b, 2)])
        - 2 * mean([k(x, y) for x in a for y in b])
    )
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_the_kernel_distance_has_no_bias() -> None:
    values = [kernel_distance(normal(20, 8, s), normal(30, 8, 1000 + s)) for s in range(200)]
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0 < max(values)
    assert kernel_distance(normal(20, 8), normal(30, 8) + 1) > 10 * np.std(values)


def test_large_kernels_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = correlated(50, 8, 1), correlated(33, 8, 2)
    whole = kernel_distance(a, b)
    monkeypatch.setattr(fidelity, "KERNEL_ROWS", 7)
    assert kernel_distance(a, b) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_density_and_coverage_are_their_definitions(k: int) -> None:
    real, fake = normal(40, 3, 1).double(), normal(25, 3, 2).double() * 1.3 + 0.2
    inside = torch.zeros(40, 25)
    for i, centre in enumerate(real):
        others = [(centre - other).norm().item() for j, other in enumerate(real) if j != i]
        radius = sorted(others)[k - 1]
        for j, picture in enumerate(fake):
            inside[i, j] = (centre - picture).norm().item() <= radius
    density, coverage = density_coverage(real, fake, k)
    assert density == pytest.approx(inside.sum().item() / (k * 25))
    assert coverage == pytest.approx((inside.sum(1) > 0).float().mean().item())


def test_density_and_coverage_tell_what_goes_wrong() -> None:
    real = normal(300)
    good = density_coverage(real, normal(300, seed=1))
    assert good[0] == pytest.approx(1, abs=0.15) and good[1] > 0.9
    far = density_coverage(real, normal(300, seed=1) + 9)
    assert max(far) == 0
    one = density_coverage(real, real[:1] + 0.01 * normal(300, seed=1))
    assert one[0] > 0 and one[1] < 0.1
    with pytest.raises(ValueError, match="k is 0"):
        density_coverage(real, real, 0)


def test_spread_is_the_distance_between_two_rows() -> None:
    x = normal(20, 5).double()
    pairs = [(a - b).square().sum().item() for a, b in itertools.combinations(x, 2)]
    assert spread(x) == pytest.approx(math.sqrt(sum(pairs) / len(pairs)))


def test_variety_sees_a_collapse() -> None:
    real = normal(200)
    assert variety(real, normal(150, seed=1)) == pytest.approx(1, abs=0.05)
    assert variety(real, real[:1].expand(150, -1)) == 0
    assert variety(real, real[:1] + 0.01 * normal(150, seed=1)) < 0.05
    assert variety(real[:1].expand(9, -1), real) == 1


def test_variety_within_sees_one_picture_per_class() -> None:
    labels = torch.arange(200) % 4
    centres = 10 * normal(4, seed=5)
    real = centres[labels] + normal(200)
    fresh = centres[labels] + normal(200, seed=1)
    collapsed = centres[labels] + 0.01 * normal(200, seed=2)
    assert variety_within(real, labels, fresh, labels) == pytest.approx(1, abs=0.1)
    within = variety_within(real, labels, collapsed, labels)
    assert within is not None and within < 0.05
    assert variety(real, collapsed) > 0.8  # which is why the classes are looked at one by one


def test_variety_within_leaves_out_classes_without_two_pictures() -> None:
    real, fake = normal(6), torch.cat([normal(4, seed=1), normal(1, seed=2), normal(1, seed=3)])
    labels = torch.tensor([0, 0, 0, 1, 1, -1])
    drawn = torch.tensor([0, 0, 0, 0, 1, 2])
    assert variety_within(real, labels, fake, drawn) == variety(real[:3], fake[:4])
    assert variety_within(real, labels, fake, torch.full((6,), 7)) is None


def test_distinctness_sees_a_few_repeated_pictures() -> None:
    real, few = normal(300), normal(20, seed=1)
    repeated = few.repeat(10, 1) + 0.01 * normal(200, seed=2)
    assert distinctness(real, normal(200, seed=3)) == pytest.approx(1, abs=0.1)
    assert distinctness(real, repeated) < 0.1
    assert variety(real, repeated) > 0.8  # few, but far apart
    assert distinctness(torch.zeros(5, 16), real) == 1


def test_neighbours_are_others() -> None:
    x = torch.tensor([[0.0], [1.0], [5.0]])
    assert neighbour_distances(x).tolist() == [1, 1, 4]
    near = Nearness.of(torch.tensor([[0.9], [4.0]]), x)
    assert near.places.tolist() == [1, 2]
    assert near.distances.tolist() == pytest.approx([0.1, 1], abs=1e-6)
    assert near.further.tolist() == pytest.approx([4.1, 4], abs=1e-6)  # of three the last


def test_a_nearly_exact_copy_is_near() -> None:
    """Distances through products of matrices lose digits where vectors are long."""
    x = normal(50, 1280) + 100
    moved = x.clone()
    moved[:, 0] += 1e-2
    exact = (moved.double() - x.double()).norm(dim=1)
    near = Nearness.of(moved, x)
    assert near.places.tolist() == list(range(50))
    torch.testing.assert_close(near.distances, exact)
    assert Nearness.of(x, x).distances.max() == 0
    assert neighbour_distances(torch.cat([x, x])).max() == 0


def test_precision_is_of_the_made_and_recall_of_the_real_pictures() -> None:
    real = torch.cat([normal(200, 8), normal(200, 8, seed=1) + 20])
    assert precision_recall(real, real) == (1, 1)
    half = precision_recall(real, normal(200, 8, seed=2))  # good ones of one half
    assert half[0] > 0.8 and 0.35 < half[1] < 0.55
    both = torch.cat([normal(200, 8, seed=2), normal(200, 8, seed=3) + 20])
    wrong = precision_recall(real, torch.cat([both, normal(400, 8, seed=4) - 20]))  # half is bad
    assert 0.35 < wrong[0] < 0.55 and wrong[1] > 0.8


def test_a_picture_that_comes_again_and_again_has_twins() -> None:
    real, fake = normal(400, 32), normal(400, 32, seed=1)
    assert repeated(real, fake) < 0.04
    fake[::10] = fake[0] + 0.01 * normal(40, 32, seed=2)
    assert repeated(real, fake) == pytest.approx(0.1, abs=0.04)
    assert distinctness(real, fake) > 0.95  # which typical pictures do not tell
    assert repeated(real[:50].repeat(8, 1), fake) == 0  # real ones come again as well


def test_pictures_that_all_lie_nearer_are_no_twins_for_that() -> None:
    real, fake = normal(400, 8, seed=1), normal(400, 8, seed=2)
    assert repeated(real, 0.4 * fake) < 0.04  # a blur: another one's measure, ``distinctness``
    again = 0.4 * fake
    again[:40] = again[0] + 0.002 * normal(40, 8, seed=3)
    assert repeated(real, again) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_a_handful_of_pictures_gives_numbers(count: int) -> None:
    real, fake = normal(count, 1280), normal(5, 1280, seed=1)
    labels, drawn = torch.zeros(count), torch.zeros(5)
    held = Nearness.of(normal(3, 1280, seed=2), real)
    found = copying(Nearness.of(fake, real), held)
    numbers = [
        frechet_distance(real, fake),
        frechet_distance(fake, real),
        kernel_distance(real, fake),
        *density_coverage(real, fake),
        variety(real, fake),
        variety_within(real, labels, fake, drawn),
        distinctness(real, fake),
        *(found.share, found.low, found.high, found.tail_p),
    ]
    assert all(number is not None and math.isfinite(number) for number in numbers)


@pytest.mark.parametrize("metric", PAIRS)
def test_what_can_not_be_compared_is_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ValueError, match="at least two"):
        metric(normal(5), normal(1))
    with pytest.raises(ValueError, match="not finite"):
        metric(normal(5), normal(5) / 0)
    if metric not in (variety,):
        with pytest.raises(ValueError, match="Rows of"):
            metric(normal(5, 8), normal(5, 9))


def test_the_wrong_class_is_far_however_good_the_pictures_are() -> None:
    draws = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    real, fake = (torch.randn(400, 6, generator=draws) + labels[:, None] for _ in range(2))
    right = kernel_distance_within(fake, labels, real, labels)
    wrong = kernel_distance_within(fake, 1 - labels, real, labels)
    assert right is not None and wrong is not None
    assert abs(right) < 0.1 and wrong > 1
    assert kernel_distance(fake, real) == pytest.approx(0, abs=0.1)  # which knows no classes
    assert kernel_distance_within(fake, torch.arange(400), real, labels) is None  # one of each
    few = torch.where(torch.arange(400) < 9, 1, 0)
    alone = kernel_distance_within(fake[labels == 0], few[labels == 0], real, labels)
    assert alone is not None  # most are of a class that is large enough
