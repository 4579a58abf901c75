"""The training loop, run for real on tiny pictures."""

from __future__ import annotations

import dataclasses
import gc
import time
from pathlib import Path

import psutil
import pytest
import torch

from models.frozen import frozen_backbone
from models.registry import HEAD_STAGES, restore_model
from tests.conftest import MakeSet
from training.classifier.config import METHODS, ClassifierConfig
from training.classifier.evaluate import evaluate_classifier
from training.classifier.train import train_classifier
from training.core.device import create_fabric
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.runs.checkpoint import Checkpoint, load, save
from training.runs.events import Event, Finished, Log, Notice, Preview, Saved, Tick

pytestmark = pytest.mark.slow

SCRATCH = ClassifierConfig(
    backbone="seedling_net", method="scratch", images=96, image_size=32, batch_size=8, lr=0.003
)


@pytest.fixture(autouse=True)
def weights_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretrained weights without a download: random ones in a torch hub cache of the test's own."""
    import torchvision

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.manual_seed(0)
    network = torchvision.models.mobilenet_v3_small(weights=None)
    file = tmp_path / "hub" / "checkpoints" / "mobilenet_v3_small-047dcff4.pth"
    torch.save(network.state_dict(), file)
    frozen_backbone.cache_clear()  # of other tests' random weights


def run(
    config: ClassifierConfig, images: ImageSet, resume: Checkpoint | None = None
) -> list[Event]:
    return list(train_classifier(config, images, fabric=create_fabric("cpu"), resume=resume))


def finished(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def test_from_scratch_learns_colours(make_set: MakeSet) -> None:
    images = make_set({"red": 20, "green": 20, "blue": 20})
    result = finished(run(dataclasses.replace(SCRATCH, images=480), images)).result
    assert result["accuracy"] == 1.0 and result["count"] == 12
    assert result["evaluated_on"] == "held_out"
    assert result["accuracy_range"][0] < 0.8  # 12 pictures prove little


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_method_ends_with_a_model(make_set: MakeSet, method: str, optimizer: str) -> None:
    images = make_set({"red": 8, "green": 8})
    config = dataclasses.replace(
        SCRATCH, backbone="mobilenet_v3_small", method=method, optimizer=optimizer, images=32
    )
    events = run(config, images)
    end = finished(events)
    model = restore_model("mobilenet_v3_small", 2, end.model.part("model"))
    assert model.head_stages == (HEAD_STAGES if method == "quick" else 1)
    assert end.model.state["class_names"] == ["red", "green"]
    steps = [event for event in events if isinstance(event, Log)]
    assert [step.progress for step in steps][-1] == 1.0
    assert any("val/accuracy" in step.metrics for step in steps)
    assert any(isinstance(event, Saved) for event in events)


def test_killed_and_resumed_equals_never_killed(
    make_set: MakeSet, tmp_path: Path, one_thread: None
) -> None:
    images = make_set({"red": 12, "green": 12})
    config = dataclasses.replace(SCRATCH, images=160, optimizer="adamw")
    whole = finished(run(config, images))
    loop = train_classifier(config, images, fabric=create_fabric("cpu"))
    saved = [event for event in loop if isinstance(event, Saved)][4]
    save(tmp_path / "checkpoint", saved.checkpoint)  # all else is forgotten
    again = finished(run(config, images, resume=load(tmp_path / "checkpoint")))
    for name, weight in whole.model.tensors.items():
        assert torch.equal(weight, again.model.tensors[name]), name
    assert whole.result["confusion"] == again.result["confusion"]
    assert whole.result["images_seen"] == again.result["images_seen"]


def test_dropout_and_l2_sp_resume_exactly(make_set: MakeSet, one_thread: None) -> None:
    images = make_set({"red": 8, "green": 8})
    config = dataclasses.replace(
        SCRATCH, backbone="mobilenet_v3_small", method="full", images=64, l2_sp=0.1
    )
    events = run(config, images)
    middle = [event for event in events if isinstance(event, Saved)][2].checkpoint
    again = finished(run(config, images, resume=middle))
    for name, weight in finished(events).model.tensors.items():
        assert torch.equal(weight, again.model.tensors[name]), name


def test_stopping_keeps_the_best_model(make_set: MakeSet) -> None:
    images = make_set({"red": 12, "green": 12})
    config = dataclasses.replace(SCRATCH, images=1600)
    loop = train_classifier(config, images, fabric=create_fabric("cpu"))
    saved = next(event for event in loop if isinstance(event, Saved))
    loop.close()  # type: ignore[attr-defined]
    end = list(evaluate_classifier(config, images, saved.checkpoint, fabric=create_fabric("cpu")))
    assert finished(end).result["images_seen"] < 1600


def test_probe_then_fine_tune_never_ends_worse_than_its_probe(make_set: MakeSet) -> None:
    images = make_set({"red": 16, "green": 16})
    config = dataclasses.replace(
        SCRATCH, backbone="mobilenet_v3_small", method="lp_ft", images=48, lr=10.0
    )  # a rate that ruins the network
    try:
        events = run(config, images)
    except UserError as problem:
        assert problem.key == "train.diverged"
    else:
        probe = run(dataclasses.replace(config, method="quick"), images)
        assert finished(events).result["right"] >= finished(probe).result["right"] - 1


def test_a_rate_that_explodes_is_said_and_the_best_model_stays(make_set: MakeSet) -> None:
    images = make_set({"red": 12, "green": 12})
    config = dataclasses.replace(
        SCRATCH,
        backbone="mobilenet_v3_small",
        method="full",
        optimizer="sgd",
        schedule="constant",
        layer_decay=1.0,
        lr=10.0,
        l2_sp=10.0,  # each step overshoots the start by a factor of a hundred
        images=2000,
    )
    saved: list[Saved] = []
    with pytest.raises(UserError) as caught:
        for event in train_classifier(config, images, fabric=create_fabric("cpu")):
            saved += [event] if isinstance(event, Saved) else []
    assert caught.value.key == "train.diverged"
    for event in saved:
        best = event.checkpoint.part("best").values()
        assert all(torch.isfinite(weight).all() for weight in best if weight.is_floating_point())


def test_the_time_budget_is_kept(make_set: MakeSet) -> None:
    images = make_set({"red": 30, "green": 30})
    config = dataclasses.replace(SCRATCH, images=None, lr=None, minutes=0.1)
    events = run(config, images)
    assert finished(events).result["seconds"] < 9  # of 6, on a machine that may be busy
    assert any(isinstance(event, Notice) for event in events)


def test_without_a_rate_the_range_test_finds_one_between_its_ends(make_set: MakeSet) -> None:
    events = run(dataclasses.replace(SCRATCH, lr=None), make_set({"red": 30, "green": 30}))
    (ranges,) = (e.data for e in events if isinstance(e, Preview) and e.name == "lr_range")
    assert min(ranges["rates"]) <= ranges["chosen"] <= max(ranges["rates"])
    assert len(ranges["losses"]) == len(ranges["rates"])


def test_a_budget_too_short_for_all_features_takes_an_even_share(make_set: MakeSet) -> None:
    images = make_set({"red": 400, "green": 200}, side=8)
    config = ClassifierConfig(
        backbone="mobilenet_v3_small", method="quick", minutes=0.05, image_size=224
    )
    events = run(config, images)
    result = finished(events).result
    notices = [event.message.key for event in events if isinstance(event, Notice)]
    if result["train_images"] + result["count"] + result["val_images"] < 600:
        assert notices == ["notice.budget_subset"]
        red, green = (entry["count"] for entry in result["per_class"])
        assert 1.3 < red / green < 3
    assert result["seconds"] < 8


def test_a_budget_that_is_gone_at_once_still_gives_a_model_of_every_class(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_set({f"class {number}": 30 for number in range(3)}, side=16)
    monkeypatch.setattr("training.classifier.head.FEATURE_SHARE", {"quick": 0.0, "lp_ft": 0.0})
    for seed in range(4):
        config = ClassifierConfig(
            backbone="mobilenet_v3_small", method="quick", image_size=32, seed=seed
        )
        result = finished(run(config, images)).result
        assert result["count"] >= 3
        assert result["train_images"] >= 12


def test_a_pause_does_not_look_like_a_slow_machine(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_set({"red": 12, "green": 12})
    config = dataclasses.replace(SCRATCH, images=None, minutes=0.1)
    loop = train_classifier(config, images, fabric=create_fabric("cpu"))
    real, slept = time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: real() + slept)
    next(event for event in loop if isinstance(event, Tick))
    slept = 3600.0  # at the first step of measuring the speed
    rest = list(loop)
    plans = [event.message.key for event in rest if isinstance(event, Notice)]
    assert plans == ["notice.plan"]  # an hour for a few steps would be "notice.plan_short"
    assert finished(rest).result["seconds"] < 60


def test_runs_give_their_memory_back(make_set: MakeSet) -> None:
    images = make_set({"red": 8, "green": 8})
    config = dataclasses.replace(
        SCRATCH, backbone="mobilenet_v3_small", method="lp_ft", images=16, image_size=64
    )
    grown = []
    for _ in range(6):
        run(config, images)
        gc.collect()
        grown.append(psutil.Process().memory_info().rss / 2**20)
    assert grown[-1] - grown[2] < 15  # MB in three runs; a frozen graph for each took 10 MB a run


def test_pretrained_methods_need_pretrained_weights(make_set: MakeSet) -> None:
    images = make_set({"red": 8, "green": 8})
    for backbone, key in (
        ("seedling_net", "train.no_pretrained"),
        ("resnet18", "train.no_weights"),
    ):
        config = ClassifierConfig(backbone=backbone, method="quick")
        with pytest.raises(UserError) as caught:
            run(config, images)
        assert caught.value.key == key
    assert "mobilenet_v3_small" in caught.value.text()  # what is here instead
