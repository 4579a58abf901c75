"""Accuracy and its 95 % range.

Pure functions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

Z_95 = 1.959964  # standard normal quantile at 97.5 %


def wilson_range(right: float, count: float) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927), within [0, 1]; (0, 1) of nothing.

    Unlike the usual plus-minus it stays honest with few pictures and near 100 %. Effective counts
    need not be whole.
    """
    if count == 0:
        return 0.0, 1.0
    share, z2 = right / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    half = Z_95 / (1 + z2 / count) * spread
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    # At the ends the formula gives exactly 0 and 1, but for rounding.
    return (0.0 if right == 0 else low), (1.0 if right == count else high)


def effective_count(groups: NDArray[np.int64]) -> float:
    """How many independent pictures tell as much: N^2 over the sum of squared group sizes.

    The answers for look-alikes are right or wrong together, at worst (Kish's design effect with a
    correlation of 1 within a group). ``groups`` (N,) are those of an ``ImageSet``.
    """
    sizes = np.unique(groups, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def describe_predictions(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    names: tuple[str, ...],
    groups: NDArray[np.int64],
) -> dict[str, Any]:
    """Accuracy with its range, the largest class as a baseline, and precision, recall and F1.

    ``truth`` (N,), ``probabilities`` (N, classes), ``groups`` (N,) of look-alikes, N at least 1;
    the range is that of ``effective_count`` pictures. Macro averages run over the
    classes that occur in ``truth``: a class without a test picture says nothing about the
    classifier. All of it is plain data for ``result.json``.
    """
    guesses = probabilities.argmax(axis=1)
    right, count = int((guesses == truth).sum()), len(truth)
    effective = effective_count(groups)
    labels = np.arange(len(names))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, guesses, labels=labels, zero_division=0.0
    )
    present = support > 0
    return {
        "classes": list(names),
        "count": count,
        "effective_count": effective,
        "right": right,
        "accuracy": right / count,
        "accuracy_range": list(wilson_range(right / count * effective, effective)),
        "baseline": float(support.max() / count),
        "macro_recall": float(recall[present].mean()),
        "macro_f1": float(f1[present].mean()),
        "per_class": [
            {"name": name, "precision": p, "recall": r, "f1": f, "count": int(n)}
            for name, p, r, f, n in zip(
                names, precision.tolist(), recall.tolist(), f1.tolist(), support, strict=True
            )
        ],
        "confusion": confusion_matrix(truth, guesses, labels=labels).tolist(),
    }
