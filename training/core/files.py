"""Files written whole or not at all, and what a disk refuses."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from training.core.messages import UserError


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
    """Whether the disk, or somebody's share of it, takes no more."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


MIB = 1 << 20


def write_json(path: Path, data: Any) -> None:
    """Write JSON so that a reader, or a crash, never meets half a file."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
