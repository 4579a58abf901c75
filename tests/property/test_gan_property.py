"""Whatever GAN a person can ask for trains, and whatever they upload is split cleanly."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.gans.registry import ARCHITECTURES, list_architectures
from training.core.device import create_fabric
from training.core.messages import UserError
from training.core.settings import settings_of
from training.data.imageset import NO_LABEL, ImageSet, ImageSetWriter
from training.data.splits import GAN_MIN, Split, split_for_generator
from training.gan.augment import diff_augment
from training.gan.config import GanConfig
from training.gan.losses import OBJECTIVES
from training.gan.train import train_gan
from training.latent.steering import load_gan_sampler
from training.runs.checkpoint import save
from training.runs.events import Finished, Log, Notice, Picture

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))


SETTINGS = settings_of(GanConfig)
BOUNDS = {name: one.bounds for name, one in SETTINGS.items() if one.bounds is not None}


def choice(field: str) -> st.SearchStrategy[str]:
    return st.sampled_from(SETTINGS[field].choices)


def number(field: str) -> st.SearchStrategy[float]:
    return st.floats(*BOUNDS[field])


def whole(field: str, most: int) -> st.SearchStrategy[int]:
    low, high = BOUNDS[field]
    return st.integers(int(low), min(int(high), most))


@st.composite
def configs(draw: st.DrawFn) -> GanConfig:
    """Any config within the bounds, of networks that are small enough to be quick."""
    architecture = draw(st.sampled_from(list_architectures()))
    sides = [side for side in ARCHITECTURES[architecture].resolutions if side <= 32]
    return GanConfig(
        architecture=architecture,
        loss=draw(st.sampled_from(list(OBJECTIVES))),
        resolution=draw(st.sampled_from(sides)),
        minutes=draw(number("minutes")),
        images=1,  # one step; at the farthest learning rates a second one may diverge
        conditional=draw(st.booleans()),
        width=draw(whole("width", 8)),
        batch_size=draw(whole("batch_size", 6)),
        lr=draw(st.none() | number("lr")),
        d_lr_factor=draw(number("d_lr_factor")),
        schedule=draw(choice("schedule")),
        gamma=draw(st.none() | number("gamma")),
        penalty_form=draw(choice("penalty_form")),
        path_length=draw(number("path_length")),
        augment=draw(choice("augment")),
        augment_strength=draw(number("augment_strength")),
        mirror=draw(st.booleans()),
        ema_half_life=draw(whole("ema_half_life", 10**9)),
        freeze_d=draw(whole("freeze_d", 8)),
        seed=draw(whole("seed", 2**31 - 1)),
    )


def write_set(folder: Path, labels: list[int], groups: list[int], given: list[int]) -> ImageSet:
    writer = ImageSetWriter(folder)
    for index in range(len(labels)):
        picture = np.full((9, 12, 3), 90 + 20 * labels[index] + index % 7, dtype=np.uint8)
        writer.add(picture, f"{index}.png")
    names = [f"class {label}" for label in range(max(labels, default=-1) + 1)]
    return writer.finish(
        name="tiny", class_names=names, labels=labels, given_splits=given, groups=groups
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return write_set(tmp_path_factory.mktemp("tiny"), [0, 1] * 30, list(range(60)), [0] * 60)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.gan.monitor.EVAL_SAMPLES", 8)
        patch.setattr("training.gan.evaluate.FINAL_SAMPLES", 8)
        yield


@settings(unhurried, max_examples=25)
@given(config=configs())
def test_any_config_trains_with_finite_losses_and_makes_pictures(
    tiny: ImageSet, config: GanConfig
) -> None:
    events = list(train_gan(config, tiny, fabric=create_fabric("cpu")))
    assert not [e for e in events if isinstance(e, Notice) and "diverged" in e.message.key]
    steps = [event for event in events if isinstance(event, Log)]
    assert any("gan/d_loss" in step.metrics for step in steps)
    assert all(math.isfinite(value) for step in steps for value in step.metrics.values())
    assert all(0 <= step.progress <= 1 for step in steps)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.result["conditional"] == config.conditional
    assert last.result["images_seen"] == last.result["batch_size"] == config.batch_size
    for event in events:
        if isinstance(event, Picture):
            assert event.pixels.dtype == np.uint8 and event.pixels.ndim == 3
    for tensor in last.model.tensors.values():
        assert tensor.isfinite().all()
    assert GanConfig.from_json(config.to_json()) == config
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "model", last.model)
        sampler = load_gan_sampler(Path(folder))
        pictures = sampler([1, 2, 3], psi=0.7)
    assert pictures.dtype == torch.uint8
    assert pictures.shape == (3, 3, config.resolution, config.resolution)


@settings(unhurried, max_examples=80)
@given(data=st.data())
def test_any_labels_groups_and_folders_split_cleanly_or_say_why_not(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 90))
    labels = data.draw(st.lists(st.integers(NO_LABEL, 3), min_size=count, max_size=count))
    most = data.draw(st.sampled_from((3, 60, 400)))
    groups = data.draw(st.lists(st.integers(0, most), min_size=count, max_size=count))
    given_splits = data.draw(
        st.just([0] * count) | st.lists(st.integers(0, 2), min_size=count, max_size=count)
    )
    with tempfile.TemporaryDirectory() as folder:
        images = write_set(Path(folder) / "set", labels, groups, given_splits)
        try:
            split = split_for_generator(images, data.draw(st.integers(0, 5)))
        except UserError as problem:
            assert problem.key in ("gan.too_few", "gan.all_alike")
            assert problem.text("en") and problem.text("zh")
            return
        train, val, test = (part.tolist() for part in (split.train, split.val, split.test))
        assert len(train) >= 2 and bool(val) == bool(test)
        for part in (train, val, test):
            assert len(set(part)) == len(part)
        held = [set(images.groups[part].tolist()) for part in (split.train, split.val, split.test)]
        assert not held[0] & (held[1] | held[2])
        if set(val) != set(test):
            assert not held[1] & held[2]
        if not any(given_splits):
            assert split.leaked == 0
            assert sorted({*train, *val, *test}) == list(range(count))
            assert val == [] or count >= GAN_MIN
        assert Split.from_json(split.to_json()).to_json() == split.to_json()


@settings(unhurried, max_examples=40)
@given(
    count=st.integers(1, 5),
    side=st.integers(4, 40),
    augment_p=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_any_pictures_are_augmented_within_bounds(
    count: int, side: int, augment_p: float, seed: int
) -> None:
    x = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    varied = diff_augment(x, augment_p, torch.Generator().manual_seed(seed))
    assert varied.shape == x.shape and varied.dtype == x.dtype
    # The farthest: saturation 2 (up to 7/3 of grey's distance), brightness and contrast on top.
    assert varied.isfinite().all() and varied.abs().max() < 10


def test_the_properties_cover_every_field() -> None:
    drawn = {"start_from", "d_backbone"}  # other tests' affair
    drawn |= {field.name for field in dataclasses.fields(GanConfig)} & BOUNDS.keys()
    drawn |= {"architecture", "loss", "resolution", "conditional", "schedule", "penalty_form"}
    drawn |= {"augment", "mirror"}
    assert drawn == {field.name for field in dataclasses.fields(GanConfig)}
