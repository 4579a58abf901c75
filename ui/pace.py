"""How often what has changed is drawn, when many look at once."""

from __future__ import annotations

import threading
import time
from collections import deque

MOST_DRAWN = 2  # full updates of a page in a second, for all tabs together
WINDOW = 0.95  # s, in which each open tab asks about once


class Pace:
    """Few tabs get every change at once; of many, each gets its turn every few seconds."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self._lock = threading.Lock()
        self._asked: deque[float] = deque()

    def allows(self, last: float) -> bool:
        """Whether a tab with something new, last drawn at ``last`` (monotonic s), is drawn now."""
        now = time.monotonic()
        with self._lock:
            self._asked.append(now)
            while self._asked[0] < now - WINDOW:
                self._asked.popleft()
            tabs = len(self._asked)
        return tabs <= MOST_DRAWN or now - last >= tabs / MOST_DRAWN
