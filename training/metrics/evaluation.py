"""What one evaluation of a GAN's samples found, and what it means.

How good they are, how varied, and whether they are copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WARM_UP = 0.15  # of the run: a generator begins with pictures that are all alike
EVALS_IN_A_ROW = 2
# Measured on Fashion-MNIST: one noisy picture again and again has a variety of 0.23 and is 0.26
# distinct, ten noisy pictures 0.88 and 0.29, pure noise 0.40 and 0.42, other real ones 0.99 both.
COLLAPSED_BELOW: Mapping[str, float] = {"variety": 0.3, "variety_within": 0.3, "distinct": 0.45}
REPEATED, REPEATED_ABOVE = "repeated", 0.1  # of real pictures 0.01 have a twin by chance
COPIED_ABOVE = 0.6  # of the pairs, as where a fifth of the samples are copies
SOME_COPIED_P = 0.001


@dataclass(frozen=True)
class Suspect:
    """A sample and the training picture it is nearest to, by their places in what was given.

    ``ratio`` is their distance over the usual one from a real picture to the nearest training
    picture. It is 0 for a copy, and of fresh Fashion-MNIST pictures 1 in 1,000 is below 0.4.
    """

    sample: int
    train: int
    ratio: float


@dataclass(frozen=True)
class GanMetrics:
    """One evaluation. Only numbers of the same ``space`` and counts can be compared.

    ``reference`` says whether ``fd``, ``kid``, ``density`` and ``coverage`` compare with
    "held_out" or, for want of those, with "train" pictures. ``fd`` is of ``fd_count`` samples, and
    ``fd_floor`` what as many real training pictures get, so about what a perfect generator would;
    ``None`` where the reference are training pictures. ``variety`` and its kin are in proportion
    to training pictures, ``variety_within`` is ``None`` without classes, ``copied_*`` without
    held-out pictures. ``faithful`` and ``faithful_real`` are of earlier versions: who is nearest to
    the mean of the own class.
    ``kid_within`` is ``kid`` within each class, its mean; ``None`` where classes are too small.
    ``repeated`` of the samples have a twin. ``recognised`` of them are taken for what they should
    be by a classifier on the real training pictures' features, and so are ``recognised_real`` of
    the held-out pictures; ``None`` without classes. What earlier versions did not measure is
    ``None``, too.
    Copies are only sought among the evaluator's ``pool`` of training pictures.
    """

    progress: float  # of the run, 0 to 1
    space: str
    reference: str
    reference_count: int
    count: int  # samples
    fd: float
    fd_floor: float | None
    kid: float
    density: float
    coverage: float
    variety: float
    variety_within: float | None
    distinct: float
    copied_share: float | None
    copied_range: tuple[float, float] | None
    suspicious: tuple[Suspect, ...]
    faithful: float | None = None
    faithful_real: float | None = None
    fd_count: int | None = None  # ``None`` in evaluations of earlier versions: all samples
    copied_tail_p: float | None = None
    precision: float | None = None
    recall: float | None = None
    repeated: float | None = None
    recognised: float | None = None
    recognised_real: float | None = None
    kid_within: float | None = None

    @property
    def criterion(self) -> tuple[str, float]:
        """What chooses among the generators of a run: where distances are measured, and how far.

        Of classes it is the distance within them: pictures may be well and of the wrong class.
        """
        if self.kid_within is None:
            return self.space, self.kid
        return f"{self.space}, within classes", self.kid_within

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them; suspects become dictionaries."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GanMetrics:
        """The reverse of ``to_json``, also after a way through a file."""
        between = data["copied_range"]
        suspects = tuple(Suspect(**suspect) for suspect in data["suspicious"])
        return cls(
            **{
                **data,
                "copied_range": between and (between[0], between[1]),
                "suspicious": suspects,
            }
        )


def collapse_signs(metrics: GanMetrics) -> tuple[str, ...]:
    """The metrics that alone say that the generator has collapsed, the worst first.

    ``variety``: everything is alike; ``variety_within``: all of a class is alike; ``distinct``: a
    few repeat; ``repeated``: most pictures are well, but some come again and again.
    """
    values = {sign: getattr(metrics, sign) for sign in COLLAPSED_BELOW}
    signs = [sign for sign, x in values.items() if x is not None and x < COLLAPSED_BELOW[sign]]
    if metrics.repeated is not None and metrics.repeated > REPEATED_ABOVE:
        signs.append(REPEATED)
    return tuple(signs)


def collapse_sign(history: Sequence[GanMetrics]) -> str | None:
    """The first of ``collapse_signs`` that the last ``EVALS_IN_A_ROW`` of ``history`` have.

    ``None`` where there is none, and before there are as many after the warm-up.
    """
    last = [metrics for metrics in history if metrics.progress >= WARM_UP][-EVALS_IN_A_ROW:]
    if len(last) < EVALS_IN_A_ROW:
        return None
    found = [collapse_signs(metrics) for metrics in last]
    return next((sign for sign in found[0] if all(sign in signs for signs in found)), None)


def looks_collapsed(metrics: GanMetrics) -> bool:
    """Whether these samples alone are as much alike as those of a collapsed generator."""
    return bool(collapse_signs(metrics))


def is_copying(metrics: GanMetrics) -> bool:
    """Whether samples are nearer to training pictures than held-out ones are, beyond chance."""
    if metrics.copied_share is None or metrics.copied_range is None:
        return False
    return metrics.copied_share > COPIED_ABOVE and metrics.copied_range[0] > 0.5


def copies_some(metrics: GanMetrics) -> bool:
    """Whether a few of the samples lie nearer to training pictures than honest ones would."""
    return metrics.copied_tail_p is not None and metrics.copied_tail_p < SOME_COPIED_P
