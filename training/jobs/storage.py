"""Disk use and expiry, by owner."""

from __future__ import annotations

import json
import logging
import math
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from training.core.files import MIB
from training.core.home import Home
from training.core.messages import UserError
from training.jobs.manager import RunManager
from training.runs.state import ACTIVE, RunState

log = logging.getLogger(__name__)

NOTE_EVERY = 300.0  # s between two notes that somebody was here
COUNT_EVERY = 20.0  # s for which the size of everything is believed
HOUR = 3600.0


class Storage:
    """Keeps the home folder of many people within ``manager.quotas``, and deletes what is old."""

    def __init__(self, home: Home, manager: RunManager) -> None:
        self.home, self.manager, self.quotas = home, manager, manager.quotas
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}  # owner to when, by time.monotonic()
        self._counted: tuple[float, int] | None = None

    # ---- how long nobody has come

    def seen(self, owner: str) -> None:
        """Note that ``owner``, an id, is here; cheap, so that every request may call it.

        Without ``keep_hours`` nothing is noted.
        """
        if not self.quotas.keep_hours:
            return
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(owner, -NOTE_EVERY) < NOTE_EVERY:
                return
            self._noted[owner] = now
        self.home.visits.mkdir(parents=True, exist_ok=True)
        (self.home.visits / owner).touch()

    def sweep(self, now: float | None = None) -> list[str]:
        """Delete all of those who have not come for ``keep_hours``, and return their ids.

        Who has a run in the queue or at work is not idle. Where the clock has been set back,
        everything is kept until it has caught up; set forward, it makes nobody older who was
        here since this server started.
        """
        if not self.quotas.keep_hours:
            return []
        latest = (now or time.time()) - self.quotas.keep_hours * HOUR
        signs = self._last_signs().items()
        gone = [owner for owner, last in signs if last < latest and not self._was_here(owner)]
        for owner in gone:
            self._forget(owner)
        return gone

    def _was_here(self, owner: str) -> bool:
        """Whether they came in the last ``keep_hours``, by the clock that nobody can set."""
        with self._lock:
            noted = self._noted.get(owner, -math.inf)
        return time.monotonic() - noted < self.quotas.keep_hours * HOUR

    def _last_signs(self) -> dict[str, float]:
        """When each owner of anything was last here, in seconds since 1970."""
        last: dict[str, float] = {}

        def note(owner: str, when: float) -> None:
            last[owner] = max(when, last.get(owner, 0.0))

        for folder, owner in self._datasets():
            note(owner, (folder / "owner.json").stat().st_mtime)
        for run in self.manager.all_runs():
            info = self.manager.folder(run.id).path / "run.json"
            at_work = run.status in ACTIVE and run.status != RunState.PAUSED
            note(run.info.owner, float("inf") if at_work else info.stat().st_mtime)
        for folder in (self.home.collected, self.home.visits):
            for path in folder.iterdir() if folder.exists() else ():
                note(path.name, path.stat().st_mtime)
        return last

    def _forget(self, owner: str) -> None:
        log.info("Deleting what belongs to somebody who has not come for a long time.")
        for run in self.manager.runs(owner):
            self.manager.delete(run.id)
        for folder, whose in list(self._datasets()):
            if whose == owner:
                shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.home.collected / owner, ignore_errors=True)
        (self.home.visits / owner).unlink(missing_ok=True)
        with self._lock:
            self._noted.pop(owner, None)

    # ---- how much room it takes

    def used(self, owner: str) -> int:
        """Bytes on disk of one person's pictures and runs."""
        folders = [folder for folder, whose in self._datasets() if whose == owner]
        folders += [self.manager.folder(run.id).path for run in self.manager.runs(owner)]
        return sum(map(size_of, [*folders, self.home.collected / owner]))

    def make_room(self, owner: str, current: object = None) -> None:
        """See to it that ``owner`` may bring more pictures or begin another run.

        Data sets that no run of theirs needs, and that are not the ``current`` one, are given up.

        Raises:
            UserError: there is too much of theirs, or of everybody's.
        """
        person, everybody = self.quotas.person_mb * MIB, self.quotas.all_mb * MIB
        if person and self.used(owner) >= person:
            self._give_up(owner, current)
            used = self.used(owner)
            if used >= person:
                most = self.quotas.person_mb
                raise UserError("keeper.person_full", used=used // MIB, most=most)
        if everybody and self._used_by_all() >= everybody:
            self._give_up(owner, current)
            if self._used_by_all() >= everybody:
                raise UserError("keeper.all_full", most=self.quotas.all_mb)

    def _give_up(self, owner: str, current: object) -> None:
        needed = {Path(run.info.data) for run in self.manager.runs(owner)}
        for folder, whose in list(self._datasets()):
            if whose == owner and folder.name != current and folder.resolve() not in needed:
                shutil.rmtree(folder, ignore_errors=True)
                self._counted = None

    def _used_by_all(self) -> int:
        """Bytes on disk; counted anew only now and then, since there may be many files."""
        now = time.monotonic()
        if self._counted is None or now - self._counted[0] > COUNT_EVERY:
            folders = (self.home.datasets, self.home.runs, self.home.collected)
            self._counted = now, sum(map(size_of, folders))
        return self._counted[1]

    # ---- what is there

    def _datasets(self) -> Iterator[tuple[Path, str]]:
        """Every data set's folder and its owner."""
        for path in self.home.datasets.glob("*/owner.json"):
            try:
                yield path.parent, str(json.loads(path.read_text(encoding="utf-8"))["owner"])
            except (OSError, ValueError, KeyError, TypeError) as problem:
                log.warning("%s is damaged: %s", path, problem)

    def clear_up(self) -> None:
        """Remove what a server that was killed left half done. Only before anybody is let in."""
        for folder in self.home.datasets.iterdir() if self.home.datasets.exists() else ():
            if not (folder / "owner.json").exists():  # an upload that never became a data set
                shutil.rmtree(folder, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of all files below ``folder``; what vanishes meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
