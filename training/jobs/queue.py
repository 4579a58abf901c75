"""The queue of waiting runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator


class RunQueue:
    """The runs that wait for a device: first come, first served, and one at a time per person."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}  # run id to owner, in order
        self._urgent: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._owners))  # a copy: runs come and go while somebody iterates

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._owners

    def add(self, run_id: str, owner: str, *, urgent: bool = False) -> None:
        """Put a run at the end; an ``urgent`` one goes first, whatever else its owner runs."""
        if urgent:
            self._urgent.add(run_id)
            self._owners = {run_id: owner, **self._owners}
        else:
            self._owners[run_id] = owner

    def remove(self, run_id: str) -> None:
        """Take a run out, because it starts or is not wanted any more.

        Raises:
            KeyError: it is not in the queue.
        """
        del self._owners[run_id]
        self._urgent.discard(run_id)

    def next(self, busy: Collection[str]) -> str | None:
        """The run that starts next while runs of the owners in ``busy`` are at work, or ``None``.

        Their other runs are passed over, unless they are urgent.
        """
        for run_id, owner in self._owners.items():
            if run_id in self._urgent or owner not in busy:
                return run_id
        return None

    def ahead(self, run_id: str) -> list[str]:
        """The ids of the runs before this one, the next to start first.

        Raises:
            ValueError: it is not in the queue.
        """
        waiting = list(self._owners)
        return waiting[: waiting.index(run_id)]

    def count(self, owner: str) -> int:
        """How many runs of this owner are in the queue, urgent ones included."""
        return sum(each == owner for each in self._owners.values())

    def others(self, owner: str) -> bool:
        """Whether a run of anybody but ``owner`` is in the queue."""
        return any(each != owner for each in self._owners.values())
