"""Opening a run's newest generator, and directions that keep their meaning and their names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.directions import Directions, find_directions
from models.gans.layers import Generator
from models.gans.registry import GanShape
from tests.conftest import MakeSet
from tests.generators import lively_generator
from training.core.messages import UserError
from training.gan.config import GanConfig
from training.latent import steering
from training.latent.sampler import GanSampler
from training.latent.steering import (
    FILE,
    MAX_DIRECTIONS,
    MAX_NAME,
    direction_names,
    load_gan_sampler,
    name_direction,
    newest_weights,
)
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint, pack
from training.runs.folder import RunFolder, RunInfo

LATENT = 16
SHAPE = GanShape("dcgan", 32, 0, 8, LATENT)
Save = Callable[..., Path]


@cache
def weights(seed: int, classes: int = 0) -> Mapping[str, Tensor]:
    return lively_generator("dcgan", classes, seed=seed).state_dict()


def painted(seed: int) -> Tensor:
    return GanSampler(lively_generator("dcgan", seed=seed), ())([3, 4])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def save(folder: Path) -> Save:
    """``save("model", 1)``: weights of their own, each written a second after the last ones."""
    clock = 1_700_000_000

    def save(name: str, seed: int, **state: Any) -> Path:
        nonlocal clock
        clock += 1
        told = {"kind": "gan", "shape": SHAPE.to_json(), **state}
        if name == "model":
            parts, told = pack(generator=weights(seed)), {"class_names": [], **told}
        else:  # the average is what paints; the generator itself is another one
            parts = pack(ema=weights(seed), generator=weights(seed + 100), best=weights(seed + 200))
        checkpoints.save(folder / name, Checkpoint(parts, told))
        os.utime(folder / name / "state.json", (clock, clock))
        return folder

    return save


# ---- which weights


def test_a_run_without_weights_has_nothing_to_show(folder: Path) -> None:
    for _ in range(2):
        assert newest_weights(folder) is None
        with pytest.raises(UserError) as caught:
            load_gan_sampler(folder)
        assert caught.value.key == "run.no_model"
        folder.mkdir(exist_ok=True)


def test_a_run_at_work_paints_with_its_average(save: Save) -> None:
    assert torch.equal(load_gan_sampler(save("checkpoint", 1))([3, 4]), painted(1))


def test_a_finished_run_paints_with_its_model(save: Save) -> None:
    save("checkpoint", 1)
    assert torch.equal(load_gan_sampler(save("model", 2))([3, 4]), painted(2))


def test_a_resumed_run_paints_with_what_it_has_learned_since(save: Save) -> None:
    save("model", 1)
    folder = save("checkpoint", 2)
    assert newest_weights(folder) == folder / "checkpoint"
    assert torch.equal(load_gan_sampler(folder)([3, 4]), painted(2))


def test_it_stays_in_memory_until_there_is_a_newer_one(save: Save) -> None:
    folder = save("checkpoint", 1)
    first = load_gan_sampler(folder)
    assert load_gan_sampler(folder) is first
    save("checkpoint", 2)
    second = load_gan_sampler(folder)
    assert second is not first and torch.equal(second([3, 4]), painted(2))


def test_a_classifier_is_no_generator(folder: Path) -> None:
    state = {"kind": "classifier", "class_names": ["a", "b"]}
    checkpoints.save(folder / "model", Checkpoint({"model/head": torch.zeros(2)}, state))
    with pytest.raises(UserError) as caught:
        load_gan_sampler(folder)
    assert caught.value.key == "gan.not_a_generator"


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("name", ["model", "checkpoint"])
def test_damaged_weights_are_said_to_be(save: Save, file: str, name: str) -> None:
    path = save(name, 1) / name / file
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"?" + data[len(data) // 2 + 1 :])
    with pytest.raises(UserError) as caught:
        load_gan_sampler(path.parent.parent)
    assert caught.value.key == "run.damaged"


@pytest.mark.parametrize(
    "shape",
    [
        {**SHAPE.to_json(), "architecture": "of the future"},
        {**SHAPE.to_json(), "wings": 2},
        {**SHAPE.to_json(), "width": 16},
        {},
    ],
)
def test_weights_of_another_version_are_refused_kindly(save: Save, shape: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        load_gan_sampler(save("model", 1, shape=shape))
    assert caught.value.key == "run.damaged"


@pytest.fixture
def with_classes(folder: Path, make_set: MakeSet) -> Path:
    """A run at work on two classes."""
    images = make_set({"cats": 8, "dogs": 8})
    info = RunInfo(
        id="run",
        owner="",
        kind="gan",
        name="pets",
        created=0.0,
        data=str(images.folder),
        edits={"dogs": "hounds"},
        config=GanConfig(architecture="dcgan", resolution=32).to_json(),
    )
    RunFolder.create(folder, info)
    shape = GanShape("dcgan", 32, 2, 8, LATENT).to_json()
    saved = Checkpoint(pack(ema=weights(1, 2)), {"shape": shape})
    checkpoints.save(folder / "checkpoint", saved)
    return folder


def test_the_pictures_know_what_the_classes_of_a_checkpoint_are_called(with_classes: Path) -> None:
    assert load_gan_sampler(with_classes).class_names == ("cats", "hounds")


def test_without_its_pictures_a_run_at_work_has_numbers_for_classes(with_classes: Path) -> None:
    (Path(RunFolder(with_classes).info().data) / "imageset.json").unlink()
    assert tuple(load_gan_sampler(with_classes).class_names) == ("1", "2")


# ---- directions


def forget() -> None:
    """As after a restart."""
    steering._load.cache_clear()


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Generator]:
    """Grows by one each time that directions are searched for."""
    found: list[Generator] = []

    def search(generator: Generator, count: int | None = None) -> Directions:
        found.append(generator)
        return find_directions(generator, count)

    monkeypatch.setattr("training.latent.steering.find_directions", search)
    forget()
    return found


def vectors(folder: Path) -> Tensor:
    forget()
    return load_gan_sampler(folder).directions.vectors


def test_directions_are_searched_for_once(save: Save, searches: list[Generator]) -> None:
    folder = save("model", 1)
    load_gan_sampler(folder)
    assert searches == [] and not (folder / FILE).exists()
    first = vectors(folder)
    assert len(searches) == 1 and 8 <= len(first) <= MAX_DIRECTIONS
    assert torch.equal(vectors(folder), first)
    assert len(searches) == 1


def test_new_weights_get_new_directions(save: Save, searches: list[Generator]) -> None:
    first = vectors(save("model", 1))
    second = vectors(save("model", 2))
    assert len(searches) == 2 and not torch.equal(first, second)
    assert torch.equal(vectors(save("model", 2)), second)
    assert len(searches) == 2  # the same weights, written again


def test_directions_hold_while_a_run_is_at_work(save: Save, searches: list[Generator]) -> None:
    first = vectors(save("checkpoint", 1))
    assert torch.equal(vectors(save("checkpoint", 2)), first)
    assert len(searches) == 1
    assert not torch.equal(vectors(save("model", 3)), first)


def test_a_named_direction_keeps_its_meaning(save: Save, searches: list[Generator]) -> None:
    first = vectors(save("model", 1))
    name_direction(save("model", 1), 2, "sleeves")
    folder = save("model", 2)
    assert torch.equal(vectors(folder), first) and len(searches) == 1
    assert direction_names(folder) == {2: "sleeves"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"weights": "x", "nam',
        b"\xff\xfe\x00",
        b"null",
        b"{}",
        b"[1]",
        b'{"weights": "x"}',
        b'{"weights": "x", "names": {"0": "a"}, "vectors": [], "shares": []}',
        b'{"weights": "x", "names": {"0": "a"}, "vectors": [[1.0, 2.0]], "shares": [1.0]}',
    ],
)
def test_a_damaged_file_is_mended(save: Save, searches: list[Generator], data: bytes) -> None:
    folder = save("checkpoint", 1)
    first = vectors(folder)
    (folder / FILE).write_bytes(data)
    assert torch.equal(vectors(folder), first) and len(searches) == 2
    assert direction_names(folder) == {}
    assert torch.equal(vectors(folder), first) and len(searches) == 2


def test_directions_that_were_kept_paint_as_before(save: Save) -> None:
    found = load_gan_sampler(save("model", 1)).directions
    forget()
    kept = load_gan_sampler(save("model", 1)).directions
    assert torch.equal(kept.vectors, found.vectors) and torch.equal(kept.shares, found.shares)


# ---- names


def test_names_are_given_changed_and_taken_away(save: Save) -> None:
    folder = save("model", 1)
    assert direction_names(folder) == {}
    name_direction(folder, 0, "  sleeve \n length ")
    name_direction(folder, 3, "袖")
    assert direction_names(folder) == {0: "sleeve length", 3: "袖"}
    name_direction(folder, 0, "collar")
    name_direction(folder, 3, "   ")
    assert direction_names(folder) == {0: "collar"}
    before = vectors(folder)
    name_direction(folder, 0, "")
    assert direction_names(folder) == {} and torch.equal(vectors(folder), before)


def test_a_name_has_a_length(save: Save) -> None:
    folder = save("model", 1)
    name_direction(folder, 0, "x" * MAX_NAME)
    with pytest.raises(UserError) as caught:
        name_direction(folder, 0, "y" * (MAX_NAME + 1))
    assert caught.value.key == "latent.long_name"
    assert direction_names(folder) == {0: "x" * MAX_NAME}


@pytest.mark.parametrize("index", [-1, LATENT, 10**9])
def test_only_directions_that_there_are_have_names(save: Save, index: int) -> None:
    folder = save("model", 1)
    with pytest.raises(UserError):
        name_direction(folder, index, "nothing")
    assert direction_names(folder) == {}


def test_once_the_last_name_is_gone_new_weights_get_new_directions(
    save: Save, searches: list[Generator]
) -> None:
    vectors(save("model", 1))
    name_direction(save("model", 1), 0, "sleeves")
    folder = save("model", 2)
    name_direction(folder, 0, "")
    own = find_directions(lively_generator("dcgan", seed=2), MAX_DIRECTIONS).vectors
    assert torch.equal(vectors(folder), own)


def test_the_file_is_whole_at_any_time(save: Save) -> None:
    folder = save("model", 1)
    name_direction(folder, 1, "a")
    kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
    assert kept["names"] == {"1": "a"} and len(kept["vectors"]) == len(kept["shares"]) == LATENT
    assert [path.name for path in folder.iterdir() if path.name.endswith(".new")] == []
