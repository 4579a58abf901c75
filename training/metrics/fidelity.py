"""Distances between samples and pictures.

Pure functions of feature matrices (N, D) of any network, one row for each picture. They compute in
double precision and give finite numbers from two pictures on, however few there are beside D.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEIGHBOURS = 5  # the k that arXiv 2002.09797 settles on
TWINS = 0.01  # of real pictures have another that is nearer
MIN_OF_CLASS = 10  # rows of a class that a distance within classes needs
KERNEL_ROWS = 1024  # of a kernel matrix at once: 10,000 pictures need 80 MB instead of 800


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The Fréchet distance of two normal distributions fitted to ``a`` (N, D) and ``b`` (M, D).

    ``|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2))`` with covariances A and B (arXiv
    1706.08500), at least 0. With centred rows ``A = X'X`` and ``B = Y'Y``, the trace of the root
    is the sum of the singular values of ``X Y'``: no root of a matrix that has none when there
    are fewer pictures than features. The fewer the pictures, the higher it is, also for two
    halves of one data set, so that only distances of equal counts can be compared.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    a, b = doubles(a, b)
    mean_a, mean_b = a.mean(0), b.mean(0)
    x = (a - mean_a) / math.sqrt(len(a) - 1)
    y = (b - mean_b) / math.sqrt(len(b) - 1)
    root = torch.linalg.svdvals(_compact(x) @ _compact(y).T).sum()
    value = (mean_a - mean_b).square().sum() + x.square().sum() + y.square().sum() - 2 * root
    return max(0.0, float(value))


def _compact(x: Tensor) -> Tensor:
    """A matrix of at most D rows with the same ``x'x``."""
    return torch.linalg.qr(x, mode="r").R if x.shape[0] > x.shape[1] else x


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The squared maximum mean discrepancy of ``a`` (N, D) and ``b`` (M, D), without bias.

    The kernel is ``(x.y / D + 1)^3`` (arXiv 1801.01401), over all pairs rather than a mean over
    random subsets. Its expectation is 0 when both come from one distribution, whatever the
    count, so that it may well be slightly negative.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    a, b = doubles(a, b)
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - _kernel_trace(a)) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - _kernel_trace(b)) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(a, b) / (n * m)


def kernel_distance_within(
    a: Tensor, a_labels: Tensor, b: Tensor, b_labels: Tensor
) -> float | None:
    """``kernel_distance`` inside of each class, its mean over the rows of ``a``.

    Of pictures that are good but of the wrong class it is high, as Intra-FID is (arXiv 1802.05637),
    but without a bias that small classes would have. Classes of less than ``MIN_OF_CLASS`` rows on
    either side are left out; ``None`` where that is more than half of ``a``. Labels are (N,), (M,).

    Raises:
        ValueError: as ``kernel_distance``.
    """
    total, counted = 0.0, 0
    for label in a_labels.unique().tolist():
        ours, theirs = a[a_labels == label], b[b_labels == label]
        if min(len(ours), len(theirs)) >= MIN_OF_CLASS:
            total += len(ours) * kernel_distance(ours, theirs)
            counted += len(ours)
    return total / counted if 2 * counted >= max(1, len(a)) else None


def _kernel_sum(x: Tensor, y: Tensor) -> float:
    """The kernel's sum over all pairs of a row of ``x`` (N, D) and one of ``y`` (M, D)."""
    size = x.shape[1]
    return sum(float(((rows @ y.T / size + 1) ** 3).sum()) for rows in x.split(KERNEL_ROWS))


def _kernel_trace(x: Tensor) -> float:
    """The kernel's sum over all pairs of a row of ``x`` (N, D) with itself."""
    return float(((x.square().mean(1) + 1) ** 3).sum())


def density_coverage(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """How well ``fake`` (M, D) keeps to ``real`` (N, D), and how much of it is reached.

    Around every real picture lies a ball up to its ``k``-th nearest real neighbour (all of them
    where there are fewer). Density is the mean count of balls that a fake picture lies in, over
    ``k``: near 1 for a perfect generator, and above 1 for one that keeps to crowded places.
    Coverage is the share of balls with a fake picture inside, in [0, 1]. arXiv 2002.09797.

    Raises:
        ValueError: fewer than two rows, unequal D, something not finite, or ``k`` below 1.
    """
    real, fake = doubles(real, fake)
    if k < 1:
        raise ValueError(f"k is {k}, but a ball needs at least one neighbour.")
    k = min(k, len(real) - 1)
    radii = _apart(real).kthvalue(k, dim=1).values
    inside = distances(real, fake) <= radii[:, None]  # (N, M)
    return inside.sum().item() / (k * len(fake)), inside.any(1).double().mean().item()


def precision_recall(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """The share of ``fake`` (M, D) that looks real, and of ``real`` (N, D) that is reached.

    A picture looks real if it lies no further from some real one than that one's ``k``-th nearest
    real neighbour, and is reached if the same holds the other way round. arXiv 1904.06991.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    real, fake = doubles(real, fake)
    apart = distances(real, fake)
    real_radii = _apart(real).kthvalue(min(k, len(real) - 1), dim=1).values
    fake_radii = _apart(fake).kthvalue(min(k, len(fake) - 1), dim=1).values
    precision = (apart <= real_radii[:, None]).any(0)
    recall = (apart <= fake_radii).any(1)
    return precision.double().mean().item(), recall.double().mean().item()


def repeated(real: Tensor, fake: Tensor) -> float:
    """The share of ``fake`` (M, D) that have a twin among the others.

    A twin is nearer than the nearest other is for all but ``TWINS`` of ``real`` (N, D): that
    share, about, is chance. A picture that comes again and again shows here first, since all else
    looks at typical pictures. Where a typical fake one is nearer to the next than a typical real
    one is, as with all that is blurred, twins have to be nearer by as much: that all are somewhat
    alike is for ``distinctness`` to say. Both sides are cut to equal counts and should be in random
    order. 0 where real ones repeat themselves as much.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    real, fake = doubles(real, fake)
    count = min(len(real), len(fake))
    usual, found = neighbour_distances(real[:count]), neighbour_distances(fake[:count])
    scale = (found.median() / usual.median()).clamp(max=1.0) if usual.median() > 0 else 1.0
    return (found < scale * torch.quantile(usual, TWINS)).double().mean().item()


def spread(x: Tensor) -> float:
    """The root mean square distance between two rows of ``x`` (N, D): 0 when all are equal.

    Raises:
        ValueError: fewer than two rows, or something not finite.
    """
    (x,) = doubles(x)
    return math.sqrt(2 * x.var(0).sum().item())


def variety(real: Tensor, fake: Tensor) -> float:
    """The spread of ``fake`` over that of ``real``: near 1 is well, near 0 is mode collapse.

    Real pictures that are all alike leave nothing to collapse from: that is 1.

    Raises:
        ValueError: as ``spread``.
    """
    whole = spread(real)
    return spread(fake) / whole if whole > 0 else 1.0


def variety_within(
    real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor
) -> float | None:
    """``variety`` inside of each class, its mean over the classes.

    Pictures that differ only between classes have little of it, though their ``variety`` is
    high. ``None`` where no class has two pictures on both sides. Labels are (N,) and (M,).

    Raises:
        ValueError: as ``spread``.
    """
    ratios = []
    for label in real_labels.unique().tolist():
        a, b = real[real_labels == label], fake[fake_labels == label]
        if len(a) > 1 and len(b) > 1:
            ratios.append(variety(a, b))
    return sum(ratios) / len(ratios) if ratios else None


def distinctness(real: Tensor, fake: Tensor) -> float:
    """How far a typical fake picture is from the next fake one, over the same of real ones.

    Near 1 is well; near 0, a few pictures are repeated with small changes, which ``variety``
    does not notice when those few differ enough. Both sides are cut to equal counts, since more
    pictures lie closer, so they should be in random order. 1 where real ones repeat themselves.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    real, fake = doubles(real, fake)
    count = min(len(real), len(fake))
    usual = neighbour_distances(real[:count]).median().item()
    return neighbour_distances(fake[:count]).median().item() / usual if usual > 0 else 1.0


def neighbour_distances(x: Tensor) -> Tensor:
    """The distance (N,) of every row of ``x`` (N, D) to the nearest other row.

    Raises:
        ValueError: fewer than two rows, or something not finite.
    """
    (x,) = doubles(x)
    gaps: Tensor = (x - x[_apart(x).argmin(1)]).norm(dim=1)
    return gaps


def distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) from every row of ``x`` (N, D) to every one of ``y`` (M, D)."""
    # Through products of matrices: far faster, and off by 1e-8 of a row's length at most.
    return torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")


def _apart(x: Tensor) -> Tensor:
    """The distances (N, N) between rows, with no row near itself."""
    return distances(x, x).fill_diagonal_(math.inf)


def doubles(*features: Tensor) -> tuple[Tensor, ...]:
    """Each of ``features``, (N, D), in double precision.

    Raises:
        ValueError: fewer than two rows, unequal D, or something not finite.
    """
    for x in features:
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"Features are {tuple(x.shape)}; there must be at least two rows.")
        if x.shape[1] != features[0].shape[1]:
            raise ValueError(f"Rows of {x.shape[1]} and of {features[0].shape[1]} features.")
        if not x.isfinite().all():
            raise ValueError("Features are not finite.")
    return tuple(x.double() for x in features)
