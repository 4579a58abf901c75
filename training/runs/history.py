"""A run's curves, notices and previews."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.core.messages import Message


@dataclass(frozen=True)
class Point:
    """One value on a curve; ``seconds`` is training time, pauses excluded."""

    images_seen: int
    seconds: float
    value: float


@dataclass(frozen=True)
class History:
    """What a run's events add up to.

    ``curves`` are by metric, ``previews`` by the names of ``Preview`` events; ``shots`` says how
    far the run was at the newest picture of each kind. The rest is what the last ``Log`` said;
    earlier versions said no ``done`` and ``count``.
    """

    curves: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    notices: tuple[Message, ...] = ()
    previews: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shots: Mapping[str, int] = field(default_factory=dict)  # images seen at the newest of a kind
    phase: str = ""
    images_seen: int = 0
    seconds: float = 0.0
    progress: float = 0.0
    images_per_second: float = 0.0
    done: int = 0
    count: int = 0

    def after(self, line: Mapping[str, Any]) -> History:
        """This history and one more line of ``events.jsonl``; unknown events change nothing.

        Raises:
            KeyError, TypeError, AttributeError: the line is damaged.
        """
        match line["event"]:
            case "step":
                seen, seconds = line["images_seen"], line["seconds"]
                curves = dict(self.curves)
                for name, value in line["metrics"].items():
                    curves[name] = (*curves.get(name, ()), Point(seen, seconds, value))
                now = ("phase", "images_seen", "seconds", "progress", "images_per_second")
                counted = {key: line.get(key, 0) for key in ("done", "count")}
                return dataclasses.replace(
                    self, curves=curves, **{key: line[key] for key in now}, **counted
                )
            case "notice":
                message = Message.from_json(line["message"])
                if message in self.notices:  # a resumed run says it again
                    return self
                return dataclasses.replace(self, notices=(*self.notices, message))
            case "preview":
                return dataclasses.replace(
                    self, previews={**self.previews, line["name"]: line["data"]}
                )
            case "picture":
                shots = {**self.shots, line["name"]: line["images_seen"]}
                return dataclasses.replace(self, shots=shots)
            case "resumed":  # what was said after the checkpoint is about to be said again
                curves = {
                    name: tuple(point for point in points if point.seconds <= line["seconds"])
                    for name, points in self.curves.items()
                }
                shots = {k: min(v, line.get("images_seen", 0)) for k, v in self.shots.items()}
                seconds = line["seconds"]
                return History(curves, self.notices, self.previews, shots, seconds=seconds)
            case _:
                return self
