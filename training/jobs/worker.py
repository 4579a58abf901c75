"""One turn of a run on a device: its loop, event by event, until it ends or something is asked."""

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
from training.jobs.zerogpu import Slices
from training.runs.events import Event

log = logging.getLogger(__name__)

STANDING = ("paused", "queued")  # the loop is kept where it stands, to go on with
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Turn:
    """``keep`` records an event; ``asked`` says what the run shall become, if anything.

    Where the device is lent for a call at a time, ``slices`` borrows it.
    """

    run: LiveRun
    device: str
    gate: Gate
    keep: Callable[[LiveRun, Event], None]
    asked: Callable[[], str]
    slices: Slices | None = None

    def take(self) -> tuple[str, tuple[Message, ...]]:
        """Iterate the loop until it ends or has to make room.

        Gives the run's new status and, where that is "failed", what happened and how to mend it.
        """
        try:
            with _disk_errors():
                status = "stopped" if self.run.wanted == "stop" else self._iterate()
                if status == "stopped":
                    self.run.close()
                    self._conclude()
                return status, ()
        except UserError as problem:
            return "failed", (problem.what, problem.fix)
        except Exception:
            log.exception("Run %s failed.", self.run.about.id)
            return "failed", (Message("error.bug.what"), Message("error.bug.fix"))

    def _iterate(self) -> str:
        run, status = self.run, ""
        if run.events_device != self.device:
            run.close()
        run.events = run.events or self._loop("train")
        run.events_device = self.device
        try:
            for event in run.events:
                self.keep(run, event)
                self.gate.hold_back()
                status = self.asked()
                if status:
                    return status
            return "finished"
        except UserError:
            self._rescue()
            raise
        finally:
            if status not in STANDING:
                run.close()

    def _loop(self, work: Work) -> Iterator[Event]:
        if self.slices is not None:
            return self.slices.events(self.run.folder, work)
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
            log.exception("Nothing could be kept of run %s.", self.run.about.id)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A full or locked disk is something that people can mend.

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
