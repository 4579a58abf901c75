"""Servers that are killed and files that are damaged: no run is lost, and none is corrupt."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MakeSet
from tests.unit.training.gan.test_runs import finite
from tests.unit.training.jobs.test_manager import SHORT
from tests.waiting import has_saved, is_, wait
from training.core.home import Home
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint
from training.runs.folder import RunFolder
from training.runs.history import History, Point

pytestmark = pytest.mark.slow

MIDDLE = dataclasses.replace(SHORT, images=4000)  # some seconds; saved 16 times


def checked(manager: RunManager, run: str) -> Checkpoint:
    """The run's checkpoint, which is there and whole."""
    saved = manager.folder(run).checkpoint()
    assert saved is not None and finite(saved.tensors)
    return saved


def goes_on(manager: RunManager, run: str) -> RunStatus:
    """Resumed from its checkpoint, the run learns more; then it is stopped, and judged."""
    images_seen = checked(manager, run).state["images_seen"]
    manager.resume(run)
    wait(manager, run, lambda now: now.history.images_seen > images_seen)
    manager.stop(run)
    return wait(manager, run, is_("stopped"))


# ---- killed


def stand_still(home: Path, run: str, moment: int, said: Connection) -> None:
    """In a process of its own: train on, and stop dead in the middle of writing a checkpoint.

    ``moment`` counts what ``save`` asks of the file system; 0 is half way through the tensors.
    A first checkpoint is written as a whole.
    """
    files: Any = checkpoints
    save, save_tensors, left = files.save, files.save_file, itertools.count(moment, -1)
    writer = 0  # the thread that saves

    def stop(where: str) -> None:
        said.send(where)
        threading.Event().wait()

    def asks(event: str, _: object) -> None:
        calls_disk = event == "open" or event.startswith(("os.", "shutil."))
        if calls_disk and threading.get_ident() == writer and next(left) == 1:
            stop(event)

    def half(tensors: Any, path: Path) -> None:
        save_tensors(tensors, path)
        if writer and not moment:
            os.truncate(path, path.stat().st_size // 2)
            stop("tensors")

    def watched(folder: Path, checkpoint: Checkpoint) -> None:
        nonlocal writer
        is_first = RunFolder(folder.parent).checkpoint() is None
        writer = 0 if is_first else threading.get_ident()
        save(folder, checkpoint)
        if not is_first:
            writer = 0
            stop("saved")

    files.save, files.save_file = watched, half
    sys.addaudithook(asks)
    manager = RunManager(Home(home), ("cpu",))
    manager.resume(run)
    wait(manager, run, is_("finished", "failed"))
    said.send("ended")


def known_until(history: History, seconds: float) -> dict[str, list[Point]]:
    """What the curves say of the first ``seconds``."""
    curves = history.curves.items()
    return {name: [each for each in points if each.seconds <= seconds] for name, points in curves}


def begin_alike(now: History, before: dict[str, list[Point]]) -> bool:
    return all(list(now.curves[name][: len(known)]) == known for name, known in before.items())


@pytest.mark.slow
def test_a_kill_at_any_moment_of_writing_a_checkpoint_loses_nothing(
    tmp_path: Path, make_set: MakeSet
) -> None:
    """One run, killed again and again, each time one request to the disk later."""
    data, home = make_set({"red": 8, "green": 8}).folder, Home(tmp_path / "home")
    config = dataclasses.replace(SHORT, images=2000)
    manager = RunManager(home, ("cpu",))
    run = manager.start("ann", config, data, name="x")
    manager.pause(run)
    manager.close()
    processes: Any = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    if os.name != "nt":
        processes.set_forkserver_preload(["tests.unit.training.jobs.test_faults"])
    folder, where, images_seen = RunFolder(home.runs / run), list[str](), 0
    before = dict[str, list[Point]]()
    while "saved" not in where:
        here, there = processes.Pipe()
        child = processes.Process(
            target=stand_still, args=(home.path, run, len(where), there), daemon=True
        )
        child.start()
        assert here.poll(60), where
        where.append(here.recv())
        child.kill()  # SIGKILL
        child.join()
        saved = folder.checkpoint()
        assert (
            saved is not None
            and finite(saved.tensors)
            and saved.state["images_seen"] >= images_seen
        )
        images_seen = saved.state["images_seen"]
        found = RunManager(home, ("cpu",)).status(run)
        assert found.status == "interrupted" and begin_alike(found.history, before)
        before = known_until(found.history, saved.state["seconds"])
        assert before["val/accuracy"][-1].images_seen == images_seen
    assert where[0] == "tensors" and where.count("os.rename") == 2 and len(where) > 10
    restarted = RunManager(home, ("cpu",))
    restarted.resume(run)
    done = wait(restarted, run, is_("finished", "failed"))
    restarted.close()
    assert done.result is not None and done.result["images_seen"] == 2000
    assert begin_alike(done.history, before)
    assert not [path for path in folder.path.iterdir() if path.suffix in (".new", ".old")]


# ---- damaged on the disk


def test_a_damaged_checkpoint_is_named_wherever_it_is_and_nobody_else_suffers(
    manager: RunManager, make_set: MakeSet
) -> None:
    data, rng = make_set({"red": 8, "green": 8}).folder, np.random.default_rng(0)
    run = manager.start("ann", MIDDLE, data, name="x")
    wait(manager, run, has_saved(manager, run))
    manager.stop(run)
    wait(manager, run, is_("stopped"))
    for file in sorted((manager.folder(run).path / "checkpoint").iterdir()):
        whole = file.read_bytes()
        places = [*rng.integers(0, len(whole), 4).tolist(), 0, len(whole) - 1]
        flipped = [_flip(whole, place, int(rng.integers(8))) for place in places]
        for damaged in [*flipped, *(whole[:place] for place in places)]:
            file.write_bytes(damaged)
            manager.resume(run)
            failed = wait(manager, run, is_("failed", "finished"))
            assert [m.key for m in failed.info.error][:1] == ["error.run.damaged.what"], file
        file.write_bytes(whole)
    other = manager.start("bob", SHORT, data, name="y")
    assert wait(manager, other, is_("finished", "failed")).status == "finished"
    assert goes_on(manager, run).result is not None


def _flip(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_damaged_events_cost_only_themselves(manager: RunManager, make_set: MakeSet) -> None:
    """Half a line at the end, and bits that flipped in the middle."""
    config = dataclasses.replace(SHORT, images=1600)
    run = manager.start("ann", config, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run, has_saved(manager, run))
    manager.close()  # cut short some time after its first checkpoint
    file = manager.folder(run).path / "events.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    for name in (b'"event"', b'"images_seen"', b'"metrics"'):  # still JSON, and no sense
        lines.append(lines[-1].replace(name, name.replace(b"e", b"a")))
    kept = manager.status(run).history
    file.write_bytes(b"".join([*lines, lines[-1][: len(lines[-1]) // 2]]))
    restarted = RunManager(manager.home, ("cpu",))
    assert restarted.status(run).history == kept
    restarted.resume(run)
    done = wait(restarted, run, is_("finished", "failed"))
    restarted.close()
    assert done.status == "finished"
    again = RunManager(manager.home, ("cpu",)).status(run).history
    assert again.curves == done.history.curves and again.progress == 1.0
