"""One run's loop, from its folder and back into it; with no thread and no page."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric

from training.checkpoint import CheckpointDamaged
from training.classifier import train_classifier
from training.device import create_fabric, list_devices
from training.evaluate import conclude_classifier
from training.events import Event, Notice, Resumed
from training.record import RunFolder
from training.text import Message, UserError

log = logging.getLogger(__name__)


def open_run(folder: RunFolder, fabric: Fabric) -> Iterator[Event]:
    """The run's training loop, from its last checkpoint where there is one.

    Raises:
        UserError: the pictures are gone, the checkpoint is damaged, memory ran out, or whatever
            the loop itself raises.
    """
    about = folder.about()
    try:
        images, resume = folder.images(), folder.checkpoint()
    except CheckpointDamaged as problem:
        log.warning("%s", problem)
        raise UserError("run.damaged", name=about.name) from problem
    except FileNotFoundError as problem:
        raise UserError("run.no_data", name=about.name) from problem
    if (folder.path / "events.jsonl").exists():
        yield Resumed(resume.state["seconds"] if resume else 0.0)
    try:
        yield from train_classifier(folder.config(), images, fabric=fabric, resume=resume)
    except torch.cuda.OutOfMemoryError as problem:
        raise UserError("train.memory", device=str(fabric.device)) from problem


def conclude_run(folder: RunFolder, fabric: Fabric) -> Iterator[Event]:
    """Judge and keep the best model of a run that ends early; a notice where there is none."""
    last = folder.checkpoint()
    if last is None:
        yield Notice(Message("notice.stopped_early"))
        return
    yield from conclude_classifier(folder.config(), folder.images(), last, fabric=fabric)


def follow(folder: RunFolder, device: str) -> Iterator[Mapping[str, Any]]:
    """Run to the end in this thread, and give each line as it goes into ``events.jsonl``.

    ``device`` is a torch device name, or empty for the best one here.

    Raises:
        UserError: as ``open_run``; the run is marked as failed.
    """
    fabric = create_fabric(device or list_devices()[0])
    about = dataclasses.replace(folder.about(), device=str(fabric.device))
    error: tuple[Message, ...] = ()
    status = "interrupted"  # unless it gets further
    folder.write_about(dataclasses.replace(about, status="running", error=()))
    try:
        for event in open_run(folder, fabric):
            line = folder.record(event)
            if line is not None:
                yield line
        status = "finished"
    except UserError as problem:
        status, error = "failed", (problem.what, problem.fix)
        raise
    finally:
        folder.write_about(dataclasses.replace(about, status=status, error=error))
