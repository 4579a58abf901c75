"""A run that this process looks after."""

from __future__ import annotations

from collections.abc import Iterator

from training.events import Event
from training.record import About, History, RunFolder
from training.snapshot import Snapshot


class LiveRun:
    """What the manager knows of a run; guarded by the manager's lock."""

    def __init__(self, folder: RunFolder, about: About, history: History) -> None:
        """As read from ``folder``."""
        self.folder = folder
        self.about = about
        self.history = history
        self.wanted = ""  # "stop" or "pause": what the person asked for and the worker will do
        self.events: Iterator[Event] | None = None  # a paused loop, kept where it stood,
        self.events_device = ""  # with its network on this device
        self.version = 0
        self.result = folder.result()
        self.snapshot: Snapshot | None = None

    def changed(self) -> None:
        """Whoever watches gets a new snapshot."""
        self.version += 1

    def close(self) -> None:
        """Let go of the loop, and of the network it holds."""
        if self.events is not None:
            self.events.close()  # type: ignore[attr-defined]
            self.events = None

    def budget(self) -> float:
        """The time that the person gave, in seconds."""
        return float(self.about.config["minutes"]) * 60
