"""One turn of a run on a device: its loop, event by event, until it ends or something is asked."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lightning_fabric import Fabric

from training.device import create_fabric
from training.events import Event
from training.gate import Gate
from training.live import LiveRun
from training.runner import conclude_run, open_run
from training.text import UserError

log = logging.getLogger(__name__)

STANDING = ("paused", "queued")  # the loop is kept where it stands, to go on with
DISK_ERRORS = {errno.ENOSPC: "run.disk_full", errno.EDQUOT: "run.disk_full"}
DISK_ERRORS |= dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "run.read_only")


@dataclass(frozen=True)
class Turn:
    """``keep`` records an event; ``asked`` says what the run shall become, if anything."""

    run: LiveRun
    device: str
    gate: Gate
    keep: Callable[[LiveRun, Event], None]
    asked: Callable[[], str]

    def take(self) -> str:
        """Iterate the loop until it ends or has to make room; gives the run's new status.

        Raises:
            UserError: as ``open_run`` and the loops, or the disk takes no more.
        """
        with _disk_errors():
            fabric = create_fabric(self.device)
            status = "stopped" if self.run.wanted == "stop" else self._iterate(fabric)
            if status == "stopped":
                self.run.close()
                self._conclude(fabric)
            return status

    def _iterate(self, fabric: Fabric) -> str:
        run, status = self.run, ""
        if run.events_device != self.device:
            run.close()
        run.events = run.events or open_run(run.folder, fabric)
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
            self._rescue(fabric)
            raise
        finally:
            if status not in STANDING:
                run.close()

    def _conclude(self, fabric: Fabric) -> None:
        for event in conclude_run(self.run.folder, fabric):
            self.keep(self.run, event)
            self.gate.hold_back()

    def _rescue(self, fabric: Fabric) -> None:
        """Keep the best model of a run that failed; why it failed is what will be said."""
        try:
            if (self.run.folder.path / "checkpoint").exists():
                self._conclude(fabric)
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
        key = DISK_ERRORS.get(problem.errno or 0)
        if key is None:
            raise
        raise UserError(key) from problem
