"""A generator's run in the background: queued, watched, paused, stopped, resumed, killed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import MakeSet
from tests.waiting import has_saved, is_, wait
from training.core.device import create_fabric
from training.gan.config import GanConfig
from training.gan.learner import GanLearner
from training.gan.means import StepMeans
from training.gan.train import train_gan
from training.jobs.manager import RunManager
from training.kinds import read_config
from training.latent.steering import load_gan_sampler
from training.runs.events import Finished, Saved

pytestmark = pytest.mark.slow

SHORT = GanConfig(images=48, width=4, batch_size=4, augment="none")
LONG = dataclasses.replace(SHORT, images=40_000)


@pytest.fixture(autouse=True)
def quick_looks_and_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.monitor.GRID_MIN_SECONDS", 0.2)
    monkeypatch.setattr("training.gan.monitor.SAVE_MIN_SECONDS", 0.1)
    monkeypatch.setattr("training.gan.monitor.SAVE_BUDGET_SHARE", 0.0)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


def test_a_run_ends_with_a_generator_that_can_be_read_without_the_app(
    manager: RunManager, make_set: MakeSet
) -> None:
    data = make_set({"red": 30, "green": 30}).folder
    run_id = manager.start("ann", SHORT, data, name="colours", edits={"red": "rot"})
    done = wait(manager, run_id, is_("finished", "failed"))
    assert done.status == "finished" and done.info.kind == "gan" and done.result is not None
    assert done.result["kind"] == "gan" and done.result["images_seen"] == 48
    assert done.result["class_names"] == ["rot", "green"]
    assert done.history.progress == 1.0
    curves = done.history.curves
    for name in ("d_loss", "g_loss", "real_score", "fake_score", "lr", "fd", "kid", "variety"):
        points = curves[f"gan/{name}"]
        assert points and all(math.isfinite(point.value) for point in points), name
        assert [p.images_seen for p in points] == sorted({p.images_seen for p in points}), name
    assert done.history.previews["meters"]["images_seen"] == 48
    assert done.history.shots["samples"] == 48
    folder = manager.folder(run_id)
    shots = folder.shots("samples")
    assert [images_seen for images_seen, _ in shots][0] == 0 and shots[-1][0] == 48
    assert all(path.is_file() for _, path in shots)
    assert read_config(folder) == SHORT
    sampler = load_gan_sampler(folder.path)
    assert sampler([1, 2], "rot").shape == (2, 3, 32, 32)


def test_pause_stands_still_and_resume_goes_on(manager: RunManager, make_set: MakeSet) -> None:
    data = make_set({"red": 30}).folder
    first = manager.start("ann", LONG, data, name="long")
    wait(manager, first, lambda status: status.history.images_seen > 0)
    manager.pause(first)
    paused = wait(manager, first, is_("paused"))
    second = manager.start("bob", SHORT, data, name="short")  # the device is free
    assert wait(manager, second, is_("finished", "failed")).status == "finished"
    now = manager.status(first).history
    assert now.images_seen == paused.history.images_seen
    assert now.shots == paused.history.shots
    manager.resume(first)
    wait(manager, first, lambda now: now.history.images_seen > paused.history.images_seen)
    images_seen = [p.images_seen for p in manager.status(first).history.curves["gan/d_loss"]]
    assert images_seen == sorted(set(images_seen))  # went on where it stood
    manager.stop(first)
    stopped = wait(manager, first, is_("stopped", "failed"))
    assert stopped.status == "stopped" and stopped.result is not None
    assert 0 < stopped.result["images_seen"] < 40_000


def test_stop_keeps_the_best_generator(manager: RunManager, make_set: MakeSet) -> None:
    config = dataclasses.replace(LONG, images=1_600)  # looked at every 200 images
    run_id = manager.start("ann", config, make_set({"red": 60}).folder, name="x")
    looked = wait(manager, run_id, lambda now: len(now.history.curves.get("gan/kid", ())) >= 2)
    at_look = looked.history.curves["gan/kid"][-1].images_seen
    saved = manager.folder(run_id).path / "checkpoint" / "state.json"
    wait(manager, run_id, lambda _: saved.exists() and _seen(saved) >= at_look)
    manager.stop(run_id)
    stopped = wait(manager, run_id, is_("stopped", "failed"))
    assert stopped.status == "stopped" and stopped.result is not None
    images_seen = stopped.result["images_seen"]
    assert at_look <= images_seen < 1_600
    evaluations = [p for p in stopped.history.curves["gan/kid"] if p.images_seen <= images_seen]
    best = min(evaluations, key=lambda point: point.value)
    # What was learned since the last look is judged as well.
    kept_seen = stopped.result["best_seen"]
    assert kept_seen in (best.images_seen, images_seen)
    checkpoint = manager.folder(run_id).checkpoint()
    assert checkpoint is not None
    kept = load_gan_sampler(manager.folder(run_id).path).generator.state_dict()
    part = checkpoint.part("best" if kept_seen == best.images_seen else "ema")
    assert all(torch.equal(kept[n], w) for n, w in part.items())
    manager.resume(run_id)  # and the rest can still be trained
    assert wait(manager, run_id, is_("finished", "failed")).status == "finished"
    result = manager.status(run_id).result
    assert result is not None and result["images_seen"] == 1_600


def _seen(state: Path) -> int:
    try:
        return int(json.loads(state.read_text("utf-8"))["images_seen"])
    except (FileNotFoundError, ValueError, KeyError):  # just being replaced
        return 0


def test_stopping_a_paused_run_judges_what_it_has(manager: RunManager, make_set: MakeSet) -> None:
    run_id = manager.start("ann", LONG, make_set({"red": 60}).folder, name="x")
    wait(manager, run_id, has_saved(manager, run_id))
    manager.pause(run_id)
    wait(manager, run_id, is_("paused"))
    manager.stop(run_id)
    stopped = wait(manager, run_id, is_("stopped", "failed"))
    assert stopped.status == "stopped" and stopped.result is not None
    assert load_gan_sampler(manager.folder(run_id).path)([1]).shape == (1, 3, 32, 32)


def test_a_new_server_goes_on_from_the_last_checkpoint(
    manager: RunManager, make_set: MakeSet
) -> None:
    config = dataclasses.replace(SHORT, images=800)
    run_id = manager.start("ann", config, make_set({"red": 60}).folder, name="x")
    wait(manager, run_id, has_saved(manager, run_id))
    manager.close()
    saved = manager.folder(run_id).checkpoint()
    assert saved is not None and 0 < saved.state["images_seen"] < 800
    restarted = RunManager(manager.home, devices=("cpu",))
    assert restarted.status(run_id).status == "interrupted"
    restarted.resume(run_id)
    done = wait(restarted, run_id, is_("finished", "failed"))
    assert done.status == "finished" and done.result is not None
    assert done.result["images_seen"] == 800
    images_seen = [point.images_seen for point in done.history.curves["gan/d_loss"]]
    assert images_seen == sorted(set(images_seen)) and images_seen[-1] == 800
    shots = [images_seen for images_seen, _ in restarted.folder(run_id).shots("samples")]
    assert shots == sorted(set(shots)) and shots[-1] == 800
    restarted.close()


def test_what_a_person_can_mend_is_said(manager: RunManager, make_set: MakeSet) -> None:
    alone = manager.start("ann", SHORT, make_set({"red": 1}).folder, name="x")
    failed = wait(manager, alone, is_("failed"))
    assert failed.info.error[0].key == "error.gan.too_few.what"
    config = dataclasses.replace(SHORT, start_from=str(manager.home.runs / alone))
    run_id = manager.start("ann", config, make_set({"red": 30}).folder, name="y")
    failed = wait(manager, run_id, is_("failed"))
    assert failed.info.error[0].key == "error.gan.no_start.what"


def test_a_run_starts_from_another_one(manager: RunManager, make_set: MakeSet) -> None:
    data = make_set({"red": 60}).folder
    first = manager.start("ann", SHORT, data, name="first")
    wait(manager, first, is_("finished"))
    config = dataclasses.replace(
        SHORT, width=None, start_from=str(manager.folder(first).path), freeze_d=1
    )
    second = manager.start("ann", config, data, name="second")
    done = wait(manager, second, is_("finished", "failed"))
    assert done.status == "finished" and done.result is not None and done.result["width"] == 4
    assert "notice.gan_carried" in [message.key for message in done.history.notices]


# ---- divergence


@pytest.fixture
def breaks_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A step whose losses are fine, and whose update is not: the generator's gradient overflowed.

    ``breaks_at(images_seen)`` is the place of the one step that does so.
    """
    step = GanLearner.step
    places: list[int] = []

    def breaking(self: GanLearner, images_seen: int, augment_p: float) -> StepMeans:
        means = step(self, images_seen, augment_p)
        if images_seen in places:
            places.remove(images_seen)
            with torch.no_grad():
                for network in (self.generator, self.average.network):
                    for weight in network.parameters():
                        weight.fill_(math.nan)
        return means

    monkeypatch.setattr(GanLearner, "step", breaking)
    return places.append


def test_weights_that_broke_in_the_last_step_are_not_saved_as_good(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, breaks_at: Callable[[int], None]
) -> None:
    """A checkpoint that can't be gone back to would lose the whole run."""
    monkeypatch.setattr("training.gan.monitor.SAVE_MIN_SECONDS", 0.0)
    breaks_at(24)
    for event in train_gan(SHORT, make_set({"red": 60}), fabric=create_fabric("cpu")):
        if isinstance(event, Saved):
            assert finite(event.checkpoint.tensors)
    assert isinstance(event, Finished) and finite(event.model.tensors)


def test_a_broken_generator_is_never_the_best(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, breaks_at: Callable[[int], None]
) -> None:
    """A look may come between the step that broke and the report that notices."""
    monkeypatch.setattr("training.gan.monitor.SAVE_MIN_SECONDS", 1e9)
    kept: list[Mapping[str, Tensor]] = []
    copy = GanLearner.weights

    def noted(self: GanLearner) -> dict[str, Tensor]:
        kept.append(copy(self))
        return dict(kept[-1])

    monkeypatch.setattr(GanLearner, "weights", noted)
    breaks_at(4)  # just before the first look, after 8 images
    config = dataclasses.replace(SHORT, images=64)
    list(train_gan(config, make_set({"red": 60}), fabric=create_fabric("cpu")))
    assert kept and all(map(finite, kept))


def finite(state_dict: Mapping[str, Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in state_dict.values())
