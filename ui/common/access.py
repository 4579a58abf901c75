"""Who may see which run.

A browser keeps one unguessable id. Data sets carry their owner's id beside them, runs in their
``run.json``; every handler asks here before it touches either. Pure: knows the disk, not the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.core.home import new_id
from training.core.messages import UserError
from training.jobs.datasets import is_id
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.runs.state import ACTIVE


def owner_from(value: object) -> str:
    """The id that a browser brought, or a new one for a browser that brought none of ours."""
    return str(value) if is_id(value) else new_id()


def choose_run(wanted: object, mine: Sequence[RunStatus]) -> RunStatus | None:
    """The run to show: the one wanted, else the newest at work, else the newest of all.

    ``mine`` are the owner's runs only, the newest first, so no other can be chosen.
    """
    for run in mine:
        if run.id == wanted:
            return run
    return next((run for run in mine if run.status in ACTIVE), mine[0] if mine else None)


def run_labels(runs: Sequence[RunStatus]) -> dict[str, str]:
    """Run id to a name that no other of these runs has: ``name``, ``name (2)`` and so on."""
    labels: dict[str, str] = {}
    for run in reversed(runs):  # the oldest keeps the plain name
        label, number = run.info.name, 1
        while label in labels.values():
            number += 1
            label = f"{run.info.name} ({number})"
        labels[run.id] = label
    return labels


def require_run(manager: RunManager, owner: str, run_id: object) -> str:
    """``run_id``, a browser's claim, once it is sure that it is a run of ``owner``.

    Raises:
        UserError: there is no such run, or it is somebody else's, which is not told apart.
    """
    if not is_id(owner) or not is_id(run_id) or not manager.owns(owner, str(run_id)):
        raise UserError("page.no_such_run")
    return str(run_id)
