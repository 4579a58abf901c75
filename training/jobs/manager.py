"""Runs in the background: the only place with threads.

``RunManager`` gives each device one worker thread and a first-come queue. Whoever asks gets
immutable snapshots, each built once per version and shared by all who watch.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from training.core.device import LENT, list_devices
from training.core.home import Home, new_id
from training.core.messages import UserError
from training.jobs.gate import Gate
from training.jobs.live import LiveRun, LiveRuns, Snapshot, adopted, seconds_left
from training.jobs.queue import Line
from training.jobs.quotas import Sharing
from training.jobs.worker import STANDING, Turn
from training.jobs.zerogpu import Slices
from training.kinds import Config
from training.runs.events import Event, Finished
from training.runs.folder import ACTIVE, RESUMABLE, About, RunFolder
from training.runs.history import History

log = logging.getLogger(__name__)


class RunManager:
    """Starts, watches, pauses, resumes, stops and deletes runs."""

    def __init__(
        self,
        home: Home,
        devices: tuple[str, ...] = (),
        sharing: Sharing | None = None,
        slices: Slices | None = None,
    ) -> None:
        """Adopt the runs that ``home`` holds; no thread starts before the first run does.

        ``devices`` are torch device names; none means all that this machine has, or a GPU that is
        lent in ``slices``.
        """
        self.home = home
        self.sharing = sharing or Sharing()
        self.slices = slices
        self.devices = (LENT,) if slices else devices or list_devices()
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self.gate = Gate()
        self._line = Line()
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._others: list[threading.Thread] = []
        self._runs = LiveRuns()
        self._adopt()

    # ---- what a person can do

    def start(
        self,
        owner: str,
        config: Config,
        data: Path,
        *,
        name: str,
        edits: Mapping[str, str | None] | None = None,
    ) -> str:
        """Queue a new run on the picture set in ``data``; gives its id.

        Raises:
            UserError: too many runs of this owner wait already.
        """
        about = About(
            id=new_id(),
            owner=owner,
            kind=config.kind,
            name=name,
            created=time.time(),
            data=str(data.resolve()),
            edits=dict(edits or {}),
            config=config.to_json(),
        )
        with self._lock:
            self._require_place(owner)
            folder = RunFolder.create(self.home.runs / about.id, about)
            self._runs[about.id] = LiveRun(folder, about, History())
            self._enqueue(about.id)
        return about.id

    def stop(self, run_id: str) -> None:
        """End a run and keep its best model so far. Nothing happens to a run that has ended."""
        with self._lock:
            run = self._runs[run_id]
            if run.about.status == "running":
                run.wanted = "stop"
            elif run.about.status in ("queued", "paused"):
                if run.about.status == "queued":
                    self._line.remove(run_id)
                if run.events is None and not (run.folder.path / "checkpoint").exists():
                    self._set(run, status="stopped")  # there is nothing to judge
                else:
                    run.wanted = "stop"  # the worker closes the loop and judges what there is
                    self._enqueue(run_id, urgent=True)
            run.changed()

    def pause(self, run_id: str) -> None:
        """Let a running run stand still, its device free for others, until ``resume``."""
        with self._lock:
            run = self._runs[run_id]
            if run.about.status == "running":
                run.wanted = "pause"
            elif run.about.status == "queued":
                self._line.remove(run_id)
                self._set(run, status="paused")
            run.changed()

    def resume(self, run_id: str) -> None:
        """Queue a paused, stopped, failed or interrupted run to go on where it was.

        Raises:
            UserError: too many runs of its owner wait already.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.about.status in RESUMABLE:
                self._require_place(run.about.owner)
                run.wanted = ""
                self._enqueue(run_id)

    def delete(self, run_id: str) -> None:
        """Remove a run and its folder; an active one has to be stopped first.

        Raises:
            UserError: the run is active.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.about.status in ("queued", "running"):
                raise UserError("run.active", name=run.about.name)
            del self._runs[run_id]
        run.close()
        shutil.rmtree(run.folder.path)

    # ---- what a person can see

    def runs(self, owner: str) -> tuple[Snapshot, ...]:
        """All runs of one owner, the newest first."""
        return self._newest_first(lambda run: run.about.owner == owner)

    def all_runs(self) -> tuple[Snapshot, ...]:
        """Everybody's runs, the newest first."""
        return self._newest_first(lambda run: True)

    def _newest_first(self, wanted: Callable[[LiveRun], bool]) -> tuple[Snapshot, ...]:
        with self._lock:
            runs = [run for run in self._runs.values() if wanted(run)]
            runs.sort(key=lambda run: run.about.created, reverse=True)
            return tuple(self.snapshot(run.about.id) for run in runs)

    def owns(self, owner: str, run_id: str) -> bool:
        """Whether ``run_id`` is a run of ``owner``; false for ids that do not exist."""
        with self._lock:
            return run_id in self._runs and self._runs[run_id].about.owner == owner

    def knows(self, run_id: str) -> bool:
        """Whether there is such a run, whoever's it is."""
        with self._lock:
            return run_id in self._runs

    def folder(self, run_id: str) -> RunFolder:
        """The run's folder."""
        return self._runs[run_id].folder

    def snapshot(self, run_id: str) -> Snapshot:
        """The run as it is now; the same object until something changes.

        Raises:
            UserError: no such run.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.snapshot is None or run.snapshot.version != run.version:
                run.snapshot = self._describe(run)
            return run.snapshot

    def repeat(self, seconds: float, work: Callable[[], object], name: str) -> None:
        """Call ``work`` every so many ``seconds``, in a thread of its own, until ``close``."""

        def loop() -> None:
            while True:
                with self._work:
                    if self._work.wait_for(lambda: self._closing, seconds):
                        return
                try:
                    work()
                except Exception:
                    log.exception("The %s failed, and will be tried again.", name)

        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._others.append(thread)
        thread.start()

    def close(self) -> None:
        """End the worker threads between two steps; what ran is interrupted and can be resumed."""
        with self._work:
            self._closing = True
            self._work.notify_all()
        for thread in (*self._threads, *self._others):
            thread.join()

    # ---- the worker

    def _loop(self, device: str) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._closing or self._next() is not None)
                if self._closing or (run_id := self._next()) is None:
                    return
                self._line.remove(run_id)
                run = self._runs[run_id]
                self._set(run, status="running", device=device, error=())
                for waiting in self._line:  # one place further
                    self._runs[waiting].changed()
            asked = partial(self._asked, run, time.monotonic())
            with self.gate.training():
                turn = Turn(run, device, self.gate, self._keep, asked, self.slices)
                status, error = turn.take()
            with self._work:
                wanted, run.wanted = run.wanted, ""
                if status in STANDING and wanted == "stop":  # asked for in the meantime
                    run.wanted = "stop"
                    self._enqueue(run_id, urgent=True)
                elif status == "queued" and wanted != "pause":
                    self._enqueue(run_id)
                else:
                    self._set(run, status="paused" if status == "queued" else status, error=error)
                self._work.notify_all()  # who was busy with it may have another one

    def _asked(self, run: LiveRun, began: float) -> str:
        """What a running run shall become between two of its events."""
        if run.wanted:
            return "paused" if run.wanted == "pause" else "stopped"
        if self._closing:
            return "interrupted"
        turn = self.sharing.turn_minutes * 60
        if not turn or time.monotonic() - began < turn:
            return ""
        with self._lock:
            return "queued" if self._line.others(run.about.owner) else ""

    def _keep(self, run: LiveRun, event: Event) -> None:
        line = run.folder.record(event)
        with self._lock:
            if isinstance(event, Finished):
                run.result = event.result
            elif line is not None:
                run.history = run.history.after(line)
            else:
                return  # nothing that anybody could see
            run.changed()

    # ---- bookkeeping, under the lock

    def _adopt(self) -> None:
        """Take over what an earlier server left; what it was doing then is now interrupted."""
        for run in adopted(self.home.runs):
            self._runs[run.about.id] = run
            if run.about.status in ACTIVE:
                self._set(run, status="interrupted")

    def _require_place(self, owner: str) -> None:
        most = self.sharing.waiting
        if most and self._line.count(owner) >= most:
            raise UserError("run.too_many", count=most)

    def _next(self) -> str | None:
        at_work = {r.about.owner for r in self._runs.values() if r.about.status == "running"}
        return self._line.next(at_work)

    def _enqueue(self, run_id: str, *, urgent: bool = False) -> None:
        run = self._runs[run_id]
        self._set(run, status="queued", error=())
        self._line.add(run_id, run.about.owner, urgent=urgent)
        if not self._threads:
            for device in self.devices:
                name = f"worker {device}"
                thread = threading.Thread(target=self._loop, args=(device,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._work.notify_all()

    def _set(self, run: LiveRun, **changes: Any) -> None:
        run.about = dataclasses.replace(run.about, **changes)
        run.changed()
        try:
            run.folder.write_about(run.about)
        except OSError:  # a full disk must not end the worker; what is in memory still counts
            log.exception("%s could not be written.", run.folder.path)

    def _describe(self, run: LiveRun) -> Snapshot:
        running = run.about.status == "running"
        ahead = self._line.ahead(run.about.id) if run.about.id in self._line else None
        return Snapshot(
            version=run.version,
            about=run.about,
            history=run.history,
            place=0 if ahead is None else len(ahead) + 1,
            seconds_left=seconds_left(run.history) if running else None,
            wait_seconds=None if ahead is None else self._wait(ahead),
            memory_mb=psutil.Process().memory_info().rss / 2**20,
            result=run.result,
        )

    def _wait(self, ahead: list[str]) -> float:
        """Seconds until the run behind those starts: what is left ahead, shared out."""
        running = [run for run in self._runs.values() if run.about.status == "running"]
        left = [seconds_left(run.history) or run.budget() for run in running]
        left += [self._runs[run_id].budget() for run_id in ahead]
        turn = self.sharing.turn_minutes * 60 or math.inf
        return sum(min(turn, each) for each in left) / len(self.devices)
