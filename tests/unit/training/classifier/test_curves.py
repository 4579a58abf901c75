"""What the curves of a training show, measured on the garden that comes with the project."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from models.registry import HEAD_STAGES, create_model
from training.classifier.config import METHODS, ClassifierConfig
from training.classifier.head import PACE, PACE_STEPS, feature_store, fit_head, folds
from training.classifier.losses import inverse_frequency, loss_and_accuracy
from training.classifier.plan import ClassifierProgress
from training.classifier.probe import FINAL_ITERATIONS, Probe
from training.classifier.train import train_classifier
from training.core.device import create_fabric
from training.data.imageset import ImageSet
from training.data.splits import split_images
from training.intake.datasets import open_data
from training.intake.limits import Limits
from training.runs.clock import Clock
from training.runs.events import Event, Finished, Log

pytestmark = pytest.mark.slow

CURVES = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return opened(tmp_path_factory)


def opened(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """A copy whose features nobody has computed yet."""
    return open_data("garden", tmp_path_factory.mktemp("garden") / "set", limits=Limits())[0]


def train(garden: ImageSet, method: str) -> list[Event]:
    config = ClassifierConfig(backbone="seedling-s", method=method, images=32, lr=1e-3)
    return list(train_classifier(config, garden, fabric=create_fabric("cpu")))


@pytest.fixture(scope="module")
def quick(garden: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    events = train(opened(tmp_path_factory), "quick")
    train(garden, "quick")  # the same features
    return events


def points(events: list[Event], metric: str) -> list[Log]:
    return [each for each in events if isinstance(each, Log) and metric in each.metrics]


@pytest.mark.parametrize("method", METHODS)
def test_every_curve_begins_at_chance(garden: ImageSet, method: str) -> None:
    events, classes = train(garden, method), len(garden.class_names)
    first = {name: points(events, name)[0] for name in CURVES}
    assert len({id(each) for each in first.values()}) == 1  # one moment, before the first step
    start = first["val/loss"]
    assert start.images_seen == 0
    # A random last layer is not exactly even; what "quick" begins with is.
    slack = 1e-4 if method in ("quick", "lp_ft") else 0.3
    for name in ("train/loss", "val/loss"):
        assert start.metrics[name] == pytest.approx(math.log(classes), abs=slack)
    for name in ("train/accuracy", "val/accuracy"):
        assert start.metrics[name] == pytest.approx(1 / classes, abs=slack)
    prepared = [each for each in events if isinstance(each, Log)]
    assert start.seconds >= prepared[0].seconds  # what the person waited for is on the axis


def test_what_quick_shows_falls_as_one_fit_does(quick: list[Event]) -> None:
    losses = [each.metrics["train/loss"] for each in points(quick, "train/loss")]
    assert len(losses) > 6
    for before, after in itertools.pairwise(losses):
        assert after <= before + 1e-3
    assert losses[-1] < 0.05
    right = [each.metrics["train/accuracy"] for each in points(quick, "train/accuracy")]
    assert right[-1] == max(right) > 0.99


def test_until_then_the_run_says_how_far_it_is(quick: list[Event], garden: ImageSet) -> None:
    begun = quick.index(points(quick, "val/loss")[0])
    said = [each for each in quick[:begun] if isinstance(each, Log)]
    features = [each for each in said if each.phase == "features"]
    assert (features[0].done, features[0].count) == (0, len(garden))
    assert features[-1].done == len(garden)
    assert not any(each.metrics for each in said)  # nothing is learned yet
    shares = [each.progress for each in quick if isinstance(each, Log)]
    assert all(after > before - 1e-9 for before, after in itertools.pairwise(shares))


def test_the_head_that_is_kept_is_fitted_as_before(garden: ImageSet, quick: list[Event]) -> None:
    """To all pictures but those of the test, with the strength chosen, and nothing in between."""
    end = quick[-1]
    assert isinstance(end, Finished)
    config, split = ClassifierConfig(backbone="seedling-s", method="quick"), split_images(garden, 0)
    model = create_model("seedling-s", 6, pretrained=True, head_stages=HEAD_STAGES)
    store = feature_store(config, garden, model)
    rows = np.concatenate([split.train, split.val])
    x, y = store.get(garden, rows), torch.from_numpy(garden.labels[rows])
    probe = Probe(x, y, 6, inverse_frequency(y, 6))
    strength = min(probe.try_strengths(folds(garden, split)), key=lambda trial: trial.val_loss)
    expected = probe.fit(strength.strength)
    kept = end.model.part("model")
    torch.testing.assert_close(kept["head.weight"], expected.weight.data, atol=1e-5, rtol=1e-4)
    assert end.result["accuracy"] >= 0.95  # 0.952 with interim heads, too


def test_the_iterations_shown_lead_where_the_fit_leads() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 60, generator=generator)
    y = (x[:, :4] + torch.randn(400, 4, generator=generator)).argmax(dim=1)
    probe = Probe(x, y, 4, None)
    shown = list(probe.fit_steps(20.0))
    assert len(shown) == FINAL_ITERATIONS + 1
    torch.testing.assert_close(shown[-1](x), probe.fit(20.0)(x), atol=0.02, rtol=0.02)


def test_showing_the_fit_takes_a_tenth_of_the_time_so_far(garden: ImageSet) -> None:
    """The features are there already; only the fit is timed, on a clock that says 20 s."""
    config = ClassifierConfig(backbone="seedling-s", method="quick")
    model = create_model("seedling-s", 6, pretrained=True, head_stages=HEAD_STAGES)
    clock = Clock(20.0)
    progress = ClassifierProgress(split_images(garden, 0))
    events = list(fit_head(config, garden, model, progress, torch.device("cpu"), clock))
    shown = points(events, "val/loss")
    took = shown[-1].seconds - shown[0].seconds
    assert len(shown) < PACE_STEPS
    waited = PACE * 20 * (len(shown) - 1) / PACE_STEPS
    assert waited * 0.9 < took < waited + 2  # the fit itself, on a machine that may be busy


def test_nobody_who_knows_nothing_is_right_about_the_first_class() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    loss, accuracy = loss_and_accuracy(torch.zeros(4, 5), labels)
    assert loss == pytest.approx(math.log(5)) and accuracy == pytest.approx(0.2)
    sure = torch.eye(5)[torch.tensor([0, 0, 1, 1])]
    assert loss_and_accuracy(sure, labels)[1] == 0.75
