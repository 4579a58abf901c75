"""A run that this process looks after."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.core.messages import UserError
from training.runs.events import Event
from training.runs.folder import About, RunFolder
from training.runs.history import History

log = logging.getLogger(__name__)

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


class LiveRuns(dict[str, LiveRun]):
    """Runs by their ids."""

    def __missing__(self, run_id: str) -> LiveRun:
        """Perhaps it was deleted in another tab just now.

        Raises:
            UserError: always.
        """
        raise UserError("page.no_such_run")


def adopted(runs: Path) -> Iterator[LiveRun]:
    """The runs that an earlier server left in the folder ``runs``."""
    for path in sorted(runs.glob("*/run.json")):
        folder = RunFolder(path.parent)
        try:
            about = folder.about()
            run = LiveRun(folder, about, folder.history())
        except (ValueError, KeyError, TypeError, OSError) as problem:
            log.warning("%s is damaged and was left out: %s", path, problem)
            continue
        if about.owner:  # else made on the command line, and perhaps still running there
            yield run
