"""Training in ZeroGPU's short calls.

ZeroGPU lends a GPU for one call at a time, so a loop runs in slices: one call each.

There is no GPU outside of a decorated call. The call runs in a forked process, which is ended
when its time is up; arguments and what it yields travel as pickles, and of an exception only the
name comes back (https://huggingface.co/docs/hub/spaces-zerogpu). So each slice goes on from the
run's last checkpoint, saves while there is time, and says in words how it ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from training.core.device import create_fabric
from training.core.messages import UserError
from training.jobs.runner import Work, open_loop
from training.runs.checkpoint import Checkpoint
from training.runs.events import Event, Finished, Resumed, Saved
from training.runs.folder import RunFolder

log = logging.getLogger(__name__)

CALL_SECONDS = 60  # asked for, for each call
WORK_SECONDS = 40.0  # of them; the rest is for the last step, saving, and the way back
MAX_LOST = 3  # slices in a row that came to nothing

Decorator = Callable[..., Any]  # spaces.GPU, or what behaves like it


@dataclass(frozen=True)
class Packed:
    """A ``Saved`` or ``Finished`` between two processes: tensors as plain bytes.

    Pickled tensors would each hold a file handle of shared memory.
    """

    tensors: bytes
    state: Mapping[str, Any]
    result: Mapping[str, Any] | None


@dataclass(frozen=True)
class Ended:
    """The last word of a slice; ``problem`` is the key of a ``UserError``, if there was one.

    What is ``broken`` is a bug, of which the log of the process has told.
    """

    problem: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    broken: bool = False


class SliceLost(Exception):
    """The call was refused, or ended before its last word."""


class ZeroGpu:
    """Runs loops where a GPU is lent. Has to be made before the page is launched.

    ``decorate`` is ``spaces.GPU``; inside of its calls there is a ``device``. A call asks for
    ``call_seconds`` and works for ``work_seconds`` of them.
    """

    def __init__(
        self,
        decorate: Decorator,
        device: str = "cuda",
        call_seconds: int = CALL_SECONDS,
        work_seconds: float = WORK_SECONDS,
    ) -> None:
        self._call = decorate(duration=call_seconds)(run_slice)
        self._there = device, work_seconds

    def events(self, folder: RunFolder, work: Work) -> Iterator[Event]:
        """The events of a loop, however many slices it takes.

        Raises:
            UserError: as the loop itself, or ``MAX_LOST`` slices in a row came to nothing.
            RuntimeError: the loop is broken.
        """
        lost, seamless = 0, False
        while True:
            saved = finished = False
            try:
                for event in self._slice(folder, work):
                    saved = saved or isinstance(event, Saved)
                    finished = finished or isinstance(event, Finished)
                    if not (seamless and isinstance(event, Resumed)):  # it never stopped
                        yield event
            except SliceLost as problem:
                log.warning("A slice of %s was lost: %r", folder.path.name, problem.__cause__)
                # One that got as far as a checkpoint was not for nothing.
                lost, seamless = 0 if saved else lost + 1, False
            else:
                lost, seamless = 0, True
                if finished or work == "conclude":
                    return
            if lost == MAX_LOST:
                raise UserError("run.no_gpu")
            time.sleep(lost)  # s, longer after each one in a row

    def _slice(self, folder: RunFolder, work: Work) -> Iterator[Event]:
        ended: Ended | None = None
        try:
            for said in self._call(str(folder.path), work, *self._there):
                if not isinstance(said, Ended):
                    yield unpacked(said)
                else:
                    ended = said
        except Exception as problem:  # the lender raises what it likes
            raise SliceLost from problem
        if ended is None:
            raise SliceLost
        if ended.broken:
            raise RuntimeError(f"The loop of {folder.path.name} is broken.")
        if ended.problem:
            raise UserError(ended.problem, **ended.values)


def run_slice(
    path: str, work: Work, device: str, seconds: float
) -> Iterator[Event | Packed | Ended]:
    """One call, in a process of its own: go on for about ``seconds`` with the run in ``path``.

    Errors are not raised: what comes last is an ``Ended``, which tells of them.
    """
    end = time.monotonic() + seconds
    torch.set_num_threads(1)  # the parent's threads are not there after a fork
    try:
        fabric = create_fabric(device)
        session = end - time.monotonic()
        for event in open_loop(RunFolder(Path(path)), fabric, work, session):
            yield packed(event)
    except UserError as problem:
        yield Ended(problem.key, problem.what.values)
    except Exception:
        log.exception("A slice of %s failed.", path)
        yield Ended(broken=True)
    else:
        yield Ended()


def packed(event: Event) -> Event | Packed:
    """An event, fit to be pickled: one with tensors becomes a ``Packed``, all others stay."""
    match event:
        case Saved(checkpoint):
            result = None
        case Finished(result, checkpoint):
            pass
        case _:
            return event
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in checkpoint.tensors.items()
    }
    return Packed(save(tensors), checkpoint.state, result)


def unpacked(said: Event | Packed) -> Event:
    """The reverse of ``packed``."""
    if not isinstance(said, Packed):
        return said
    checkpoint = Checkpoint(load(said.tensors), said.state)
    return Saved(checkpoint) if said.result is None else Finished(said.result, checkpoint)
