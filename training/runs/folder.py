"""The folder of a run.

``run.json`` (rewritten as a whole), ``events.jsonl`` (append-only), ``checkpoint/``, ``model/``,
``previews/`` (``samples-000012800.png``: the samples after 12,800 images) and ``result.json``.
Everything can be read without the app.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from models.weights import is_shipped, load_shipped, read_card
from training.core.files import is_full, write_json
from training.core.media import write_png
from training.core.messages import Message, UserError
from training.data.imageset import SET_FILES, ImageSet
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint
from training.runs.events import Event, Finished, Picture, Resumed, Saved, to_json
from training.runs.history import History
from training.runs.state import RunState

log = logging.getLogger(__name__)


MAX_SHOTS = 400  # previews of one kind that a run keeps; then every second one goes


@dataclass(frozen=True)
class RunInfo:
    """The content of ``run.json``: what a run is, and what has become of it.

    ``edits`` are old class names to new ones, ``None`` for a class that is left out. ``owner`` is
    empty for runs of the command line. ``rival`` is the id of the run that this one was started to
    be compared with, see ``training.experiments.duel``.
    """

    id: str
    owner: str
    kind: str  # a key of training.kinds.KINDS
    name: str
    created: float  # seconds since 1970
    data: str  # the picture set's folder; relative to the run's folder where it lies inside
    edits: Mapping[str, str | None]
    config: Mapping[str, Any]
    status: RunState = RunState.QUEUED
    device: str = ""
    error: tuple[Message, ...] = ()  # what happened and how to mend it
    rival: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ``run.json`` holds it; the values of ``RunState`` are strings already."""
        data = dataclasses.asdict(self)
        return {**data, "error": [message.to_json() for message in self.error]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunInfo:
        """The reverse of ``to_json``.

        Raises:
            KeyError: there is no "status" or "error".
            TypeError: a field is missing or unknown.
            ValueError: the status is none of ``RunState``.
        """
        error = tuple(Message.from_json(each) for each in data["error"])
        return cls(**{**data, "status": RunState(data["status"]), "error": error})


class RunFolder:
    """Reads and writes the folder ``path``, which need not exist yet. Nothing is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, info: RunInfo) -> RunFolder:
        """Make the folder with its ``run.json``.

        Raises:
            UserError: the disk is full; a folder that was made for it is gone.
        """
        is_new, folder = not path.exists(), cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder.write_info(info)
        except OSError as problem:
            if is_new:
                shutil.rmtree(path, ignore_errors=True)
            if is_full(problem):
                raise UserError("run.no_room") from problem
            raise
        return folder

    def info(self) -> RunInfo:
        """The newest ``run.json``.

        Raises:
            FileNotFoundError: this is no run folder.
        """
        text = (self.path / "run.json").read_text(encoding="utf-8")
        return RunInfo.from_json(json.loads(text))

    def write_info(self, info: RunInfo) -> None:
        """Replace ``run.json`` atomically."""
        write_json(self.path / "run.json", info.to_json())

    def images(self) -> ImageSet:
        """The pictures of the run, with the classes as they were edited when it began.

        Raises:
            FileNotFoundError: the picture set has been deleted.
        """
        info = self.info()
        return ImageSet.open(self.path / info.data).edited(info.edits)

    def has_images(self) -> bool:
        """Whether all files of the picture set are still there; they may lie outside the folder."""
        folder = self.path / self.info().data
        return all((folder / name).is_file() for name in SET_FILES)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line to ``events.jsonl``; half a line of a killed writer is ended first."""
        path = self.path / "events.jsonl"
        with path.open("ab+") as file:
            if file.tell() and not _ends_with_newline(file):
                file.write(b"\n")
            file.write(json.dumps(line).encode() + b"\n")

    def record(self, event: Event) -> dict[str, Any] | None:
        """Write one event where it belongs: a checkpoint, the model, a picture, a line.

        Returns:
            The line that was appended to ``events.jsonl``, or ``None``.

        Raises:
            OSError: no space or no permission; an older checkpoint or picture is untouched.
        """
        match event:
            case Saved(checkpoint):
                checkpoints.save(self.path / "checkpoint", checkpoint)
            case Finished(result, model):
                checkpoints.save(self.path / "model", model)
                write_json(self.path / "result.json", result)
            case Picture(name, images_seen, _, pixels):
                self._keep_shot(name, images_seen, pixels)
            case Resumed(_, images_seen):
                # The loop comes past these moments once more and draws them anew.
                for seen, path in self._shots("*"):
                    if seen > images_seen:
                        path.unlink(missing_ok=True)
        line = to_json(event)
        if line is not None:
            self.append(line)
        return line

    def _keep_shot(self, name: str, images_seen: int, pixels: Any) -> None:
        folder = self.path / "previews"
        folder.mkdir(exist_ok=True)
        write_png(folder / f"{name}-{images_seen:09d}.png", pixels)
        shots = self._shots(name)
        if len(shots) > MAX_SHOTS:
            for _, path in shots[-2::-2]:  # never the newest
                path.unlink(missing_ok=True)

    def _shots(self, name: str) -> list[tuple[int, Path]]:
        paths = (self.path / "previews").glob(f"{name}-*.png")
        return sorted((int(path.stem.rpartition("-")[2]), path) for path in paths)

    def shots(self, name: str) -> tuple[tuple[int, Path], ...]:
        """The previews of a kind such as "samples", oldest first: (images seen by then, file)."""
        return tuple(self._shots(name))

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """The lines of ``events.jsonl``; one that a crash cut short is left out and logged."""
        path = self.path / "events.jsonl"
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(file, 1):
                try:
                    yield json.loads(text)
                except ValueError:
                    log.warning("%s line %d is damaged and was left out.", path, number)

    def history(self) -> History:
        """All lines added up; one that makes no sense is left out and logged."""
        history = History()
        for line in self.lines():
            try:
                history = history.after(line)
            except (KeyError, TypeError, AttributeError) as problem:
                log.warning("%s: a line is damaged and was left out: %r", self.path, problem)
        return history

    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, or ``None`` when the run never reached one.

        Raises:
            CheckpointDamaged: there is one, but it can't be read.
        """
        try:
            return checkpoints.load(self.path / "checkpoint")
        except FileNotFoundError:
            return None

    def has_weights(self) -> bool:
        """Whether there is a model or a checkpoint that another run could begin with."""
        return any((self.path / name).exists() for name in ("model", "checkpoint"))

    def result(self) -> Mapping[str, Any] | None:
        """What ``result.json`` says; ``None`` until the run has been evaluated."""
        path = self.path / "result.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def load_model(folder: Path) -> Checkpoint:
    """The finished model of the run in ``folder``, or the shipped model there.

    Raises:
        UserError: there is none yet, or it can't be read.
    """
    try:
        if is_shipped(folder):
            return Checkpoint(load_shipped(folder), read_card(folder)["model"])
        return checkpoints.load(folder / "model")
    except FileNotFoundError as problem:
        raise UserError("run.no_model", name=folder.name) from problem
    except (checkpoints.CheckpointDamaged, SafetensorError) as problem:
        raise UserError("run.damaged", name=folder.name) from problem


def _ends_with_newline(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")
