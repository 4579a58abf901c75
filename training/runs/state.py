"""The states of a run."""

from __future__ import annotations

from enum import Enum


class RunState(str, Enum):
    """Queued, running, then finished, stopped or failed.

    In between a person may pause a run, and a server that ends interrupts it. The values are what
    stands in ``run.json``.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    def __str__(self) -> str:  # as StrEnum of Python 3.11 does it: f-strings and logs say "queued"
        return self.value


WAITING_OR_RUNNING = (RunState.QUEUED, RunState.RUNNING)
ACTIVE = (*WAITING_OR_RUNNING, RunState.PAUSED)
RESUMABLE = (RunState.INTERRUPTED, RunState.FAILED, RunState.STOPPED, RunState.PAUSED)
