"""Runs held by this process."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from training.core.messages import UserError
from training.runs.events import Event
from training.runs.folder import RunFolder, RunInfo
from training.runs.history import History
from training.runs.state import RunState

log = logging.getLogger(__name__)

TOO_EARLY = 0.02  # share of a run before which its end can't be told


@dataclass(frozen=True)
class RunStatus:
    """A run as it was at one moment. ``version`` grows with every change.

    ``place`` is 0 for a run that is not queued, 1 for the next to start. ``seconds_left`` and
    ``wait_seconds`` (until a queued run starts) are estimates, ``None`` while unknown.
    """

    version: int
    info: RunInfo
    history: History
    place: int = 0
    seconds_left: float | None = None
    wait_seconds: float | None = None
    memory_mb: float = 0.0
    result: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """32 hexadecimal digits, which are also the name of the run's folder."""
        return self.info.id

    @property
    def status(self) -> RunState:
        """As ``run.json`` says it, so that a server that starts again finds it."""
        return self.info.status


def seconds_left(history: History) -> float | None:
    """Seconds until a running run ends, at the speed so far; ``None`` while too early to tell."""
    if history.progress <= TOO_EARLY:
        return None
    return history.seconds * (1 - history.progress) / history.progress


class LiveRun:
    """What the manager knows of a run; guarded by the manager's lock.

    ``info`` and ``history`` are what ``folder`` holds of it.
    """

    def __init__(self, folder: RunFolder, info: RunInfo, history: History) -> None:
        self.folder = folder
        self.info = info
        self.history = history
        self.wanted: RunState | None = None  # paused or stopped: asked for, and still to be done
        self.events: Iterator[Event] | None = None  # a paused loop, kept where it stood,
        self.events_device = ""  # with its network on this device
        self.version = 0
        self.result = folder.result()
        self.latest: RunStatus | None = None

    def changed(self) -> None:
        """Raise the version, so that whoever asks next gets a new ``RunStatus``."""
        self.version += 1

    def set_info(self, **changes: Any) -> None:
        """Change ``info``, here and on disk."""
        self.info = dataclasses.replace(self.info, **changes)
        self.changed()
        try:
            self.folder.write_info(self.info)
        except OSError:  # a full disk must not end the worker; what is in memory still counts
            log.exception("%s could not be written.", self.folder.path)

    def close(self) -> None:
        """Let go of the loop, and of the network it holds; nothing happens without a loop."""
        if self.events is not None:
            self.events.close()  # type: ignore[attr-defined]
            self.events = None

    def describe(self, place: int = 0, wait_seconds: float | None = None) -> RunStatus:
        """The run as it is now; ``place`` and ``wait_seconds`` are the queue's."""
        running = self.info.status is RunState.RUNNING
        return RunStatus(
            version=self.version,
            info=self.info,
            history=self.history,
            place=place,
            seconds_left=seconds_left(self.history) if running else None,
            wait_seconds=wait_seconds,
            memory_mb=psutil.Process().memory_info().rss / 2**20,
            result=self.result,
        )

    def budget(self) -> float:
        """The time that the person gave, in seconds."""
        return float(self.info.config["minutes"]) * 60


class LiveRuns(dict[str, LiveRun]):
    """Runs by their ids, with an error that people can read where there is none."""

    def __missing__(self, run_id: str) -> LiveRun:
        """Perhaps it was deleted in another tab just now.

        Raises:
            UserError: always.
        """
        raise UserError("page.no_such_run")

    def running(self) -> list[LiveRun]:
        """Those whose loop is being iterated; paused ones and those in the queue are not."""
        return [run for run in self.values() if run.info.status is RunState.RUNNING]


def adopted(runs: Path) -> Iterator[LiveRun]:
    """The runs that an earlier server left in the folder ``runs``, but for those without an owner.

    A folder that is damaged is left out and logged.
    """
    for path in sorted(runs.glob("*/run.json")):
        folder = RunFolder(path.parent)
        try:
            info = folder.info()
            run = LiveRun(folder, info, folder.history())
        except (ValueError, KeyError, TypeError, OSError) as problem:
            log.warning("%s is damaged and was left out: %s", path, problem)
            continue
        if info.owner:  # else made on the command line, and perhaps still running there
            yield run
