"""Atomic writes and disk errors."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from training.core.messages import UserError

MIB = 1 << 20


def require_writable(folder: Path) -> None:
    """Make ``folder`` where it is missing.

    Raises:
        UserError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise UserError("home.not_writable", path=folder) from problem


def is_full(problem: OSError) -> bool:
    """Whether the disk takes no more, or the user's quota on it is used up."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


def write_json(path: Path, data: Any) -> None:
    """Write JSON so that a reader, or a crash, never meets half a file."""
    # A name of its own: threads and processes may write the same file at the same time.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave the new name without its content
    fresh.replace(path)
