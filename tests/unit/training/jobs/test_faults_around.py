"""What may go wrong around a run that trains: no memory, no disk, no pictures, a wrong clock."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeSet
from tests.unit.training.gan.test_runs import LONG as LONG_GAN
from tests.unit.training.gan.test_runs import finite, quick_looks_and_saves
from tests.unit.training.jobs.test_faults import MIDDLE, goes_on
from tests.unit.training.jobs.test_manager import LONG, SHORT
from tests.waiting import has_saved, is_, wait
from training.classifier.learner import Learner
from training.core.home import Home
from training.core.messages import UserError
from training.features.store import FeatureStore
from training.gan.learner import GanLearner
from training.jobs.manager import RunManager
from training.jobs.quotas import Quotas
from training.jobs.storage import HOUR, Storage
from training.kinds import KINDS, Config
from training.runs import checkpoint as checkpoints
from training.runs.events import Event
from ui.common.access import choose_run

pytestmark = pytest.mark.slow

__all__ = ["quick_looks_and_saves"]  # a fixture for every test here

BOTH = pytest.mark.parametrize(
    ("config", "learner"),
    [
        pytest.param(MIDDLE, Learner, id="classifier"),
        pytest.param(LONG_GAN, GanLearner, id="gan"),
    ],
)


# ---- memory, numbers that are none, a full disk


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError("Unable to allocate 9 GiB for an array"),
    ],
    ids=["cuda", "mps", "cpu", "numpy"],
)
@BOTH
def test_out_of_memory_is_said_and_the_run_goes_on_once_there_is_some(
    manager: RunManager,
    make_set: MakeSet,
    monkeypatch: pytest.MonkeyPatch,
    config: Config,
    learner: type,
    problem: Exception,
) -> None:
    run = manager.start("ann", config, make_set({"red": 30, "green": 30}).folder, name="x")
    wait(manager, run, has_saved(manager, run))

    def heavy(*_: object) -> None:
        raise problem

    monkeypatch.setattr(learner, "step", heavy)
    failed = wait(manager, run, is_("failed", "finished"))
    said = failed.info.error[0].key
    assert said in ("error.train.memory.what", "error.gan.memory.what")
    assert failed.result is not None  # the best model so far is kept
    monkeypatch.undo()
    goes_on(manager, run)


def test_out_of_memory_at_the_judgement_is_said_too(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = manager.start("ann", MIDDLE, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run, has_saved(manager, run))

    def heavy(*_: object, **__: object) -> Iterator[Event]:
        raise RuntimeError("CUDA error: out of memory")

    classifier = dataclasses.replace(KINDS["classifier"], evaluate=heavy)
    monkeypatch.setitem(KINDS, "classifier", classifier)  # type: ignore[misc]
    manager.stop(run)
    failed = wait(manager, run, is_("failed", "stopped"))
    assert failed.info.error[0].key == "error.train.memory.what"
    monkeypatch.undo()
    assert goes_on(manager, run).result is not None


@BOTH
def test_a_loss_that_is_no_number_leaves_the_last_good_model_and_a_run_that_goes_on(
    manager: RunManager,
    make_set: MakeSet,
    monkeypatch: pytest.MonkeyPatch,
    config: Config,
    learner: type,
) -> None:
    step: Callable[..., Any] = learner.step  # type: ignore[attr-defined]

    def breaks(self: Any, *given: Any) -> Any:
        with torch.no_grad():
            network = self.model if learner is Learner else self.generator
            for weight in network.parameters():
                weight.fill_(math.nan)
        return step(self, *given)

    run = manager.start("ann", config, make_set({"red": 30, "green": 30}).folder, name="x")
    wait(manager, run, has_saved(manager, run))
    monkeypatch.setattr(learner, "step", breaks)
    failed = wait(manager, run, is_("failed", "finished"))
    assert failed.info.error[0].key in ("error.train.diverged.what", "error.gan.diverged.what")
    assert finite(checkpoints.load(manager.folder(run).path / "model").tensors)
    for line in manager.folder(run).lines():
        json.dumps(line, allow_nan=False)
    monkeypatch.undo()
    assert goes_on(manager, run).result is not None


def test_a_training_that_a_full_disk_has_no_room_for_is_refused_and_leaves_nothing(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_set({"red": 8, "green": 8}).folder

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError) as caught:
        manager.start("ann", SHORT, data, name="x")
    assert caught.value.key == "run.no_room" and not list(manager.home.runs.iterdir())
    monkeypatch.undo()
    assert manager.runs("ann") == ()
    wait(manager, manager.start("ann", SHORT, data, name="x"), is_("finished"))


# ---- pictures that vanish


QUICK = dataclasses.replace(SHORT, backbone="seedling-s", method="quick")


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is in use")
@pytest.mark.parametrize("config", [MIDDLE, QUICK, LONG_GAN], ids=["scratch", "quick", "gan"])
def test_pictures_deleted_under_a_run_are_missed_in_words(
    manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    data, others = (make_set({"red": 30, "green": 30}).folder for _ in range(2))
    add = FeatureStore.add

    def lost(self: FeatureStore, *given: Any) -> None:  # before a feature is kept beside them
        shutil.rmtree(data, ignore_errors=True)
        add(self, *given)

    monkeypatch.setattr(FeatureStore, "add", lost)
    run = manager.start("ann", config, data, name="x")
    if config is not QUICK:
        wait(manager, run, has_saved(manager, run))
        shutil.rmtree(data)
        manager.stop(run)
    gone = wait(manager, run, is_("failed", "stopped", "finished"))
    assert gone.status == "failed" and gone.info.error[0].key == "error.run.no_data.what"
    manager.resume(run)
    gone = wait(manager, run, is_("failed", "finished"))
    assert gone.info.error[0].key == "error.run.no_data.what"
    other = manager.start("bob", SHORT, others, name="y")
    assert wait(manager, other, is_("finished", "failed")).status == "finished"


# ---- a clock that is set


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """``set_clock(hours)``: from now on the wall clock goes wrong by so many hours."""
    real, wrong = time.time, 0.0

    def put(hours: float) -> None:
        nonlocal wrong
        wrong = hours * HOUR

    monkeypatch.setattr(time, "time", lambda: real() + wrong)
    return put


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_is_set_changes_no_duration_and_hides_no_run(
    manager: RunManager, make_set: MakeSet, set_clock: Callable[[float], None], hours: float
) -> None:
    data, began = make_set({"red": 8, "green": 8}).folder, time.monotonic()
    run = manager.start("ann", MIDDLE, data, name="x")
    wait(manager, run, has_saved(manager, run))
    set_clock(hours)
    looks = len(manager.status(run).history.curves["val/loss"])
    wait(manager, run, lambda now: len(now.history.curves["val/loss"]) > looks + 1)
    later = manager.start("ann", LONG, data, name="later")
    assert 0 <= (manager.status(later).wait_seconds or 0) <= 600
    assert 0 <= (manager.status(run).seconds_left or 0) <= 600
    manager.close()
    set_clock(-hours)
    restarted = RunManager(manager.home, ("cpu",))
    restarted.resume(run)
    done = wait(restarted, run, is_("finished", "failed"))
    assert done.result is not None and 0 < done.result["seconds"] <= time.monotonic() - began
    seconds = [point.seconds for point in done.history.curves["val/loss"]]
    assert seconds == sorted(seconds) and seconds[0] > 0
    third = restarted.start("ann", LONG, data, name="the one just started")
    shown = choose_run("", restarted.runs("ann"))
    assert shown is not None and shown.id == third and len(restarted.runs("ann")) == 3
    restarted.stop(third)
    restarted.close()


def test_a_clock_set_forward_forgets_nobody_who_is_here(
    tmp_path: Path, make_set: MakeSet, set_clock: Callable[[float], None]
) -> None:
    home, ann = Home(tmp_path / "home"), "a" * 32
    manager = RunManager(home, ("cpu",), Quotas(keep_hours=24))
    run = manager.start(ann, SHORT, make_set({"red": 8, "green": 8}).folder, name="x")
    wait(manager, run, is_("finished"))
    manager.close()
    storage = Storage(home, manager)
    storage.seen(ann)
    set_clock(48)
    assert storage.sweep() == [] and manager.owns(ann, run)
    restarted = Storage(home, manager)  # who has not been here since is as old as the clock says
    assert restarted.sweep() == [ann]
