"""Who is looking, and which of their runs is shown."""

from __future__ import annotations

from dataclasses import dataclass

from training.core.home import new_id
from ui.common.access import choose_run, owner_from

ANNA, BEN = new_id(), new_id()


@dataclass(frozen=True)
class Run:
    """As much of a snapshot as the choice looks at."""

    id: str
    status: str


def test_a_known_browser_keeps_its_id() -> None:
    assert owner_from(ANNA) == ANNA


def test_the_run_shown_is_the_one_wanted_then_the_one_at_work_then_the_newest() -> None:
    runs = [Run("3", "finished"), Run("2", "running"), Run("1", "stopped")]
    assert choose_run("1", runs).id == "1"  # type: ignore[arg-type, union-attr]
    assert choose_run("9", runs).id == "2"  # type: ignore[arg-type, union-attr]
    assert choose_run("", runs[::2]).id == "3"  # type: ignore[arg-type, union-attr]
    assert choose_run("1", []) is None
