"""How people share this machine: the queue, turns, disk, and how long what is theirs is kept."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Sharing:
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
        """Check the bounds."""
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{bound.name} is {value}; it must be 0 or more.")


class Line:
    """The runs that wait for a device: first come, first served, and one at a time per person."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._owners: dict[str, str] = {}  # run id to owner, in order
        self._urgent: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        """The ids of the runs, the next one first."""
        return iter(tuple(self._owners))

    def __contains__(self, run_id: object) -> bool:
        """Whether this run waits."""
        return run_id in self._owners

    def add(self, run_id: str, owner: str, *, urgent: bool = False) -> None:
        """Put a run at the end; an ``urgent`` one goes first, whatever else its owner runs."""
        if urgent:
            self._urgent.add(run_id)
            self._owners = {run_id: owner, **self._owners}
        else:
            self._owners[run_id] = owner

    def remove(self, run_id: str) -> None:
        """Take a run out."""
        del self._owners[run_id]
        self._urgent.discard(run_id)

    def next(self, busy: Collection[str]) -> str | None:
        """The run that starts next while the runs of these owners are at work."""
        for run_id, owner in self._owners.items():
            if run_id in self._urgent or owner not in busy:
                return run_id
        return None

    def ahead(self, run_id: str) -> list[str]:
        """The runs before this one."""
        waiting = list(self._owners)
        return waiting[: waiting.index(run_id)]

    def count(self, owner: str) -> int:
        """How many runs of this owner wait."""
        return sum(each == owner for each in self._owners.values())

    def others(self, owner: str) -> bool:
        """Whether anybody else waits."""
        return any(each != owner for each in self._owners.values())
