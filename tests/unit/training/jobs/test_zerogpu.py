"""A GPU that is lent for a call at a time: the same runs in slices, by the lender's rules."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.conftest import MakeSet
from tests.source import ROOT
from tests.unit.training.gan.test_train import TINY
from tests.unit.training.jobs.test_manager import LONG, SHORT
from tests.waiting import has_saved, is_, wait
from training.core.device import create_fabric, hide_gpu, list_devices
from training.core.home import Home
from training.core.messages import UserError
from training.gan.train import train_gan
from training.jobs.manager import RunManager
from training.jobs.zerogpu import ZeroGpu, packed, unpacked
from training.runs.checkpoint import Checkpoint, load
from training.runs.events import Finished, Saved, Tick

pytestmark = pytest.mark.slow


@pytest.fixture
def lender(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A ZeroGPU Space, as this process sees it."""
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    from tests.zerogpu import spaces

    spaces.pretend()
    hide_gpu()
    yield spaces
    spaces.be_honest()


def lent(lender: ModuleType, tmp_path: Path, call: int = 60, work: float = 40) -> RunManager:
    return RunManager(Home(tmp_path / "home"), zerogpu=ZeroGpu(lender.GPU, "cpu", call, work))


def calls(lender: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been lent a GPU, from now on."""
    made: list[object] = []
    process = lender._fork.Process

    def noted(**options: object) -> object:
        made.append(options)
        return process(**options)

    monkeypatch.setattr(lender._fork, "Process", noted)
    return made


def test_outside_of_a_call_nobody_looks_for_a_gpu(lender: ModuleType) -> None:
    def step() -> None:
        weight = torch.zeros(2, requires_grad=True)
        weight.sum().backward()
        torch.optim.Adam([weight]).step()

    assert list_devices() == ("cpu",)
    step()
    lender.pretend()  # what it would be like without
    with pytest.raises(RuntimeError, match="outside"):
        step()


def test_without_a_gpu_inside_a_run_fails_rather_than_crawls(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet
) -> None:
    manager = RunManager(Home(tmp_path / "home"), zerogpu=ZeroGpu(lender.GPU))
    run = manager.start("ann", SHORT, make_set({"red": 12, "green": 12}).folder, name="x")
    failed = wait(manager, run, is_("finished", "failed"))
    assert failed.info.error[0].key == "error.device.missing.what"
    manager.close()


def test_a_classifier_in_slices_is_one_run(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calls(lender, monkeypatch)
    manager = lent(lender, tmp_path, work=0.7)
    assert manager.devices == ("zerogpu",)
    config = dataclasses.replace(SHORT, images=2400)
    run = manager.start("ann", config, make_set({"red": 12, "green": 12}).folder, name="x")
    done = wait(manager, run, is_("finished", "failed"))
    assert done.status == "finished" and done.result is not None, done.info.error
    assert len(made) > 2
    assert done.history.images_seen >= 2400 and done.history.progress == 1.0
    for points in done.history.curves.values():
        seconds = [point.seconds for point in points]
        assert seconds == sorted(seconds)
    lines = [line["event"] for line in manager.folder(run).lines()]
    assert "resumed" not in lines  # nobody need know
    manager.close()


def test_a_generator_in_slices_is_the_very_same(
    lender: ModuleType,
    tmp_path: Path,
    make_set: MakeSet,
    monkeypatch: pytest.MonkeyPatch,
    one_thread: None,
) -> None:
    images = make_set({"red": 40, "green": 40})
    config = dataclasses.replace(TINY, images=120)
    events = train_gan(config, images, fabric=create_fabric("cpu"))
    whole = next(event.model for event in events if isinstance(event, Finished))
    made = calls(lender, monkeypatch)
    manager = lent(lender, tmp_path, work=0.5)
    run = manager.start("ann", config, images.folder, name="x")
    wait(manager, run, is_("finished", "failed"))
    model = load(manager.folder(run).path / "model")
    assert len(made) > 1
    assert model.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(model.tensors[name], whole.tensors[name]) for name in whole.tensors)
    manager.close()


def test_a_slice_that_is_cut_off_goes_on_from_its_last_checkpoint(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calls(lender, monkeypatch)
    manager = lent(lender, tmp_path, call=2, work=60)
    config = dataclasses.replace(SHORT, images=5000)
    run = manager.start("ann", config, make_set({"red": 12, "green": 12}).folder, name="x")
    done = wait(manager, run, is_("finished", "failed"))
    assert done.status == "finished" and len(made) > 1
    assert any(line["event"] == "resumed" for line in manager.folder(run).lines())
    manager.close()


def test_where_no_gpu_is_lent_it_is_said_and_nothing_is_lost(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.jobs.zerogpu.time.sleep", lambda _: None)
    manager = lent(lender, tmp_path, work=1.5)
    config = dataclasses.replace(SHORT, images=2400)
    run = manager.start("ann", config, make_set({"red": 12, "green": 12}).folder, name="x")
    wait(manager, run, has_saved(manager, run))
    monkeypatch.setenv(lender.REFUSED, "4")  # three for the training, one for its conclusion
    failed = wait(manager, run, is_("finished", "failed"))
    assert failed.status == "failed"
    assert failed.info.error[0].key == "error.run.no_gpu.what"
    monkeypatch.setenv(lender.REFUSED, "2")
    manager.resume(run)
    assert wait(manager, run, is_("finished", "failed")).status == "finished"
    manager.close()


def test_what_a_person_can_mend_is_said_with_its_numbers(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UserError("train.diverged", rate="0.5")

    monkeypatch.setattr("training.classifier.train.split_images", refuse)  # the fork inherits it
    manager = lent(lender, tmp_path)
    run = manager.start("ann", SHORT, make_set({"red": 12, "green": 12}).folder, name="x")
    failed = wait(manager, run, is_("finished", "failed"))
    assert [message.key for message in failed.info.error] == [
        "error.train.diverged.what",
        "error.train.diverged.fix",
    ]
    assert "0.5" in failed.info.error[0].text()

    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("training.classifier.train.split_images", break_down)
    manager.resume(run)
    failed = wait(manager, run, is_("finished", "failed"))
    assert failed.info.error[0].key == "error.bug.what"  # and not that there is no GPU
    manager.close()


def test_pause_and_stop_in_the_middle_of_a_slice(
    lender: ModuleType, tmp_path: Path, make_set: MakeSet
) -> None:
    manager = lent(lender, tmp_path)
    run = manager.start("ann", LONG, make_set({"red": 12, "green": 12}).folder, name="x")
    wait(manager, run, has_saved(manager, run))
    manager.pause(run)
    paused = wait(manager, run, is_("paused"))
    manager.resume(run)
    wait(manager, run, lambda now: now.history.images_seen > paused.history.images_seen)
    manager.stop(run)
    stopped = wait(manager, run, is_("stopped", "failed"))
    assert stopped.status == "stopped" and stopped.result is not None  # judged in a slice, too
    manager.close()


def test_events_travel_as_pickles() -> None:
    weights = torch.arange(6.0).reshape(2, 3)
    checkpoint = Checkpoint({"a/b": weights.T, "shared": weights}, {"seen": 3})
    for event in (Saved(checkpoint), Finished({"accuracy": 1.0}, checkpoint), Tick()):
        back = unpacked(pickle.loads(pickle.dumps(packed(event))))
        assert type(back) is type(event)
        if isinstance(back, Saved):
            assert torch.equal(back.checkpoint.tensors["a/b"], weights.T)
            assert back.checkpoint.state == {"seen": 3}
        if isinstance(back, Finished):
            assert back.result == {"accuracy": 1.0}
            assert torch.equal(back.model.tensors["shared"], weights)


SPACE = """
import sys
from pathlib import Path
import app
from training.classifier.config import ClassifierConfig
from training.core.home import Home
from training.jobs.manager import RunManager

zerogpu = app.borrow()
if zerogpu is None:
    sys.exit("no ZeroGPU")
manager = RunManager(Home(Path(sys.argv[1])), zerogpu=zerogpu)
assert manager.devices == ("zerogpu",)
"""


@pytest.mark.parametrize(("says", "lends"), [("true", True), ("", False)])
def test_the_environment_decides(tmp_path: Path, says: str, lends: bool) -> None:
    env = {**os.environ, "SPACES_ZERO_GPU": says, "PYTHONPATH": str(ROOT / "tests" / "zerogpu")}
    command = [sys.executable, "-c", SPACE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == (0 if lends else 1), done.stderr
    if not lends:
        assert done.stderr.strip() == "no ZeroGPU"
