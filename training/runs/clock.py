"""Training time, without the pauses."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from training.runs.events import Event

PAUSE = 5.0  # s; a listener that holds the loop for longer has paused it


class Clock:
    """Training time in seconds: runs while the loop works and stands still while it is paused."""

    def __init__(self, seconds: float = 0.0, session: float = math.inf) -> None:
        """Go on from ``seconds``; the loop has ``session`` seconds from now, paused or not."""
        self._before = seconds
        self._started = time.monotonic()
        self._end = self._started + session

    def is_over(self) -> bool:
        """Whether the session is over: time to save and leave the rest to the next one.

        Pauses count here, unlike in ``seconds``: a GPU lent for a minute is lent for that long.
        """
        return time.monotonic() >= self._end

    def seconds(self) -> float:
        """Training time so far, over all sessions of the run and without the pauses."""
        return self._before + time.monotonic() - self._started

    def restart(self) -> None:
        """Forget the time since the run began, or since it went on from a checkpoint."""
        self._started = time.monotonic()

    def count(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; where the listener takes more than ``PAUSE`` for one, time stands still.

        Shorter waits count: they are part of what an event costs.
        """
        try:
            for event in events:
                handed_over = time.monotonic()
                yield event
                waited = time.monotonic() - handed_over
                if waited > PAUSE:
                    self._started += waited
        finally:
            # At once, not when the garbage is collected: the loop holds networks and memory.
            events.close()  # type: ignore[attr-defined]
