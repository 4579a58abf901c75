"""One turn on a device.

A worker iterates a run's loop, event by event, until it ends or something else is asked for.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from training.core.device import create_fabric
from training.core.files import is_full
from training.core.messages import Message, UserError
from training.jobs.gate import Gate
from training.jobs.live import LiveRun
from training.jobs.runner import Work, open_loop
from training.jobs.zerogpu import ZeroGpu
from training.runs.events import Event
from training.runs.state import RunState

log = logging.getLogger(__name__)

STANDING = (RunState.PAUSED, RunState.QUEUED)  # the loop is kept where it stands, to go on with
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class WorkerTurn:
    """A run, the device it gets for this turn, and what the loop reports to.

    ``keep`` records an event; ``asked`` says between two events what the run shall become, or
    ``None`` to go on. Where the device is lent for a call at a time, ``zerogpu`` borrows it.
    """

    run: LiveRun
    device: str
    gate: Gate
    keep: Callable[[LiveRun, Event], None]
    asked: Callable[[], RunState | None]
    zerogpu: ZeroGpu | None = None

    def take(self) -> tuple[RunState, tuple[Message, ...]]:
        """Iterate the loop until it ends or has to make room.

        Returns:
            The run's new status and, where it failed, what happened and how to mend it.
        """
        try:
            with _disk_errors():
                wanted = self.run.wanted
                status = wanted if wanted is RunState.STOPPED else self._iterate()
                if status is RunState.STOPPED:
                    self.run.close()
                    self._conclude()
                return status, ()
        except UserError as problem:
            return RunState.FAILED, (problem.what, problem.fix)
        except Exception:
            log.exception("Run %s failed.", self.run.info.id)
            return RunState.FAILED, (Message("error.bug.what"), Message("error.bug.fix"))

    def _iterate(self) -> RunState:
        run = self.run
        status: RunState | None = None
        if run.events_device != self.device:
            run.close()  # its network is elsewhere: begin again from the last checkpoint
        run.events = run.events or self._loop("train")
        run.events_device = self.device
        try:
            for event in run.events:
                self.keep(run, event)
                self.gate.hold_back()  # people who want a picture come before the next step
                status = self.asked()
                if status:
                    return status
            return RunState.FINISHED
        except UserError:
            self._rescue()
            raise
        finally:
            if status not in STANDING:
                run.close()

    def _loop(self, work: Work) -> Iterator[Event]:
        if self.zerogpu is not None:
            return self.zerogpu.events(self.run.folder, work)
        return open_loop(self.run.folder, create_fabric(self.device), work)

    def _conclude(self) -> None:
        for event in self._loop("conclude"):
            self.keep(self.run, event)
            self.gate.hold_back()

    def _rescue(self) -> None:
        """Keep the best model of a run that failed; why it failed is what will be said."""
        try:
            if (self.run.folder.path / "checkpoint").exists():
                self._conclude()
        except Exception:
            log.exception("Nothing could be kept of run %s.", self.run.info.id)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn the errors of a full or locked disk, which people can mend, into a ``UserError``.

    Raises:
        UserError: the disk takes no more, or may not be written to.
    """
    try:
        yield
    except OSError as problem:
        if is_full(problem):
            raise UserError("run.disk_full") from problem
        if problem.errno in READ_ONLY:
            raise UserError("run.read_only") from problem
        raise
