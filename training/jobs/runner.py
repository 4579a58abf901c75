"""One run, from its folder.

Its loop is read from there, and its events are recorded there; with no thread and no page.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessRaisedException

from training.core.device import create_fabric, is_out_of_memory, list_devices
from training.core.files import write_json
from training.core.messages import Message, UserError
from training.kinds import KINDS, read_config
from training.runs.checkpoint import Checkpoint, CheckpointDamaged
from training.runs.events import Event, Notice, Resumed
from training.runs.folder import RunFolder
from training.runs.state import RunState

log = logging.getLogger(__name__)

Work = Literal["train", "conclude"]
Say = Callable[[Mapping[str, Any]], None]


def open_run(folder: RunFolder, fabric: Fabric, session: float = math.inf) -> Iterator[Event]:
    """The run's training loop, from its last checkpoint where there is one.

    After ``session`` seconds it saves and ends, to be opened again.

    Raises:
        UserError: the pictures are gone, the checkpoint is damaged, memory ran out, or whatever
            the loop itself raises.
    """
    with _in_words(folder, fabric):
        images, resume = folder.images(), folder.checkpoint()
        if (folder.path / "events.jsonl").exists():
            yield resumed(resume)
        config, kind = read_config(folder), KINDS[folder.info().kind]
        yield from kind.train(config, images, fabric=fabric, resume=resume, session=session)


def resumed(checkpoint: Checkpoint | None) -> Resumed:
    """The event of a run that goes on from ``checkpoint``, or from its beginning without one."""
    if checkpoint is None:
        return Resumed(0.0, 0)
    state = checkpoint.state
    # Earlier versions called it "seen".
    images_seen = state["images_seen"] if "images_seen" in state else state["seen"]
    return Resumed(state["seconds"], images_seen)


@contextmanager
def _in_words(folder: RunFolder, fabric: Fabric) -> Iterator[None]:
    """Turn what a person can mend into a ``UserError``, whenever it happens.

    Raises:
        UserError: the pictures are gone, the checkpoint is damaged, or memory ran out.
    """
    try:
        yield
    except CheckpointDamaged as problem:
        log.warning("%s", problem)
        raise UserError("run.damaged", name=folder.info().name) from problem
    except FileNotFoundError as problem:
        if folder.has_images():
            raise
        raise UserError("run.no_data", name=folder.info().name) from problem
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        raise UserError("train.memory", device=str(fabric.device)) from problem


def evaluate_run(folder: RunFolder, fabric: Fabric) -> Iterator[Event]:
    """Evaluate and keep the best model of a run that ends early; a notice where there is none.

    Raises:
        UserError: the pictures are gone, the checkpoint is damaged, or memory ran out.
    """
    with _in_words(folder, fabric):
        last = folder.checkpoint()
        if last is None:
            yield Notice(Message("notice.stopped_early"))
            return
        config, kind = read_config(folder), KINDS[folder.info().kind]
        yield from kind.evaluate(config, folder.images(), last, fabric=fabric)


def open_loop(
    folder: RunFolder, fabric: Fabric, work: Work, session: float = math.inf
) -> Iterator[Event]:
    """``open_run`` to "train", or ``evaluate_run`` to "conclude", which takes no ``session``.

    Raises:
        UserError: as these do, while the events are iterated.
    """
    if work == "train":
        return open_run(folder, fabric, session)
    return evaluate_run(folder, fabric)


def follow(folder: RunFolder, device: str, say: Say, *, processes: int = 1) -> None:
    """Run to the end, and give ``say`` each line as it goes into ``events.jsonl``.

    ``device`` is a torch device name, or empty for the best one here. More than one of
    ``processes`` train one model together, each on its share of every batch; ``say`` is then
    called in the first of them.

    Raises:
        UserError: as ``open_run``; the run is marked as failed.
    """
    fabric = create_fabric(device or list_devices()[0], processes)
    info = dataclasses.replace(folder.info(), device=str(fabric.device))
    error: tuple[Message, ...] = ()
    status = RunState.INTERRUPTED  # unless it gets further
    folder.write_info(dataclasses.replace(info, status=RunState.RUNNING, error=()))
    try:
        if processes == 1:
            _record_all(fabric, folder, say)
        else:
            _record_together(fabric, folder, say)
        status = RunState.FINISHED
    except UserError as problem:
        status, error = RunState.FAILED, (problem.what, problem.fix)
        _keep_best(folder, info.device)
        raise
    finally:
        folder.write_info(dataclasses.replace(info, status=status, error=error))


def _keep_best(folder: RunFolder, device: str) -> None:
    """Keep the best model of a run that failed; only why it failed is told to the person."""
    try:
        if (folder.path / "checkpoint").exists():
            for event in evaluate_run(folder, create_fabric(device)):
                folder.record(event)
    except Exception:
        log.exception("Nothing could be kept of %s.", folder.path)


def _record_together(fabric: Fabric, folder: RunFolder, say: Say) -> None:
    """Start all processes, and bring what a person can mend back from them.

    Raises:
        UserError: as ``open_run`` does in any of them.
    """
    problem = folder.path / "problem.json"
    problem.unlink(missing_ok=True)
    try:
        fabric.launch(partial(_take_part, folder=folder, say=say))
    except ProcessRaisedException:
        if not problem.exists():
            raise
        said = json.loads(problem.read_text(encoding="utf-8"))
        raise UserError(said["key"], **said["values"]) from None
    finally:
        problem.unlink(missing_ok=True)


def _take_part(fabric: Fabric, folder: RunFolder, say: Say) -> None:
    """One of several processes; an exception's content would not survive the way out of it."""
    try:
        _record_all(fabric, folder, say)
    except UserError as problem:
        said = {"key": problem.key, "values": dict(problem.what.values)}
        write_json(folder.path / "problem.json", said)
        raise


def _record_all(fabric: Fabric, folder: RunFolder, say: Say) -> None:
    """One process's part; all iterate in step, but only the first one records what happens."""
    for event in open_run(folder, fabric):
        line = folder.record(event) if fabric.is_global_zero else None
        if line is not None:
            say(line)
