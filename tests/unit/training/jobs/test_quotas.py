"""Many people and one machine: the line, turns, and what one person may ask for."""

from __future__ import annotations

import dataclasses
import errno
import time
from pathlib import Path

import pytest

from tests.conftest import MakeSet
from tests.unit.training.jobs.test_manager import LONG, SHORT
from tests.waiting import has_saved, is_, wait
from training.core.home import Home
from training.core.messages import UserError
from training.jobs.manager import RunManager
from training.jobs.queue import RunQueue
from training.jobs.quotas import Quotas

pytestmark = pytest.mark.slow


def test_the_line_is_first_come_first_served_and_one_at_a_time_per_person() -> None:
    line = RunQueue()
    for run, owner in (("a1", "ann"), ("a2", "ann"), ("b1", "bob")):
        line.add(run, owner)
    assert list(line) == ["a1", "a2", "b1"] and line.ahead("b1") == ["a1", "a2"]
    assert line.next(set()) == "a1"
    assert line.next({"ann"}) == "b1"
    assert line.next({"ann", "bob"}) is None
    line.add("a3", "ann", urgent=True)
    assert line.next({"ann", "bob"}) == "a3" and line.count("ann") == 3
    line.remove("a3")
    assert line.next({"ann", "bob"}) is None and "a3" not in line
    line.add("a3", "ann")  # urgent once is not urgent for ever
    assert line.next({"ann", "bob"}) is None
    assert line.others("ann") and line.others("bob")
    line.remove("b1")
    assert not line.others("ann")


@pytest.mark.parametrize("bound", [f.name for f in dataclasses.fields(Quotas)])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_bounds_that_make_no_sense_are_refused(bound: str, value: float) -> None:
    with pytest.raises(ValueError, match=bound):
        Quotas(**{bound: value})  # type: ignore[arg-type]


def managed(tmp_path: Path, devices: int = 1, **bounds: float) -> RunManager:
    quotas = Quotas(**bounds)  # type: ignore[arg-type]
    return RunManager(Home(tmp_path / "shared"), ("cpu",) * devices, quotas)


def test_a_person_may_have_so_many_waiting_and_others_as_many(
    tmp_path: Path, make_set: MakeSet
) -> None:
    data, manager = make_set({"red": 8, "green": 8}).folder, managed(tmp_path, waiting=2)
    runs = [manager.start("ann", LONG, data, name="first")]
    wait(manager, runs[0], is_("running"))
    runs += [manager.start("ann", LONG, data, name=name) for name in "bc"]
    with pytest.raises(UserError) as caught:
        manager.start("ann", LONG, data, name="one too many")
    assert caught.value.key == "run.too_many" and "2" in caught.value.text()
    assert len(list(manager.home.runs.iterdir())) == 3  # nothing of it was made
    runs.append(manager.start("bob", LONG, data, name="another's"))
    manager.pause(runs[1])
    runs.append(manager.start("ann", LONG, data, name="d"))
    with pytest.raises(UserError, match="queue"):
        manager.resume(runs[1])
    for run in runs[::-1]:
        manager.stop(run)
    manager.close()


def test_two_devices_serve_two_people_rather_than_one(tmp_path: Path, make_set: MakeSet) -> None:
    data, manager = make_set({"red": 8, "green": 8}).folder, managed(tmp_path, devices=2)
    first, second = (manager.start("ann", LONG, data, name=name) for name in "ab")
    bobs = manager.start("bob", LONG, data, name="c")
    wait(manager, first, is_("running"))
    wait(manager, bobs, is_("running"))
    assert manager.status(second).status == "queued"
    manager.stop(first)
    wait(manager, second, is_("running"))  # the device that ann's first one has left
    for run in (second, bobs):
        manager.stop(run)
        wait(manager, run, is_("stopped"))
    manager.close()


def test_a_long_run_makes_room_for_others_and_goes_on_after_them(
    tmp_path: Path, make_set: MakeSet
) -> None:
    data, manager = make_set({"red": 8, "green": 8}).folder, managed(tmp_path, turn_minutes=0.02)
    long = manager.start("ann", LONG, data, name="long")
    own = manager.start("ann", SHORT, data, name="her next one")
    time.sleep(2.5)
    assert manager.status(long).status == "running"  # for herself nobody makes room
    short = manager.start("bob", SHORT, data, name="short")
    assert (manager.status(short).wait_seconds or 0) <= 2 * 0.02 * 60
    wait(manager, long, is_("queued"))
    images_seen = manager.status(long).history.images_seen
    wait(manager, short, is_("finished"))
    wait(manager, long, lambda now: now.history.images_seen > images_seen)  # no step is made twice
    assert not any(line["event"] == "resumed" for line in manager.folder(long).lines())
    manager.stop(long)
    wait(manager, long, is_("stopped"))
    wait(manager, own, is_("finished"))
    manager.close()


@pytest.mark.parametrize(
    ("number", "key"), [(errno.ENOSPC, "run.disk_full"), (errno.EROFS, "run.read_only")]
)
def test_a_disk_that_takes_no_more_stops_a_run_that_can_be_resumed(
    tmp_path: Path,
    make_set: MakeSet,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    key: str,
) -> None:
    data, manager = make_set({"red": 8, "green": 8}).folder, managed(tmp_path)
    run = manager.start("ann", LONG, data, name="x")
    wait(manager, run, has_saved(manager, run))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "as the disk says it")

    monkeypatch.setattr("training.runs.checkpoint.save_file", refuse)
    failed = wait(manager, run, is_("failed"))
    assert failed.info.error[0].key == f"error.{key}.what"
    assert manager.folder(run).checkpoint() is not None
    monkeypatch.undo()
    manager.resume(run)
    wait(manager, run, lambda now: now.history.images_seen > failed.history.images_seen)
    manager.stop(run)
    wait(manager, run, is_("stopped"))
    manager.close()
