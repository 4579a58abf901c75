"""A run as somebody who watches sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.record import About, History

TOO_EARLY = 0.02  # share of a run before which its end can't be told


@dataclass(frozen=True)
class Snapshot:
    """A run as it was at one moment. ``version`` grows with every change.

    ``place`` is 0 for a run that is not queued, 1 for the next to start. ``seconds_left`` and
    ``wait_seconds`` (until a queued run starts) are estimates, ``None`` while unknown.
    """

    version: int
    about: About
    history: History
    place: int = 0
    seconds_left: float | None = None
    wait_seconds: float | None = None
    memory_mb: float = 0.0
    result: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.about.id

    @property
    def status(self) -> str:
        """queued, running, paused, finished, stopped, failed or interrupted."""
        return self.about.status


def seconds_left(history: History) -> float | None:
    """Seconds until a running run ends, at the speed so far; ``None`` while too early to tell."""
    if history.progress <= TOO_EARLY:
        return None
    return history.seconds * (1 - history.progress) / history.progress
