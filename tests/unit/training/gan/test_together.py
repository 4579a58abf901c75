"""Several processes that train one GAN: they do the same, and what comes out is the same."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.gans.registry import GanShape
from tests.conftest import MakeSet
from training.cli.parser import main
from training.core.device import create_fabric
from training.data.imageset import ImageSet
from training.data.splits import split_for_generator
from training.gan.config import GanConfig
from training.gan.images import Pictures
from training.gan.learner import GanLearner
from training.gan.train import train_gan
from training.latent.steering import load_gan_sampler
from training.runs.events import Event, Saved

pytestmark = pytest.mark.slow

CONFIG = GanConfig(images=64, width=4, batch_size=8, augment="none", loss="relativistic")
PATIENCE = 60.0  # seconds


class World:
    """Two ranks as threads of one process that take turns: one runs until it waits for all.

    A rank that asks for something else than the other, or for nothing at all, is an error here,
    while real processes would wait for each other for ever.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.barrier = threading.Barrier(2, timeout=PATIENCE)
        self.asked: list[tuple[str, Any]] = [("", None)] * 2

    def run(self, part: Callable[[Any], Any]) -> list[Any]:
        """``part(fabric)`` in both ranks; gives what they return."""
        found: list[Any] = [None, None]
        errors: list[BaseException] = []

        def work(rank: int) -> None:
            try:
                with self.turn:
                    found[rank] = part(Rank(self, rank))
                    self.meet(rank, "end", None)
            except BaseException as problem:  # handed on to the test below
                errors.append(problem)
                self.barrier.abort()

        threads = [threading.Thread(target=work, args=(rank,), name=str(rank)) for rank in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return found

    def meet(self, rank: int, what: str, value: Any) -> list[Any]:
        """The values of both ranks, which must both be here for the same thing."""
        state = torch.get_rng_state()  # every process has its own
        self.asked[rank] = (what, value)
        self.turn.release()
        try:
            self.barrier.wait()
            both = list(self.asked)
            self.barrier.wait()
        finally:
            self.turn.acquire()
        torch.set_rng_state(state)
        assert both[0][0] == both[1][0], f"one rank waits for {both[0][0]}, one for {both[1][0]}"
        return [value for _, value in both]


class Rank:
    """What the training loop uses of a Fabric, for one of two ranks."""

    device, world_size = torch.device("cpu"), 2

    def __init__(self, world: World, rank: int) -> None:
        self.world, self.global_rank, self.is_global_zero = world, rank, rank == 0

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def all_reduce(self, values: Tensor) -> Tensor:
        both = self.world.meet(self.global_rank, f"sum of {values.numel()}", values.clone())
        mean: Tensor = (both[0] + both[1]) / 2
        return mean

    def broadcast(self, value: Any) -> Any:
        given = self.world.meet(self.global_rank, "broadcast", json.dumps(value, default=vars))
        return value if self.is_global_zero else _like(value, json.loads(given[0]))


def _like(value: Any, plain: Any) -> Any:
    return type(value)(**plain) if isinstance(plain, dict) else plain


@pytest.fixture(autouse=True)
def quick_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no-hub"))
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


@pytest.fixture
def learners(monkeypatch: pytest.MonkeyPatch) -> dict[int, GanLearner]:
    """The newest learner of each rank, as training makes them."""
    newest: dict[int, GanLearner] = {}
    make = GanLearner.__init__

    def noted(self: GanLearner, *arguments: Any) -> None:
        make(self, *arguments)
        newest[self.fabric.global_rank] = self

    monkeypatch.setattr(GanLearner, "__init__", noted)
    return newest


def weights(learner: GanLearner) -> Tensor:
    """All that is taught, and the average."""
    networks = (learner.generator, learner.discriminator, learner.average.network)
    return torch.cat([weight.detach().flatten() for n in networks for weight in n.parameters()])


def trained(config: GanConfig, images: ImageSet) -> Callable[[Any], list[Event]]:
    return lambda fabric: list(train_gan(config, images, fabric=fabric))


def steps(images: ImageSet, lr: float, count: int) -> Callable[[Any], list[list[float]]]:
    """A rank's part of ``count`` steps; gives the mean losses and scores of each."""
    shape = GanShape("mlp", 32, 2, 8)  # scores do not depend on other pictures
    config = GanConfig(architecture="mlp", width=8, batch_size=16, lr=lr)

    def part(fabric: Any) -> list[list[float]]:
        loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
        torch.manual_seed(0)
        learner = GanLearner(config, shape, 16, loaded, fabric)
        figures = []
        for number in range(count):
            means = learner.step(16 * number, 0.0)
            named = {"real": means.real.item(), "d": means.d_loss.item(), "g": means.g_loss.item()}
            figures.append(list(learner.mean_over_processes(named).values()))
        return figures

    return part


def test_ranks_share_every_batch_and_agree_with_one_process(
    make_set: MakeSet, learners: dict[int, GanLearner]
) -> None:
    images = make_set({"red": 16, "green": 16})
    together, same = World().run(steps(images, 2e-4, 4))
    assert together == same
    assert torch.equal(weights(learners[0]), weights(learners[1]))
    (alone,) = [steps(images, 2e-4, 4)(create_fabric("cpu"))]
    assert together[0][0] == pytest.approx(alone[0][0], abs=1e-5)  # the same pictures in all
    for ours, theirs in zip(together, alone, strict=True):
        assert ours == pytest.approx(theirs, abs=0.05)  # other latents


def test_ranks_draw_different_latents(make_set: MakeSet, learners: dict[int, GanLearner]) -> None:
    images_seen: dict[int, Tensor] = {}

    def part(fabric: Any) -> None:
        steps(images, 2e-4, 1)(fabric)
        images_seen[fabric.global_rank] = torch.randn(
            4
        )  # what the step's random numbers go on with

    images = make_set({"red": 16, "green": 16})
    World().run(part)
    assert not torch.equal(images_seen[0], images_seen[1])


@pytest.mark.parametrize("augment", ["none", "adaptive"])
def test_a_whole_training_keeps_ranks_together_and_one_speaks(
    make_set: MakeSet, learners: dict[int, GanLearner], augment: str
) -> None:
    images = make_set({"red": 40, "green": 40})
    config = GanConfig(**{**CONFIG.to_json(), "augment": augment, "images": 160})
    first, second = World().run(trained(config, images))
    assert first and not second
    assert torch.equal(weights(learners[0]), weights(learners[1]))


def test_ranks_of_unequal_speed_measure_and_plan_alike(
    make_set: MakeSet, learners: dict[int, GanLearner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How fast it goes is measured in time, which no two processes see alike."""
    clock = {"0": 0.0, "1": 0.0}

    def ticking() -> float:
        name = threading.current_thread().name
        clock[name] += 0.05 if name == "0" else 0.15  # between any two looks at it
        return clock[name]

    monkeypatch.setattr("training.gan.setup.time", SimpleNamespace(monotonic=ticking))
    config = GanConfig(**{**CONFIG.to_json(), "images": None, "minutes": 0.05})
    first, _ = World().run(trained(config, make_set({"red": 60})))
    assert first and torch.equal(weights(learners[0]), weights(learners[1]))


def test_ranks_go_back_to_the_same_weights_after_a_divergence(
    make_set: MakeSet, learners: dict[int, GanLearner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.gan.monitor.SAVE_MIN_SECONDS", 0.0)
    monkeypatch.setattr("training.gan.monitor.SAVE_BUDGET_SHARE", 0.0)
    step = GanLearner.step

    def breaks_once(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        means = step(self, images_seen, augment_p)
        if images_seen == 40:
            means.g_loss.fill_(math.nan)
        return means

    monkeypatch.setattr(GanLearner, "step", breaks_once)
    first, _ = World().run(trained(CONFIG, make_set({"red": 60})))
    assert len([event for event in first if isinstance(event, Saved)]) > 2
    assert torch.equal(weights(learners[0]), weights(learners[1]))


# ---- for real

for_real = pytest.mark.skipif(sys.platform != "linux", reason="processes on one CPU, over gloo")


@pytest.fixture
def red_pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        picture = rng.integers(0, 120, (32, 32, 3), dtype=np.uint8)
        picture[..., 0] += 100
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@for_real
@pytest.mark.slow
@pytest.mark.parametrize("loss", ["non_saturating", "hinge"])
def test_two_devices_train_one_model_from_the_command_line(
    red_pictures: Path, tmp_path: Path, one_thread: None, loss: str
) -> None:
    flags = ["--width", "8", "--batch-size", "16", "--images", "480", "--lr", "0.003"]
    flags += ["--loss", loss]
    losses = {}
    for devices in ("1", "2"):
        out = tmp_path / f"run-{devices}"
        command = ["gan", str(red_pictures), *flags, "--augment", "none", "--devices", devices]
        assert main([*command, "--out", str(out)]) == 0
        result = json.loads((out / "result.json").read_text("utf-8"))
        assert (result["images_seen"], result["batch_size"]) == (480, 16)
        if loss == "non_saturating":  # the usual loss takes longer
            reds = load_gan_sampler(out)(range(32)).float().mean(dim=(0, 2, 3))
            assert reds[0] - reds[1:].max() > 20  # of about 100 in the pictures, and 0 at first
        lines = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
        told = [line for line in lines if "gan/d_loss" in line.get("metrics", {})]
        assert [line["images_seen"] for line in told] == list(range(16, 481, 16))  # once each
        losses[devices] = np.mean([line["metrics"]["gan/d_loss"] for line in told])
    assert losses["1"] == pytest.approx(losses["2"], abs=0.5)


@for_real
@pytest.mark.slow
def test_what_a_person_can_mend_is_said_by_several_processes_too(
    capsys: pytest.CaptureFixture[str], red_pictures: Path, tmp_path: Path
) -> None:
    start, out = tmp_path / "start", tmp_path / "second"
    start.mkdir()
    (start / "run.json").write_text("{}")  # looks like a run, and holds no generator
    flags = ["--images", "8", "--width", "4", "--from", str(start), "--devices", "2"]
    assert main(["gan", str(red_pictures), *flags, "--out", str(out)]) == 2
    assert "error: “start” holds no generator" in capsys.readouterr().err
    assert not out.exists()
