"""Step 3: what is said, and which buttons there are, in each state of a run."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import gradio as gr
import pytest

from training.core.home import Home, new_id
from training.core.messages import LANGUAGES
from training.intake.limits import Limits
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.runs.events import Log, to_json
from training.runs.folder import RunInfo
from training.runs.history import History
from training.runs.state import RunState
from ui.page import Page
from ui.watch.view import PREPARING, numbers_html, status_html, waiting_html

RESULT = {"accuracy": 0.9}
BUTTONS = {
    RunState.QUEUED: {"pause", "stop"},
    RunState.RUNNING: {"pause", "stop"},
    RunState.PAUSED: {"resume", "stop", "delete"},
    RunState.FINISHED: {"result", "delete"},
    RunState.STOPPED: {"result", "resume", "delete"},
    RunState.FAILED: {"resume", "delete"},
    RunState.INTERRUPTED: {"resume", "delete"},
}


def run_in(status: RunState, history: History | None = None, kind: str = "classifier") -> RunStatus:
    info = RunInfo(
        id=new_id(),
        owner=new_id(),
        kind=kind,
        name="Leaves",
        created=1.0,
        data="../../datasets/gone",
        edits={},
        config={"minutes": 3, "method": "quick", "backbone": "seedling-s", "seed": 0},
        status=status,
    )
    done = status in (RunState.FINISHED, RunState.STOPPED)
    return RunStatus(1, info, history or History(), result=RESULT if done else None)


def after(*events: Log) -> History:
    history = History()
    for event in events:
        line = to_json(event)
        assert line is not None
        history = history.after(line)
    return history


@pytest.mark.parametrize("status", RunState)
def test_there_are_only_buttons_that_do_something(tmp_path: Path, status: RunState) -> None:
    home = Home(tmp_path)
    watch = Page(home, RunManager(home, ("cpu",)), Limits()).tabs["watch"]
    updates = watch._show_run(run_in(status), "en")
    names = ("result", "pause", "resume", "stop", "delete")
    shown = {name for name in names if updates[getattr(watch, f"{name}_btn")].visible}
    assert shown == BUTTONS[status]
    assert all(not getattr(watch, f"{name}_btn").visible for name in names)  # before there is a run


def test_a_list_with_one_run_is_not_shown(tmp_path: Path) -> None:
    home = Home(tmp_path)
    watch = Page(home, RunManager(home, ("cpu",)), Limits()).tabs["watch"]
    run = run_in(RunState.FINISHED)
    who = watch.app.visitor(run.info.owner, "en", "", run.id, {})
    for runs in ((run,), (run, run_in(RunState.RUNNING))):
        picker = watch._show_runs(who, run, runs)[watch.picker]
        assert isinstance(picker, gr.Dropdown) and picker.visible == (len(runs) > 1)


def test_what_was_started_is_drawn_without_waiting_for_a_poll(tmp_path: Path) -> None:
    home = Home(tmp_path)
    page = Page(home, RunManager(home, ("cpu",)), Limits())
    watch, train = page.tabs["watch"], page.tabs["train"]
    (start,) = (
        number
        for number, each in page.blocks.fns.items()
        if (train.start_btn._id, "click") in each.targets
    )
    follows = [each for each in page.blocks.fns.values() if each.trigger_after == start]
    assert any(watch.status in each.outputs for each in follows)


def test_a_run_can_be_compared_from_its_first_point_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    page = Page(home, RunManager(home, ("cpu",)), Limits())
    watch, begun = page.tabs["watch"], after(Log("head", 0, 3.0, 0.5, 0.0, {"val/accuracy": 0.1}))
    first = run_in(RunState.FINISHED, begun)
    second = run_in(RunState.RUNNING)
    runs = [first, second]
    monkeypatch.setattr(page.app.manager, "runs", lambda owner: tuple(runs))
    who = watch.app.visitor(first.info.owner, "en", "", second.id, {})
    updates, drawn = watch.refresh(who, {})
    assert not updates[watch.compare.chosen].visible
    runs[1] = dataclasses.replace(second, version=2, history=begun)
    updates, _ = watch.refresh(who, drawn)
    assert updates[watch.compare.chosen].visible


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phase", [phase for phase in PREPARING if phase])
def test_before_the_curves_begin_their_place_says_what_goes_on(phase: str, language: str) -> None:
    event = Log(phase, 0, 2.0, 0.1, 0.0, done=120, count=600)
    said = waiting_html(run_in(RunState.RUNNING, after(event)), language)
    assert phase == "prepare" or re.search(r"120\b.*\b600", said)
    begun = after(event, Log("head", 0, 3.0, 0.5, 0.0, {"val/loss": 1.8}))
    assert waiting_html(run_in(RunState.RUNNING, begun), language) == ""


def test_a_run_that_has_only_begun_says_something() -> None:
    run = run_in(RunState.RUNNING)
    assert "Opening the network" in waiting_html(run, "en")
    assert "Leaves</b> is getting ready" in status_html(run, "en")
    learning = run_in(RunState.RUNNING, after(Log("head", 0, 3.0, 0.5, 0.0, {"val/loss": 1.8})))
    assert "Leaves</b> is learning" in status_html(learning, "en")
    waits = dataclasses.replace(run_in(RunState.QUEUED), place=2)
    assert "place 2" in status_html(waits, "en") and waiting_html(waits, "en")


def test_once_there_are_curves_getting_ready_is_said_beside_the_name() -> None:
    """As *lp_ft* does, which looks for a learning rate after its head is fitted."""
    head = Log("head", 0, 3.0, 0.5, 0.0, {"val/loss": 1.8})
    history = after(head, Log("rate", 0, 4.0, 0.5, 20.0, done=7, count=48))
    run = run_in(RunState.RUNNING, history)
    assert "step 7 of 48" in status_html(run, "en") and waiting_html(run, "en") == ""


def test_generators_and_ended_runs_wait_for_no_curves() -> None:
    for run in (run_in(RunState.RUNNING, kind="gan"), run_in(RunState.FINISHED)):
        assert waiting_html(run, "en") == ""


def test_a_history_of_an_earlier_version_has_no_counts() -> None:
    line = to_json(Log("features", 32, 2.0, 0.1, 50.0))
    assert line is not None
    old = {name: value for name, value in line.items() if name not in ("done", "count")}
    history = History().after(old)
    assert (history.images_seen, history.done, history.count) == (32, 0, 0)
    assert "32" in numbers_html(run_in(RunState.RUNNING, history), "en")


def test_headings_have_no_gaps() -> None:
    said = status_html(run_in(RunState.RUNNING), "en")
    assert re.findall(r"<h(\d)", said) == ["2"]
