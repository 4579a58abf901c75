"""Waiting for background runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from training.jobs.live import RunStatus
from training.jobs.manager import RunManager


def wait(
    manager: RunManager, run_id: str, until: Callable[[RunStatus], bool], seconds: float = 60
) -> RunStatus:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = manager.status(run_id)
        if until(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"still {status.status}: {status}")


def is_(*statuses: str) -> Callable[[RunStatus], bool]:
    return lambda status: status.status in statuses


def has_saved(manager: RunManager, run_id: str) -> Callable[[RunStatus], bool]:
    return lambda _: (manager.folder(run_id).path / "checkpoint").exists()
