"""Waiting for runs that go on in the background."""

from __future__ import annotations

import time
from collections.abc import Callable

from training.jobs.live import Snapshot
from training.jobs.manager import RunManager


def wait(
    manager: RunManager, run_id: str, until: Callable[[Snapshot], bool], seconds: float = 60
) -> Snapshot:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        snapshot = manager.snapshot(run_id)
        if until(snapshot):
            return snapshot
        time.sleep(0.02)
    raise AssertionError(f"still {snapshot.status}: {snapshot}")


def is_(*statuses: str) -> Callable[[Snapshot], bool]:
    return lambda snapshot: snapshot.status in statuses


def has_saved(manager: RunManager, run_id: str) -> Callable[[Snapshot], bool]:
    return lambda _: (manager.folder(run_id).path / "checkpoint").exists()
