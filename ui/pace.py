"""How often tabs ask for news and are drawn, when many are open at once."""

from __future__ import annotations

import math
import threading
import time

MOST_LOOKS = 15  # a second, for all tabs together
MOST_DRAWN = 2  # full updates of a page a second, for all tabs together
LONGEST = 5  # s between two looks of a tab, however many there are or pretend to be
AWAY = 10.0  # s after which a tab that asked for nothing counts as closed


class Pace:
    """A few tabs get every change at once; of many, each gets its turn every few seconds."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self._lock = threading.Lock()
        self._looked: dict[str, float] = {}  # tab to when, monotonic s
        self._wanted: dict[str, float] = {}  # those of them with something to draw

    def seconds(self, tab: str) -> int:
        """``tab`` asks for news; after so many seconds it should ask again."""
        with self._lock:
            tabs = _count(self._looked, tab)
        return min(LONGEST, max(1, math.ceil(tabs / MOST_LOOKS)))

    def allows(self, tab: str, last: float) -> bool:
        """Whether a tab with something new, last drawn at ``last`` (monotonic s), is drawn now."""
        with self._lock:
            tabs = _count(self._wanted, tab)
        return tabs <= MOST_DRAWN or time.monotonic() - last >= tabs / MOST_DRAWN


def _count(asked: dict[str, float], tab: str) -> int:
    """How many have asked of late, now that ``tab`` did."""
    now = time.monotonic()
    asked[tab] = now
    for gone in [other for other, when in asked.items() if when < now - AWAY]:
        del asked[gone]
    return len(asked)
