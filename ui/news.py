"""What an open tab has not drawn yet, and whether it is its turn to draw it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from training.snapshot import Snapshot
from ui.frame import Asker, Visitor
from ui.pace import Pace

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
