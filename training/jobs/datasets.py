"""Data sets and their owners."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.core.files import is_full, write_json
from training.core.home import Home, new_id
from training.core.messages import UserError
from training.data.imageset import ImageSet

Edits = dict[str, str | None]


def is_id(value: object) -> bool:
    """Whether ``value`` has the form of an id; says nothing of whether it is known."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


@dataclass(frozen=True)
class DataSet:
    """One person's pictures, and how they want the classes called.

    ``source`` is what the command line would call the data: a file name or a source's name.
    """

    id: str
    folder: Path
    source: str
    created: float
    edits: tuple[Edits, ...]  # oldest first; the last one holds

    def original(self) -> ImageSet:
        """The pictures with the classes as they came, whatever was edited since.

        Raises:
            FileNotFoundError: the data set has been deleted.
        """
        return ImageSet.open(self.folder)

    def images(self) -> ImageSet:
        """The pictures with ``current_edits`` applied: what a run learns from.

        Raises:
            FileNotFoundError: the data set has been deleted.
        """
        return self.original().edited(self.current_edits())

    def current_edits(self) -> Edits:
        """Old class name to new one, ``None`` where the class is left out."""
        return self.edits[-1] if self.edits else {}


class DatasetStore:
    """The data sets of all people, each seen by its owner only. No folder is made early."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def account(self, name: str) -> str:
        """The id of somebody who has signed in by this name, in whatever browser."""
        key = self.home.secret("link-secret").encode()
        return hmac.new(key, f"account {name}".encode(), hashlib.sha256).hexdigest()[:32]

    def folder_for_new(self) -> Path:
        """Where a new data set may be written; it is nobody's until ``keep``."""
        return self.home.datasets / new_id()

    def keep(self, owner: str, folder: Path, source: str) -> DataSet:
        """Give the data set in ``folder`` to ``owner``.

        Raises:
            UserError: the disk is full; the data set is gone.
        """
        data = {"owner": owner, "source": source, "created": time.time()}
        try:
            write_json(folder / "owner.json", data)
        except OSError as problem:
            shutil.rmtree(folder, ignore_errors=True)  # it would be nobody's for good
            if is_full(problem):
                raise UserError("intake.disk_filled") from problem
            raise
        found = self.find(owner, folder.name)
        if found is None:
            raise ValueError(f"{folder} is not a data set of this home.")
        return found

    def find(self, owner: str, dataset_id: object) -> DataSet | None:
        """The data set of that id, which may be whatever a browser sent, if it is ``owner``'s."""
        if not is_id(owner) or not is_id(dataset_id):
            return None
        folder = self.home.datasets / str(dataset_id)
        about = _read(folder / "owner.json")
        if about is None or about["owner"] != owner or not (folder / "imageset.json").exists():
            return None
        edits = _read(folder / "edits.json") or []
        return DataSet(folder.name, folder, about["source"], about["created"], tuple(edits))

    def require(self, owner: str, dataset_id: object) -> DataSet:
        """Like ``find``.

        Raises:
            UserError: there is none, or it is somebody else's, which is not told apart.
        """
        found = self.find(owner, dataset_id)
        if found is None:
            raise UserError("data.none")
        return found

    def edit(self, dataset: DataSet, edits: Edits) -> None:
        """Remember ``edits`` as what holds from now on."""
        write_json(dataset.folder / "edits.json", [*dataset.edits, edits])

    def undo(self, dataset: DataSet) -> None:
        """Go back to the edits before; nothing happens when there are none."""
        write_json(dataset.folder / "edits.json", list(dataset.edits[:-1]))


def read_edits(rows: Sequence[tuple[str, str]]) -> Edits:
    """Rows of (class as it came, name wanted) as edits; an empty name leaves the class out.

    Raises:
        UserError: no class would be left.
    """
    edits = {old: _clean(wanted) for old, wanted in rows}
    if not any(edits.values()):
        raise UserError("data.no_class_left")
    return {old: name or None for old, name in edits.items() if name != old}


def _clean(name: object) -> str:
    return " ".join(str(name or "").split())[:80]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
