"""A classifier says when a picture is unlike anything it has learned from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.classifier.config import ClassifierConfig
from training.classifier.predict import Predictor
from training.classifier.strangers import MIN_HELD_OUT, Familiar, _digits, _garden
from training.classifier.train import train_classifier
from training.core.device import create_fabric
from training.intake.datasets import open_data
from training.runs import checkpoint
from training.runs.checkpoint import Checkpoint, pack
from training.runs.events import Finished


def around(centre: int, count: int, seed: int) -> torch.Tensor:
    """Features about one of the axes, as those of one kind of pictures are."""
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(count, 16, generator=draws) * 0.3 + 4 * torch.eye(16)[centre]


def test_one_in_twenty_held_out_pictures_is_called_strange() -> None:
    known = Familiar.of(around(0, 400, 1), around(0, 200, 2))
    assert known.are_strange(around(0, 200, 2)).sum() == 9  # of those it was set by
    assert known.are_strange(around(0, 2000, 3)).float().mean() == pytest.approx(0.05, abs=0.03)
    assert known.are_strange(around(5, 100, 4)).all()
    assert not known.are_strange(100 * around(0, 400, 1)).any()  # length says nothing


def test_few_held_out_pictures_are_helped_by_those_learned_from() -> None:
    seen, few = around(0, 100, 1), around(0, 3, 2)
    assert len(few) < MIN_HELD_OUT
    for held_out in (few, few[:0]):
        known = Familiar.of(seen, held_out)
        assert known.are_strange(around(0, 500, 3)).float().mean() < 0.15
        assert known.are_strange(around(5, 50, 4)).all()
    assert Familiar.of(seen[:1], few[:0]).threshold == math.inf  # of one picture nothing is known


def test_it_travels_with_the_model() -> None:
    known = Familiar.of(around(0, 40, 1), around(0, 40, 2))
    again = Familiar.from_state(known.state_dict())
    assert again is not None and again.threshold == pytest.approx(known.threshold)
    assert torch.equal(again.bank, known.bank)
    assert Familiar.from_state({}) is None


@pytest.mark.slow
def test_digits_are_strange_to_who_learned_from_the_garden(tmp_path: Path) -> None:
    images, _ = open_data("garden", tmp_path / "garden")
    config = ClassifierConfig(backbone="seedling-s", method="quick")
    *_, end = train_classifier(config, images, fabric=create_fabric("cpu"))
    assert isinstance(end, Finished)
    counted = end.result["strangers"]
    assert counted["other_set"] == "digits"
    assert counted["own"][0] <= 0.15 * counted["own"][1]
    assert counted["others"][0] >= 0.9 * counted["others"][1]
    checkpoint.save(tmp_path / "model", end.model)
    ask = Predictor(tmp_path)
    assert all(ask(Image.fromarray(each)).is_strange for each in _digits()[:5])
    own = [ask(Image.fromarray(images.picture(row))) for row in range(0, len(images), 21)]
    assert sum(bool(each.is_strange) for each in own) <= 4


@pytest.mark.parametrize("method", ["full", "lp_ft", "scratch"])
def test_every_method_knows_strangers(method: str, tmp_path: Path) -> None:
    images, _ = open_data("garden", tmp_path / "garden")
    few = images.take(range(0, len(images), 7))
    config = ClassifierConfig(backbone="seedling-s", method=method, images=64, batch_size=16)
    *_, end = train_classifier(config, few, fabric=create_fabric("cpu"))
    assert isinstance(end, Finished)
    assert end.result["strangers"]["own"][1] == end.result["count"]
    known = Familiar.from_state(end.model.part("familiar"))
    assert known is not None and math.isfinite(known.threshold)
    assert 0 < len(known.bank) <= 600
    assert end.model.state["familiar_network"] == "seedling-s"  # not what was fine-tuned
    checkpoint.save(tmp_path / "model", end.model)
    ask = Predictor(tmp_path)
    assert sum(bool(ask(Image.fromarray(each)).is_strange) for each in _digits()[:20]) >= 18


def test_a_model_of_an_earlier_version_says_nothing_about_strangers(tmp_path: Path) -> None:
    images, _ = open_data("garden", tmp_path / "garden")
    config = ClassifierConfig(backbone="seedling-s", method="quick")
    *_, end = train_classifier(
        config, images.take(range(0, len(images), 7)), fabric=create_fabric("cpu")
    )
    assert isinstance(end, Finished)
    before = Checkpoint(pack(model=end.model.part("model")), end.model.state)
    checkpoint.save(tmp_path / "model", before)
    assert Predictor(tmp_path)(Image.new("RGB", (64, 64))).is_strange is None


def test_there_are_pictures_of_other_things() -> None:
    for pictures in (_digits(), _garden()):
        assert len(pictures) == 60
        assert all(each.ndim == 3 and each.dtype == np.uint8 for each in pictures)
        assert len({each.tobytes() for each in pictures}) == 60
