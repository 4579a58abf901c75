"""Uploads become data sets.

Nothing that the browser says of a file is believed: neither its path nor its name. No Gradio here.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.core.home import new_id
from training.core.messages import UserError
from training.intake.report import Report
from training.intake.take_in import Limits, Progress, take_in
from training.jobs.datasets import DataSet, DatasetStore


def take_upload(
    datasets: DatasetStore,
    owner: str,
    sent: Mapping[str, Any],
    limits: Limits,
    progress: Progress,
    make_room: Callable[[], None],
) -> DataSet:
    """Make a data set of uploaded files; they are removed, whatever comes of it.

    ``sent`` is what the drop zone says: ``files``, each with the ``path`` where the server put
    it and the ``name`` it had in its folder, and ``failed``, why nothing could be sent.
    ``make_room`` may refuse them.

    Raises:
        UserError: nothing arrived, or ``training.intake`` or ``make_room`` refuses it.
    """
    failed = sent.get("failed")
    if failed == "too_big":
        raise UserError("intake.upload_too_big", limit=limits.upload_mb)
    if failed == "too_many":
        raise UserError("intake.too_many_files", limit=limits.files)
    if failed or not sent.get("files"):
        raise UserError("data.upload_failed")
    room = datasets.home.temp / new_id()
    try:
        files = _unpack_names(sent["files"], datasets.home.temp, room)
        make_room()
        if sum(path.stat().st_size for path in files) > limits.upload_bytes:
            raise UserError("intake.upload_too_big", limit=limits.upload_mb)
        source, name = _source(files, room)
        folder = datasets.folder_for_new()
        take_in(source, folder, limits=limits, name=name, progress=progress)
        return datasets.keep(owner, folder, name)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def require_upload(claim: str, temp: Path) -> Path:
    """The path that came back from the browser, if it is a plain file below ``temp``.

    Raises:
        UserError: it is none; no other may be touched.
    """
    path = Path(claim)
    if path.is_symlink() or not path.resolve().is_relative_to(temp.resolve()):
        raise UserError("data.upload_failed")
    if not path.is_file():
        raise UserError("data.upload_failed")
    return path


def _unpack_names(files: Sequence[Mapping[str, Any]], temp: Path, room: Path) -> list[Path]:
    """Move the files to their own names and folders below ``room``."""
    moved: list[Path] = []
    for number, file in enumerate(files):
        path = require_upload(str(file["path"]), temp)
        target = room.joinpath(*(safe_parts(str(file["name"])) or (f"{number}",)))
        if target.exists():
            target = target.with_name(f"{target.stem} ({number}){target.suffix}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
        moved.append(target)
    return moved


def _source(files: list[Path], room: Path) -> tuple[Path | list[Path], str]:
    """What ``take_in`` is to read, and what the person would call it."""
    if len(files) == 1:
        return files[0], files[0].name
    if all(path.parent == room for path in files):
        return files, "pictures"
    tops = sorted({path.relative_to(room).parts[0] for path in files})
    return room, tops[0] if len(tops) == 1 else "pictures"


def write_skipped(report: Report, path: Path, headers: Sequence[str], language: str) -> Path:
    """Write the files that were left out, and why, as CSV that spreadsheets open correctly.

    Gives ``path``, whose folder is made where there is none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The mark at the beginning tells Excel that this is UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headers)
        for each in report.skipped:
            writer.writerow([_inert(each.file), _inert(each.reason.text(language))])
    return path


def _inert(cell: str) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell


def safe_parts(name: str) -> tuple[str, ...]:
    """A file's name inside an upload as the parts of a relative path that stays inside.

    Characters that a file system refuses become ``_``; ``..`` and drives lose their meaning.
    """
    parts = [part.strip(" .") for part in re.split(r"[/\\]", name)]
    return tuple(re.sub(r'[\x00-\x1f<>:"|?*]', "_", part)[:100] for part in parts if part)
