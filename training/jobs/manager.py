"""Runs in background threads.

The only place with threads of its own: ``RunManager`` gives each device a worker, and all of them
one first-come queue. Whoever asks gets an immutable ``RunStatus``, each built once per version and
shared by all who watch.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from training.core.device import ZEROGPU, list_devices
from training.core.home import Home, new_id
from training.core.messages import UserError
from training.jobs.gate import Gate
from training.jobs.live import LiveRun, LiveRuns, RunStatus, adopted, seconds_left
from training.jobs.queue import RunQueue
from training.jobs.quotas import Quotas
from training.jobs.worker import STANDING, WorkerTurn
from training.jobs.zerogpu import ZeroGpu
from training.kinds import Config
from training.runs.events import Event, Finished
from training.runs.folder import RunFolder, RunInfo
from training.runs.history import History
from training.runs.state import ACTIVE, RESUMABLE, WAITING_OR_RUNNING, RunState

log = logging.getLogger(__name__)


class RunManager:
    """Adopts the runs that ``home`` holds, and starts new ones; no thread starts before a run does.

    ``devices`` are torch device names; none means all of this machine, or what ``zerogpu`` lends.
    """

    def __init__(
        self,
        home: Home,
        devices: tuple[str, ...] = (),
        quotas: Quotas | None = None,
        zerogpu: ZeroGpu | None = None,
    ) -> None:
        self.home = home
        self.quotas = quotas or Quotas()
        self.zerogpu = zerogpu
        self.devices = (ZEROGPU,) if zerogpu else devices or list_devices()
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self.gate = Gate()
        self._queue = RunQueue()
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
        rival: str = "",
    ) -> str:
        """Queue a new run on the picture set in ``data``, and return its id; see ``RunInfo``.

        Raises:
            UserError: too many runs of this owner wait already.
        """
        info = RunInfo(
            id=new_id(),
            owner=owner,
            kind=config.kind,
            name=name,
            created=time.time(),
            data=str(data.resolve()),
            edits=dict(edits or {}),
            config=config.to_json(),
            rival=rival,
        )
        with self._lock:
            self._require_place(owner)
            folder = RunFolder.create(self.home.runs / info.id, info)
            self._runs[info.id] = LiveRun(folder, info, History())
            self._enqueue(info.id)
        return info.id

    def stop(self, run_id: str) -> None:
        """End a run and keep its best model so far. Nothing happens to a run that has ended."""
        with self._lock:
            run = self._runs[run_id]
            if run.info.status is RunState.RUNNING:
                run.wanted = RunState.STOPPED
            elif run.info.status in (RunState.QUEUED, RunState.PAUSED):
                if run.info.status is RunState.QUEUED:
                    self._queue.remove(run_id)
                if run.events is None and not (run.folder.path / "checkpoint").exists():
                    run.set_info(status=RunState.STOPPED)  # there is nothing to evaluate
                else:
                    # The worker closes the loop and evaluates what there is.
                    run.wanted = RunState.STOPPED
                    self._enqueue(run_id, urgent=True)
            run.changed()

    def pause(self, run_id: str) -> None:
        """Let a running run stand still, its device free for others, until ``resume``."""
        with self._lock:
            run = self._runs[run_id]
            if run.info.status is RunState.RUNNING:
                run.wanted = RunState.PAUSED
            elif run.info.status is RunState.QUEUED:
                self._queue.remove(run_id)
                run.set_info(status=RunState.PAUSED)
            run.changed()

    def resume(self, run_id: str) -> None:
        """Queue a paused, stopped, failed or interrupted run to go on where it was.

        Raises:
            UserError: too many runs of its owner wait already.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.info.status in RESUMABLE:
                self._require_place(run.info.owner)
                run.wanted = None
                self._enqueue(run_id)

    def delete(self, run_id: str) -> None:
        """Remove a run and its folder; an active one has to be stopped first.

        Raises:
            UserError: the run is active.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.info.status in WAITING_OR_RUNNING:
                raise UserError("run.active", name=run.info.name)
            del self._runs[run_id]
        run.close()  # a paused run still holds its network
        shutil.rmtree(run.folder.path)

    def change_result(self, run_id: str, change: Callable[[RunFolder], Mapping[str, Any]]) -> None:
        """Let ``change`` rewrite a run's model and give its result, unless the run is active."""
        with self._lock:
            run = self._runs[run_id]
            if run.info.status in ACTIVE:
                raise UserError("run.at_work")
            run.result = change(run.folder)
            run.changed()

    # ---- what a person can see

    def runs(self, owner: str) -> tuple[RunStatus, ...]:
        """All runs of one owner, the newest first."""
        return self._newest_first(lambda run: run.info.owner == owner)

    def all_runs(self) -> tuple[RunStatus, ...]:
        """Everybody's runs, the newest first."""
        return self._newest_first(lambda run: True)

    def _newest_first(self, wanted: Callable[[LiveRun], bool]) -> tuple[RunStatus, ...]:
        with self._lock:
            runs = [run for run in self._runs.values() if wanted(run)]
            runs.sort(key=lambda run: run.info.created, reverse=True)
            return tuple(self.status(run.info.id) for run in runs)

    def owns(self, owner: str, run_id: str) -> bool:
        """Whether ``run_id`` is a run of ``owner``; false for ids that do not exist."""
        with self._lock:
            return run_id in self._runs and self._runs[run_id].info.owner == owner

    def knows(self, run_id: str) -> bool:
        """Whether there is such a run, whoever's it is."""
        with self._lock:
            return run_id in self._runs

    def folder(self, run_id: str) -> RunFolder:
        """Where the run is kept on disk.

        Raises:
            UserError: no such run.
        """
        return self._runs[run_id].folder

    def status(self, run_id: str) -> RunStatus:
        """The run as it is now; the same object until something changes.

        Raises:
            UserError: no such run.
        """
        with self._lock:
            run = self._runs[run_id]
            if run.latest is None or run.latest.version != run.version:
                run.latest = self._describe(run)
            return run.latest

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
                self._queue.remove(run_id)
                run = self._runs[run_id]
                run.set_info(status=RunState.RUNNING, device=device, error=())
                for waiting in self._queue:  # each is one place further, which its owner may see
                    self._runs[waiting].changed()
            asked = partial(self._asked, run, time.monotonic())
            with self.gate.training():
                turn = WorkerTurn(run, device, self.gate, self._keep, asked, self.zerogpu)
                status, error = turn.take()
            with self._work:
                wanted, run.wanted = run.wanted, None
                if status in STANDING and wanted is RunState.STOPPED:  # asked for in the meantime
                    run.wanted = RunState.STOPPED
                    self._enqueue(run_id, urgent=True)
                elif status == RunState.QUEUED and wanted is not RunState.PAUSED:
                    self._enqueue(run_id)
                else:
                    run.set_info(
                        status=RunState.PAUSED if status == RunState.QUEUED else status,
                        error=error,
                    )
                self._work.notify_all()  # who was busy with it may have another one

    def _asked(self, run: LiveRun, began: float) -> RunState | None:
        """What a running run shall become between two of its events; ``None`` to go on."""
        if run.wanted:
            return run.wanted
        if self._closing:
            return RunState.INTERRUPTED
        turn = self.quotas.turn_minutes * 60
        if not turn or time.monotonic() - began < turn:
            return None
        with self._lock:
            return RunState.QUEUED if self._queue.others(run.info.owner) else None

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
            self._runs[run.info.id] = run
            if run.info.status in ACTIVE:
                run.set_info(status=RunState.INTERRUPTED)

    def _require_place(self, owner: str) -> None:
        most = self.quotas.waiting
        if most and self._queue.count(owner) >= most:
            raise UserError("run.too_many", count=most)

    def _next(self) -> str | None:
        return self._queue.next({run.info.owner for run in self._runs.running()})

    def _enqueue(self, run_id: str, *, urgent: bool = False) -> None:
        run = self._runs[run_id]
        run.set_info(status=RunState.QUEUED, error=())
        self._queue.add(run_id, run.info.owner, urgent=urgent)
        if not self._threads:
            for device in self.devices:
                name = f"worker {device}"
                thread = threading.Thread(target=self._loop, args=(device,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._work.notify_all()

    def _describe(self, run: LiveRun) -> RunStatus:
        if run.info.id not in self._queue:
            return run.describe()
        ahead = self._queue.ahead(run.info.id)
        return run.describe(place=len(ahead) + 1, wait_seconds=self._wait(ahead))

    def _wait(self, ahead: list[str]) -> float:
        """Seconds until the run behind those starts: what is left ahead, shared out."""
        left = [seconds_left(run.history) or run.budget() for run in self._runs.running()]
        left += [self._runs[run_id].budget() for run_id in ahead]
        turn = self.quotas.turn_minutes * 60 or math.inf
        return sum(min(turn, each) for each in left) / len(self.devices)
