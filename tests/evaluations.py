"""Evaluations of generators for tests: one without a flaw, and a way to run one to its end."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar

from training.metrics.evaluation import GanMetrics, Suspect

T = TypeVar("T")


def healthy(progress: float = 0.5, **changes: Any) -> GanMetrics:
    """A healthy evaluation, but for ``changes``."""
    metrics = GanMetrics(
        progress=progress,
        space="pixels-6",
        reference="held_out",
        reference_count=60,
        count=40,
        fd=2.0,
        fd_floor=1.5,
        kid=0.01,
        density=0.9,
        coverage=0.8,
        variety=0.9,
        variety_within=None,
        distinct=0.9,
        copied_share=0.5,
        copied_range=(0.4, 0.6),
        suspicious=(Suspect(3, 7, 0.5),),
    )
    return replace(metrics, **changes)


def finish(steps: Generator[Any, None, T]) -> tuple[list[Any], T]:
    """What a generator yields, and what it returns."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value
