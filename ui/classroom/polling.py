"""When a browser tab redraws.

What an open tab has not drawn yet, and whether it is its turn to draw it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from training.jobs.live import RunStatus
from ui.common.context import Asker, Visitor

MAX_POLLS = 15  # a second, for all tabs together
MAX_DRAWN = 2  # full updates of a page a second, for all tabs together
MAX_SECONDS = 5  # s between two polls of a tab, however many tabs there are or pretend to be
AWAY = 10.0  # s without a poll after which a tab counts as closed; more than MAX_SECONDS
LATE_SECONDS = 3.0  # s that an answer may be on its way before a tab is drawn once more
REDRAW_SECONDS = 120.0  # s after which everything is compared again, whatever was missed


@dataclass(frozen=True)
class Version:
    """A fingerprint of what a tab shows: equal strings, equal page.

    Attributes:
        great: changes with what the visitor picks and with a run's status; nobody wants to wait.
        small: changes with every report of a run; in a crowd it may wait for its turn.
        every: s between two polls.
        time: when both were so, in monotonic s.
    """

    great: str = ""
    small: str = ""
    every: int = 1
    time: float = 0.0

    @property
    def stamp(self) -> str:
        """What tells this drawing from all others; see ``AppContext.stamp``."""
        return f"{self.time}"

    def is_overtaken(self, stamp: object) -> bool:
        """Whether a tab with this ``stamp`` shows something else, since an older answer came last.

        While this drawing may still be on its way to the tab, nobody can tell.
        """
        return stamp != self.stamp and time.monotonic() - self.time >= LATE_SECONDS


class PollPacer:
    """Bounds what all tabs together ask and draw.

    A few tabs get every change at once; of many, each gets its turn every few seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._polled: dict[str, float] = {}  # tab to its last poll, monotonic s
        self._wanted: dict[str, float] = {}  # those of them with something to draw

    def seconds(self, tab: str) -> int:
        """``tab`` polls now; after so many whole seconds it should poll again."""
        with self._lock:
            tabs = _count(self._polled, tab)
        return min(MAX_SECONDS, max(1, math.ceil(tabs / MAX_POLLS)))

    def allows(self, tab: str, last: float) -> bool:
        """Whether a tab with something new, last drawn at ``last`` (monotonic s), is drawn now."""
        with self._lock:
            tabs = _count(self._wanted, tab)
        return tabs <= MAX_DRAWN or time.monotonic() - last >= tabs / MAX_DRAWN


class UpdateFeed:
    """Compares what tabs have drawn with the runs as they are; draws nothing itself."""

    def __init__(self, runs: Callable[[Visitor], Iterable[RunStatus]]) -> None:
        """``runs`` gives those that a visitor may see."""
        self.runs, self.pacer = runs, PollPacer()

    def now(self, visitor: Visitor, request: Asker) -> Version:
        """What this tab would show now. It counts as open from here on."""
        every, runs = self.pacer.seconds(_tab(request)), list(self.runs(visitor))
        great = repr((visitor, every, [(run.id, run.status) for run in runs]))
        return Version(great, repr([run.version for run in runs]), every, time.monotonic())

    def is_due(self, drawn: Version, stamp: object, visitor: Visitor, request: Asker) -> bool:
        """Whether a tab that was given ``drawn`` should redraw now, or wait for its turn."""
        now = self.now(visitor, request)
        if now.great != drawn.great or now.time - drawn.time >= REDRAW_SECONDS:
            return True
        behind = now.small != drawn.small or drawn.is_overtaken(stamp)
        return behind and self.pacer.allows(_tab(request), drawn.time)


def _tab(request: Asker) -> str:
    """Gradio's id of an open tab; "" where it passed no request."""
    return getattr(request, "session_hash", None) or ""


def _count(asked: dict[str, float], tab: str) -> int:
    """How many tabs have asked in the last ``AWAY`` seconds, ``tab`` among them."""
    now = time.monotonic()
    asked[tab] = now
    for gone in [other for other, when in asked.items() if when < now - AWAY]:
        del asked[gone]
    return len(asked)
