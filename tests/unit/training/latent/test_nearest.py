"""Neighbours: a training picture finds itself, and only what was learned from is looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import MakeSet
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.data.splits import split_for_generator
from training.gan.config import GanConfig
from training.latent.nearest import Neighbours, load_neighbours
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint
from training.runs.folder import RunFolder, RunInfo

MakeRun = Callable[[ImageSet], Path]


@pytest.fixture
def images(make_set: MakeSet) -> ImageSet:
    return make_set({"red": 40, "green": 40})


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """``make_run(images)``: the folder of a finished run on them, without a checkpoint."""

    def make(images: ImageSet) -> Path:
        info = RunInfo(
            id="run",
            owner="",
            kind="gan",
            name="tiny",
            created=0.0,
            data=str(images.folder),
            edits={},
            config=GanConfig(resolution=32).to_json(),
        )
        folder = RunFolder.create(tmp_path / "run", info)
        return folder.path

    return make


def square(images: ImageSet, row: int) -> Tensor:
    """(1, 3, 32, 32) uint8."""
    return torch.from_numpy(images.square(row, 32)).permute(2, 0, 1)[None]


def test_a_training_picture_finds_itself_first(images: ImageSet, make_run: MakeRun) -> None:
    near = Neighbours(make_run(images))
    shares = list(near.prepare())
    assert shares == sorted(shares) and shares[-1] == 1
    assert list(near.prepare()) == []  # once is enough
    usual = near.usual_distance()
    for row in near.rows[:5].tolist():
        found = near.find(square(near.images, row))
        distances = [distance for _, distance in found]
        assert found[0][0] == row and distances[0] < usual / 1000 < usual / 2 < distances[1]
        assert len(found) == 6 and distances == sorted(distances)
        same = [near.images.labels[each] == near.images.labels[row] for each, _ in found]
        assert all(same)


def test_only_what_was_learned_from_is_looked_at(images: ImageSet, make_run: MakeRun) -> None:
    near = Neighbours(make_run(images))
    split = split_for_generator(images, GanConfig().seed)
    assert sorted(near.rows) == sorted(split.train) and len(split.val) > 0
    held_out = int(split.val[0])
    assert held_out not in [row for row, _ in near.find(square(images, held_out), 80)]


def test_the_checkpoint_knows_the_split_best(images: ImageSet, make_run: MakeRun) -> None:
    folder = make_run(images)
    split = split_for_generator(images, 77)
    checkpoints.save(folder / "checkpoint", Checkpoint({}, {"split": split.to_json()}))
    assert sorted(Neighbours(folder).rows) == sorted(split.train)
    (folder / "checkpoint" / "state.json").write_text("{}")
    assert sorted(Neighbours(folder).rows) != sorted(split.train)


def test_of_many_pictures_some_are_looked_at(images: ImageSet, make_run: MakeRun) -> None:
    folder = make_run(images)
    few, same, others = (Neighbours(folder, most=10, seed=seed) for seed in (1, 1, 2))
    assert len(set(few.rows)) == 10
    assert few.rows.tolist() == same.rows.tolist() != others.rows.tolist()
    assert len(few.find(square(images, 0), 100)) == 10


def test_it_is_kept_until_the_pictures_change(images: ImageSet, make_run: MakeRun) -> None:
    folder = make_run(images)
    first = load_neighbours(folder)
    assert load_neighbours(folder) is first
    run = RunFolder(folder)
    run.write_info(run.info())
    assert load_neighbours(folder) is not first


def test_pictures_that_are_gone_are_missed(images: ImageSet, make_run: MakeRun) -> None:
    folder = make_run(images)
    (images.folder / "pixels.bin").unlink()
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            load_neighbours(folder)
        assert caught.value.key == "run.no_data" and "tiny" in str(caught.value)
        shutil.rmtree(images.folder, ignore_errors=True)
