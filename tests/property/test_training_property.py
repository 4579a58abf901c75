"""Whatever a person can set within the page's bounds trains, or says calmly why it can't."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.frozen import frozen_backbone
from training.classifier.config import ClassifierConfig
from training.classifier.train import train_classifier
from training.core.device import create_fabric
from training.core.messages import UserError
from training.core.settings import settings_of
from training.data.imageset import ImageSet, ImageSetWriter
from training.data.splits import Split, split_images
from training.runs.events import Finished, Log

SETTINGS = settings_of(ClassifierConfig)


def bounds(field: str) -> tuple[float, float]:
    found = SETTINGS[field].bounds
    assert found is not None
    return found


def choice(field: str) -> st.SearchStrategy[str]:
    return st.sampled_from(SETTINGS[field].choices)


def number(field: str) -> st.SearchStrategy[float]:
    low, high = bounds(field)
    return st.floats(low, high)


def whole(field: str, most: int) -> st.SearchStrategy[int]:
    low, high = bounds(field)
    return st.integers(int(low), min(int(high), most))


CONFIGS = st.builds(
    ClassifierConfig,
    backbone=st.sampled_from(("seedling_net", "mobilenet_v3_small")),
    method=choice("method"),
    minutes=number("minutes"),
    images=st.integers(1, 30),
    image_size=whole("image_size", 64),
    batch_size=whole("batch_size", 24),
    lr=st.none() | number("lr"),
    optimizer=choice("optimizer"),
    schedule=choice("schedule"),
    weight_decay=number("weight_decay"),
    layer_decay=number("layer_decay"),
    augment=choice("augment"),
    mirror=st.booleans(),
    label_smoothing=number("label_smoothing"),
    class_weights=st.booleans(),
    grow=st.booleans(),
    l2_sp=number("l2_sp"),
    seed=whole("seed", 2**31 - 1),
)


def write_set(folder: Path, labels: list[int], groups: list[int], given: list[int]) -> ImageSet:
    writer = ImageSetWriter(folder)
    for index in range(len(labels)):
        picture = np.full((9, 12, 3), 20 * labels[index] + index % 7, dtype=np.uint8)
        writer.add(picture, f"{index}.png")
    names = [f"class {label}" for label in range(max(labels, default=-1) + 1)]
    return writer.finish(
        name="tiny", class_names=names, labels=labels, given_splits=given, groups=groups
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return write_set(tmp_path_factory.mktemp("tiny"), [0, 1] * 8, list(range(16)), [0] * 16)


@pytest.fixture(scope="module", autouse=True)
def weights_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    hub = tmp_path_factory.mktemp("hub")
    (hub / "checkpoints").mkdir()
    network = torchvision.models.mobilenet_v3_small(weights=None)
    torch.save(network.state_dict(), hub / "checkpoints" / "mobilenet_v3_small-047dcff4.pth")
    frozen_backbone.cache_clear()  # of other tests' random weights
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.hub.get_dir", lambda: str(hub))
        yield


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(config=CONFIGS)
def test_any_config_trains_to_the_end_or_says_why_not(
    tiny: ImageSet, config: ClassifierConfig
) -> None:
    try:
        events = list(train_classifier(config, tiny, fabric=create_fabric("cpu")))
    except UserError as problem:
        assert problem.key in ("train.diverged", "train.no_pretrained")
        assert problem.text("en") and problem.text("zh")
        return
    last = events[-1]
    assert isinstance(last, Finished)
    assert 0 <= last.result["accuracy"] <= 1
    steps = [event for event in events if isinstance(event, Log)]
    assert all(0 <= step.progress <= 1 for step in steps)
    assert all(math.isfinite(value) for step in steps for value in step.metrics.values())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_labels_groups_and_folders_split_cleanly_or_say_why_not(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 60))
    labels = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    groups = data.draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    given_splits = data.draw(
        st.just([0] * count) | st.lists(st.integers(0, 2), min_size=count, max_size=count)
    )
    with tempfile.TemporaryDirectory() as folder:
        images = write_set(Path(folder) / "set", labels, groups, given_splits)
        try:
            split = split_images(images, data.draw(st.integers(0, 5)))
        except UserError as problem:
            assert problem.key.startswith("train.")
            return
        parts = (split.train, split.val, split.test)
        rows = np.concatenate(parts)
        assert len(set(rows.tolist())) == len(rows)
        held = [set(images.groups[part].tolist()) for part in parts]
        assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
        assert all(part.size for part in parts)
        assert split.test.tolist() == Split.from_json(split.to_json()).test.tolist()
