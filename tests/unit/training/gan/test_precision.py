"""Graphics cards train in half precision, and with tensors that are somewhere else.

No card is needed: the CPU runs the same autocast, and fake tensors tell on which device each is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from models.gans.registry import GanShape, create_gan, list_architectures
from tests.conftest import MakeSet
from tests.evaluations import finish
from training.data.splits import split_for_generator
from training.features.space import choose_feature_space
from training.gan.config import GanConfig, penalty_weight
from training.gan.images import Pictures
from training.gan.learner import GanLearner
from training.gan.losses import OBJECTIVES
from training.gan.monitor import evaluate_samples
from training.metrics.evaluator import GanEvaluator

BATCH = 4
CASES: list[dict[str, Any]] = [
    *({"architecture": name, "loss": loss} for name in list_architectures() for loss in OBJECTIVES),
    *({"architecture": name, "d_backbone": "seedling-s"} for name in list_architectures()),
    *(
        {"architecture": name, "loss": "relativistic", "penalty_form": "estimate"}
        for name in list_architectures()
    ),
    {"architecture": "dcgan", "loss": "non_saturating", "gamma": 1.0},
    {"architecture": "stylegan", "path_length": 2.0},
    {"architecture": "stylegan2", "path_length": 2.0},
]
MakeLearner = Callable[..., GanLearner]


@pytest.fixture
def mixed(make_set: MakeSet) -> MakeLearner:
    """A learner of tiny networks in bfloat16 autocast, with classes."""

    def make(**settings: Any) -> GanLearner:
        side = 28 if settings["architecture"] == "mlp" else 32
        config = GanConfig(
            resolution=side, width=4, batch_size=BATCH, augment_strength=0.8, **settings
        )
        images = make_set({"red": 30, "green": 30})
        fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
        shape = GanShape(
            config.architecture, side, 2, 4, 16, batch_norm=penalty_weight(config) == 0
        )
        loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
        torch.manual_seed(0)
        return GanLearner(config, shape, BATCH, loaded, fabric)

    return make


@pytest.mark.parametrize("settings", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_every_game_is_played_in_half_precision(
    mixed: MakeLearner, settings: dict[str, Any]
) -> None:
    learner = mixed(**settings)
    before = [weight.clone() for weight in learner.generator.parameters()]
    every = learner.objective.d_steps
    for number in (every - 1, 4 * every - 1):  # the generator learns, and paths are evened out
        means = learner.step(number * BATCH, 0.8)
        for field in dataclasses.fields(means):
            value = getattr(means, field.name)
            assert value.dtype == torch.float32 and value.isfinite(), field.name
    assert learner.is_sound() and 0 <= learner.overfit(64, 0.8) <= 1
    after = list(learner.generator.parameters())
    assert all(weight.dtype == torch.float32 for weight in after)
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("architecture", list_architectures())
def test_what_learned_in_half_precision_is_evaluated(mixed: MakeLearner, architecture: str) -> None:
    learner = mixed(architecture=architecture)
    learner.step(0, 0.0)
    pictures = learner.pictures
    evaluator = GanEvaluator(
        choose_feature_space(learner.fabric.device), pictures.train, pictures.val, pictures.labels
    )
    steps = evaluate_samples(
        evaluator, learner.average(), 16, pictures.labels, count=20, progress=1.0
    )
    metrics, samples = finish(steps)[1]
    assert samples.shape[0] == 20 and metrics.fd > 0


def test_autocast_does_not_outlive_an_update(
    mixed: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps copies of the weights in half precision, and would go on with old ones."""
    learner = mixed(architecture="stylegan2", path_length=2.0)
    active: list[bool] = []
    for optimizer in (learner.g_optimizer, learner.d_optimizer):

        def update(closure: None = None, step: Callable[..., Any] = optimizer.step) -> None:
            active.append(torch.is_autocast_enabled("cpu"))
            step()

        monkeypatch.setattr(optimizer, "step", update)
    learner.step(0, 0.5)
    assert active == [False, False, False]  # of both networks, and for path lengths


@pytest.mark.parametrize("architecture", list_architectures())
def test_every_tensor_is_where_the_pictures_are(architecture: str) -> None:
    side = 28 if architecture == "mlp" else 32
    shape = GanShape(architecture, side, 3, 8, 16)
    networks = create_gan(shape)
    with FakeTensorMode():

        def on_card(network: torch.nn.Module) -> dict[str, Tensor]:
            named = [*network.named_parameters(), *network.named_buffers()]
            return {n: torch.empty(x.shape, dtype=x.dtype, device="cuda") for n, x in named}

        weights = [on_card(network.train()) for network in networks]
        z = torch.randn(4, 16, device="cuda")
        labels = torch.randint(3, (4,), device="cuda")
        made = functional_call(networks[0], weights[0], (z, labels))
        scores = functional_call(networks[1], weights[1], (made, labels))
    assert made.device.type == scores.device.type == "cuda"
