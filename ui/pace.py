"""How often what has changed is drawn, when many look at once."""

from __future__ import annotations

import hashlib
import re
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


def digest(value: object) -> str:
    """The same for values that look the same, and says nothing of them."""
    return hashlib.blake2b(repr(value).encode(), digest_size=12).hexdigest()


def news_html(great: str, small: str, when: float) -> str:
    """What a tab was last drawn for, and when (monotonic s), as an element that nobody sees."""
    return f'<i data-news="{great} {small} {when:.3f}"></i>'


def read_news(value: object) -> tuple[str, str, float]:
    """The reverse of ``news_html``, for whatever a browser says."""
    found = re.fullmatch(r'<i data-news="(\w+) (\w+) (\d{1,12}\.\d{3})"></i>', str(value or ""))
    return (found[1], found[2], float(found[3])) if found else ("", "", 0.0)
