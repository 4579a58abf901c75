"""Runs in background threads: queue, pause, stop, resume, and what outlives the server."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeSet
from tests.source import ROOT
from tests.waiting import has_saved, is_, wait
from training.classifier.config import ClassifierConfig
from training.core.home import Home
from training.core.messages import UserError
from training.jobs.manager import RunManager
from training.runs.events import Tick
from training.runs.folder import RunFolder

pytestmark = pytest.mark.slow

SHORT = ClassifierConfig(
    backbone="seedling_net", method="scratch", images=80, image_size=32, batch_size=8, lr=0.003
)
LONG = dataclasses.replace(SHORT, images=16_000)


def test_a_run_ends_with_a_result_that_can_be_read_without_the_app(
    manager: RunManager, make_set: MakeSet
) -> None:
    data = make_set({"red": 12, "green": 12}).folder
    run_id = manager.start("ann", SHORT, data, name="colours", edits={"red": "rot"})
    done = wait(manager, run_id, is_("finished", "failed"))
    assert done.status == "finished" and done.result is not None
    assert done.history.progress == 1.0
    assert done.history.curves["val/accuracy"]
    folder = manager.home.runs / run_id
    assert json.loads((folder / "result.json").read_text("utf-8"))["classes"] == ["rot", "green"]
    assert json.loads((folder / "run.json").read_text("utf-8"))["status"] == "finished"
    assert (folder / "model" / "state.json").exists()
    assert manager.status(run_id) is done  # nothing changed, so nothing is built again


def test_first_come_first_served(manager: RunManager, make_set: MakeSet) -> None:
    data = make_set({"red": 8, "green": 8}).folder
    first, second, third = (manager.start("ann", LONG, data, name=n) for n in "abc")
    wait(manager, first, is_("running"))
    assert [manager.status(each).place for each in (second, third)] == [1, 2]
    waits = [manager.status(each).wait_seconds for each in (second, third)]
    assert waits[0] is not None and waits[1] is not None and waits[0] < waits[1]
    manager.stop(third)  # leaves the queue without ever running
    manager.stop(first)
    wait(manager, second, is_("running"))
    manager.stop(second)
    wait(manager, third, is_("stopped"))
    assert manager.status(third).result is None


def test_stop_keeps_the_best_model(manager: RunManager, make_set: MakeSet) -> None:
    run_id = manager.start("ann", LONG, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, has_saved(manager, run_id))
    manager.stop(run_id)
    stopped = wait(manager, run_id, is_("stopped"))
    assert stopped.result is not None and 0 < stopped.result["images_seen"] < LONG.images  # type: ignore[operator]


def test_pause_frees_the_device_and_resume_goes_on(manager: RunManager, make_set: MakeSet) -> None:
    data = make_set({"red": 8, "green": 8}).folder
    first = manager.start("ann", LONG, data, name="long")
    wait(manager, first, lambda status: status.history.images_seen > 0)
    manager.pause(first)
    paused = wait(manager, first, is_("paused"))
    second = manager.start("bob", SHORT, data, name="short")
    wait(manager, second, is_("finished"))
    assert manager.status(first).history.images_seen == paused.history.images_seen
    manager.resume(first)
    wait(manager, first, lambda now: now.history.images_seen > paused.history.images_seen)
    manager.stop(first)
    wait(manager, first, is_("stopped"))


def test_what_a_person_can_mend_is_said_and_a_bug_is_not_shown(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_class = manager.start("ann", SHORT, make_set({"red": 8}).folder, name="x")
    failed = wait(manager, one_class, is_("failed"))
    assert failed.info.error[0].key == "error.train.one_class.what"

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("training.jobs.worker.open_loop", broken)
    bug = manager.start("ann", SHORT, make_set({"red": 8, "blue": 8}).folder, name="x")
    failed = wait(manager, bug, is_("failed"))
    assert failed.info.error[0].key == "error.bug.what"
    assert "secret" not in json.dumps(failed.info.to_json())
    monkeypatch.undo()
    manager.resume(bug)  # and the worker is still alive
    assert wait(manager, bug, is_("finished")).info.error == ()


def test_everybody_sees_their_own_runs_only(manager: RunManager, make_set: MakeSet) -> None:
    data = make_set({"red": 8, "green": 8}).folder
    mine = manager.start("ann", SHORT, data, name="mine")
    assert [status.id for status in manager.runs("ann")] == [mine]
    assert manager.runs("bob") == ()
    assert manager.owns("ann", mine) and not manager.owns("bob", mine)
    assert not manager.owns("ann", "0" * 32)


def test_delete_asks_to_stop_first(manager: RunManager, make_set: MakeSet) -> None:
    run_id = manager.start("ann", LONG, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, is_("running"))
    with pytest.raises(UserError):
        manager.delete(run_id)
    manager.stop(run_id)
    wait(manager, run_id, is_("stopped"))
    manager.delete(run_id)
    assert not manager.owns("ann", run_id)
    assert not (manager.home.runs / run_id).exists()


def test_stop_takes_a_waiting_run_out_of_the_queue_at_once(
    manager: RunManager, make_set: MakeSet
) -> None:
    data = make_set({"red": 8, "green": 8}).folder
    first, second = (manager.start("ann", LONG, data, name=name) for name in "ab")
    wait(manager, first, is_("running"))
    manager.stop(second)
    assert manager.status(second).status == "stopped"
    assert manager.status(first).status == "running"
    manager.stop(first)
    wait(manager, first, is_("stopped"))


def test_stopping_a_paused_run_judges_what_it_has(manager: RunManager, make_set: MakeSet) -> None:
    run_id = manager.start("ann", LONG, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, has_saved(manager, run_id))
    manager.pause(run_id)
    wait(manager, run_id, is_("paused"))
    manager.stop(run_id)
    assert wait(manager, run_id, is_("stopped")).result is not None


def test_resumed_before_its_first_checkpoint_the_curves_begin_again(
    manager: RunManager, make_set: MakeSet
) -> None:
    config = dataclasses.replace(LONG, images=200_000)  # looked at only every 12,500 images
    run_id = manager.start("ann", config, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, lambda now: bool(now.history.curves.get("train/loss")))
    manager.stop(run_id)
    wait(manager, run_id, is_("stopped"))
    before = manager.status(run_id).history.curves["train/loss"]
    manager.resume(run_id)
    wait(manager, run_id, is_("running"))
    points = wait(
        manager, run_id, lambda now: before[-1] not in now.history.curves.get("train/loss", before)
    ).history.curves["train/loss"]
    assert [point.seconds for point in points] == sorted(point.seconds for point in points)
    manager.stop(run_id)
    wait(manager, run_id, is_("stopped"))


def test_a_damaged_checkpoint_is_named_and_not_called_a_bug(
    manager: RunManager, make_set: MakeSet
) -> None:
    run_id = manager.start("ann", LONG, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, has_saved(manager, run_id))
    manager.stop(run_id)
    wait(manager, run_id, is_("stopped"))
    file = manager.folder(run_id).path / "checkpoint" / "tensors.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    manager.resume(run_id)
    assert wait(manager, run_id, is_("failed")).info.error[0].key == "error.run.damaged.what"


def test_a_full_disk_does_not_end_the_worker(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_set({"red": 8, "green": 8}).folder
    first = manager.start("ann", LONG, data, name="x")
    wait(manager, first, lambda status: status.history.images_seen > 0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "record", full)
    monkeypatch.setattr(RunFolder, "write_info", full)
    wait(manager, first, is_("failed"))
    monkeypatch.undo()
    second = manager.start("ann", SHORT, data, name="y")
    assert wait(manager, second, is_("finished")).result is not None


def test_a_damaged_result_does_not_keep_the_app_from_starting(
    manager: RunManager, make_set: MakeSet
) -> None:
    run_id = manager.start("ann", SHORT, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, is_("finished"))
    (manager.folder(run_id).path / "result.json").write_text("{half")
    restarted = RunManager(manager.home, devices=("cpu",))
    assert restarted.runs("ann") == ()


def test_deleted_pictures_are_said(manager: RunManager, make_set: MakeSet, tmp_path: Path) -> None:
    run_id = manager.start("ann", SHORT, tmp_path / "nowhere", name="x")
    assert wait(manager, run_id, is_("failed")).info.error[0].key == "error.run.no_data.what"


def test_the_person_at_the_slider_comes_first(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def count_steps(folder: object, fabric: object, work: str) -> Iterator[Tick]:
        nonlocal steps
        while work == "train":
            steps += 1
            yield Tick()

    def steps_in(seconds: float) -> int:
        before = steps
        time.sleep(seconds)
        return steps - before

    monkeypatch.setattr("training.jobs.worker.open_loop", count_steps)
    run_id = manager.start("ann", LONG, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run_id, is_("running"))
    with manager.gate.foreground():
        held = steps_in(1.5)
    assert held <= 4  # two a second: held back, but never starved
    assert steps_in(1.5) > 10 * held
    manager.stop(run_id)
    wait(manager, run_id, is_("stopped"))


def test_a_killed_server_loses_nothing_that_was_saved(
    manager: RunManager, make_set: MakeSet, tmp_path: Path
) -> None:
    """SIGKILL in mid-run; a new server shows the run as interrupted and resumes it to the end."""
    data = make_set({"red": 8, "green": 8}).folder
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from training.jobs.manager import RunManager\nfrom training.core.home import Home\n"
        "from training.classifier.config import ClassifierConfig\n"
        f"manager = RunManager(Home(Path({str(tmp_path / 'home')!r})), devices=('cpu',))\n"
        f"config = ClassifierConfig(**{dataclasses.replace(SHORT, images=1200).to_json()!r})\n"
        f"print(manager.start('ann', config, Path({str(data)!r}), name='x'), flush=True)\n"
        "time.sleep(600)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    run_id = server.stdout.readline().strip()
    folder = RunFolder(tmp_path / "home" / "runs" / run_id)
    deadline = time.monotonic() + 60
    while folder.checkpoint() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(server.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    server.wait()
    saved = folder.checkpoint()
    assert saved is not None
    restarted = RunManager(Home(tmp_path / "home"), devices=("cpu",))
    assert restarted.status(run_id).status == "interrupted"
    kept = restarted.status(run_id).history.curves["val/accuracy"]
    restarted.resume(run_id)
    done = wait(restarted, run_id, is_("finished", "failed"))
    assert done.status == "finished" and done.result is not None
    assert done.result["images_seen"] == 1200
    known = [point for point in kept if point.seconds <= saved.state["seconds"]]
    assert list(done.history.curves["val/accuracy"][: len(known)]) == known
    restarted.close()
