"""Training time, which stands still while a run is paused."""

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
        """Whether the session is over: time to save and leave the rest to the next one."""
        return time.monotonic() >= self._end

    def seconds(self) -> float:
        """Training time so far."""
        return self._before + time.monotonic() - self._started

    def restart(self) -> None:
        """Forget the time since the beginning, or since it went on from a checkpoint."""
        self._started = time.monotonic()

    def count(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events, with long waits at the listener's not counted."""
        try:
            for event in events:
                handed_over = time.monotonic()
                yield event
                waited = time.monotonic() - handed_over
                if waited > PAUSE:
                    self._started += waited
        finally:
            events.close()  # type: ignore[attr-defined]
