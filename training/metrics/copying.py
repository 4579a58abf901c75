"""Whether a generator copies: how near samples lie to training pictures.

Functions of feature matrices, as in ``fidelity``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from training.metrics.classification import wilson_range
from training.metrics.fidelity import NEIGHBOURS, distances, doubles

TAIL = 0.1  # of the fake pictures: where a few copies among many would be


@dataclass(frozen=True)
class Copying:
    """Whether fake pictures lie nearer to training pictures than fresh real ones do.

    Attributes:
        share: how often the fake one lies nearer, of all pairs of a fake and a held-out picture;
            0.5 is no copying, 1 copies alone, and x copies among others about ``(1 + x) / 2``.
        low: of the 95 % range of ``share``.
        high: of the same.
        tail_p: how likely honest pictures are to fill the ranks nearest to training pictures as
            these do; a few copies among many show there first.
    """

    share: float
    low: float
    high: float
    tail_p: float


@dataclass(frozen=True)
class Nearness:
    """How near pictures lie to training pictures.

    Attributes:
        distances: (N,) to the nearest one.
        further: (N,) to the ``NEIGHBOURS``-th after it.
        places: (N,) of the nearest one.
    """

    distances: Tensor
    further: Tensor
    places: Tensor

    @classmethod
    def of(cls, x: Tensor, train: Tensor) -> Nearness:
        """Of every row of ``x`` (N, D) among ``train`` (M, D).

        Raises:
            ValueError: fewer than two rows, unequal D, or something not finite.
        """
        x, train = doubles(x, train)
        found = distances(x, train).topk(min(NEIGHBOURS + 1, len(train)), largest=False)
        places = found.indices[:, 0]
        exact = (x - train[places]).norm(dim=1)  # of equal rows, exactly 0
        return cls(exact, found.values[:, -1], places)

    def readings(self) -> tuple[Tensor, Tensor]:
        """(N,) distances as they are, and over that to the next ones."""
        return self.distances, self.distances / self.further.clamp_min(1e-12)


def copying(fake: Nearness, held_out: Nearness) -> Copying:
    """Compare how near ``fake`` (M) and ``held_out`` (H) pictures lie to training pictures.

    The three-sample test of arXiv 2004.05675: given the training pictures, their distances to fake
    and to held-out pictures come from one distribution if the generator has learned what the real
    pictures come from, whatever the counts are. ``share`` is the statistic of Mann and Whitney over
    the number of pairs.

    Two distances are tried and the more suspicious one counts: as it is, and over that to the next
    ``NEIGHBOURS`` training pictures. The second finds copies with noise in them (Fashion-MNIST with
    a noise of 8 in 255, 1,000 pictures: 0.85 instead of 0.60), the first those of pictures that
    are in the set many times.

    Fake pictures with the same neighbour tell about it only once, or a collapsed generator would
    be accused. So the range is Wilson's for the effective count of neighbours, ``M^2 / sum(m_i^2)``
    where ``m_i`` of the fake ones are nearest to i, and no more than the held-out pictures; and
    ``tail_p`` takes one picture for each neighbour.
    """
    fakes, reals = fake.readings(), held_out.readings()
    count = len(held_out.distances)
    is_fake = torch.cat([torch.ones(len(fake.distances)), torch.zeros(count)])
    share = max(
        float(roc_auc_score(is_fake, -torch.cat(pair))) for pair in zip(fakes, reals, strict=True)
    )
    counts = torch.bincount(fake.places).double()
    effective = (counts.sum().square() / counts.square().sum()).item()
    sure = max(1, round(min(effective, count)))
    low, high = wilson_range(round(share * sure), sure)
    fake_first, real_first = _first_of_each(fake.places), _first_of_each(held_out.places)
    tails = [_tail_p(f[fake_first], r[real_first]) for f, r in zip(fakes, reals, strict=True)]
    return Copying(share, min(low, share), max(high, share), min(1.0, len(tails) * min(tails)))


def _first_of_each(rows: Tensor) -> Tensor:
    """The places of the first occurrence of each value in ``rows`` (N,)."""
    found: dict[int, int] = {}
    for place, row in enumerate(rows.tolist()):
        found.setdefault(row, place)
    return torch.tensor(list(found.values()))


def _tail_p(fake: Tensor, real: Tensor) -> float:
    """How likely so few of ``real`` (H,) are among the lowest ranks, if chance alone sorts them.

    As many ranks count as a ``TAIL`` of ``fake`` (M,) would fill; the p of a hypergeometric test.
    """
    ranks = max(1, round(TAIL * len(fake)))
    both = torch.cat([real, fake])  # real first, and a stable order: ties speak for the generator
    there = int((both.argsort(stable=True)[:ranks] < len(real)).sum())
    ways = sum(
        math.comb(len(real), count) * math.comb(len(fake), ranks - count)
        for count in range(there + 1)
    )
    return ways / math.comb(len(both), ranks)
