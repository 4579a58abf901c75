"""What an open tab has not drawn yet, and whether it is its turn to draw it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from training.jobs.live import Snapshot
from ui.common.context import Asker, Visitor

MOST_LOOKS = 15  # a second, for all tabs together
MOST_DRAWN = 2  # full updates of a page a second, for all tabs together
LONGEST = 5  # s between two looks of a tab, however many there are or pretend to be
AWAY = 10.0  # s after which a tab that asked for nothing counts as closed
LOOK_ANYWAY = 120.0  # s after which everything is compared again


@dataclass(frozen=True)
class News:
    """What a tab shows, told from before by strings.

    A change of ``great`` nobody wants to wait for; that of ``small`` may take its turn. ``time``
    (monotonic s) is when both were so, and ``every`` (s) how often the tab should look.
    """

    great: str = ""
    small: str = ""
    every: int = 1
    time: float = 0.0


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


class Board:
    """Where all tabs look for news of the runs that they show."""

    def __init__(self, runs: Callable[[Visitor], Iterable[Snapshot]]) -> None:
        """``runs`` are those that a visitor may see."""
        self.runs, self.pace = runs, Pace()

    def now(self, visitor: Visitor, request: Asker) -> News:
        """What this tab would show now. It is counted as one that looks."""
        every, runs = self.pace.seconds(_tab(request)), list(self.runs(visitor))
        great = repr((visitor, every, [(run.id, run.status) for run in runs]))
        return News(great, repr([run.version for run in runs]), every, time.monotonic())

    def is_due(self, drawn: News, visitor: Visitor, request: Asker) -> bool:
        """Whether the tab that was ``drawn`` so should be drawn again now."""
        now = self.now(visitor, request)
        if now.great != drawn.great or now.time - drawn.time >= LOOK_ANYWAY:
            return True
        return now.small != drawn.small and self.pace.allows(_tab(request), drawn.time)


def _tab(request: Asker) -> str:
    """Gradio's id of an open tab."""
    return getattr(request, "session_hash", None) or ""


def _count(asked: dict[str, float], tab: str) -> int:
    """How many have asked of late, now that ``tab`` did."""
    now = time.monotonic()
    asked[tab] = now
    for gone in [other for other, when in asked.items() if when < now - AWAY]:
        del asked[gone]
    return len(asked)
