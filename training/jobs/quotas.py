"""Quotas for everybody alike.

The queue, turns, disk, and how long what belongs to somebody is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Quotas:
    """Bounds for everybody alike; each is a command-line flag, and 0 is no bound.

    Args:
        waiting: how many runs of one person may stand in the queue.
        turn_minutes: after so long a run makes room for other people's that wait, and goes on
            after them.
        keep_hours: what belongs to somebody who has not come back for so long is deleted.
        person_mb: what one person's pictures and runs may take on disk, in MiB.
        all_mb: what everybody's may take together, in MiB.

    Raises:
        ValueError: a bound is below 0 or no number.
    """

    waiting: int = 3
    turn_minutes: float = 0.0
    keep_hours: float = 0.0
    person_mb: int = 0
    all_mb: int = 0

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{bound.name} is {value}; it must be 0 or more.")
