"""The events of a training loop.

A loop yields them and knows nothing of who listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.core.messages import Message
from training.runs.checkpoint import Checkpoint


@dataclass(frozen=True)
class Log:
    """Progress. ``progress`` is the share of the whole run done, 0 to 1.

    ``seconds`` is training time so far, pauses excluded; ``metrics`` are named as in
    ``train/loss`` or ``val/accuracy`` and may be empty (the run is alive, nothing new to plot).
    A phase that prepares says how many things it is through with: ``done`` of ``count``.
    """

    phase: str
    images_seen: int
    seconds: float
    progress: float
    images_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    done: int = 0
    count: int = 0


@dataclass(frozen=True)
class Notice:
    """A sentence for the person, such as what the plan is; a resumed run may say it again."""

    message: Message


@dataclass(frozen=True)
class Preview:
    """Something to draw, by name: ``lr_range`` carries ``{rates, losses, chosen}``."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A picture of this moment, by name: ``samples`` is the same latents drawn again and again.

    ``pixels`` is (H, W, 3) uint8.
    """

    name: str
    images_seen: int
    seconds: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Saved:
    """All that is needed to go on from here, and the best model so far inside it."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Finished:
    """The end: the result's plain data, and the model to keep as its own checkpoint."""

    result: Mapping[str, Any]
    model: Checkpoint


@dataclass(frozen=True)
class Tick:
    """A moment between two steps: nothing to tell, but time to pause, stop or let others in."""


@dataclass(frozen=True)
class Resumed:
    """The loop goes on from a checkpoint; what was said after it will be said again."""

    seconds: float
    images_seen: int = 0


Event = Log | Tick | Resumed | Notice | Preview | Picture | Saved | Finished


def to_json(event: Event) -> dict[str, Any] | None:
    """One line of ``events.jsonl``, or ``None`` for events whose content goes to files."""
    match event:
        case Log():
            return {"event": "step", **asdict(event)}  # its name in files since the first version
        case Preview() | Resumed():
            return {"event": type(event).__name__.lower(), **asdict(event)}
        case Picture(name, images_seen, seconds):  # the pixels go into a PNG file
            return {
                "event": "picture",
                "name": name,
                "images_seen": images_seen,
                "seconds": seconds,
            }
        case Notice(message):
            return {"event": "notice", "message": message.to_json()}
        case _:
            return None
