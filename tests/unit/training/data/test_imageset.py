"""The pictures at rest: written once, read as they were, edited without touching the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import scene
from training.data.imageset import NO_LABEL, ImageSet, ImageSetWriter, centre_square, rest_size


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """Six pictures of different shapes, classes a, b, c; the last has no label."""
    writer = ImageSetWriter(tmp_path / "set")
    for seed in range(6):
        writer.add(np.asarray(scene(seed, 20 + seed, 30 - seed)), f"{seed}.png")
    return writer.finish(
        name="six",
        class_names=["a", "b", "c"],
        labels=[0, 1, 2, 0, 1, NO_LABEL],
        given_splits=[0, 0, 1, 2, 0, 0],
        groups=[0, 1, 2, 3, 4, 1],
    )


def test_pictures_come_back_as_they_were(images: ImageSet) -> None:
    for seed in range(6):
        assert np.array_equal(images.picture(seed), np.asarray(scene(seed, 20 + seed, 30 - seed)))
    with pytest.raises(ValueError, match="read-only"):
        images.picture(0)[0, 0] = 0


def test_counts_and_given_splits(images: ImageSet) -> None:
    assert images.counts() == {"a": 2, "b": 2, "c": 1}
    assert images.given("train").tolist() == [0, 1, 4, 5]
    assert images.given("val").tolist() == [2] and images.given("test").tolist() == [3]


def test_classes_can_be_renamed_merged_and_dropped(images: ImageSet) -> None:
    edited = images.edited({"a": "x", "c": "x", "b": None})
    assert edited.class_names == ("x",) and edited.counts() == {"x": 3}
    assert edited.files == ("0.png", "2.png", "3.png", "5.png")
    assert edited.labels[-1] == NO_LABEL
    assert np.array_equal(edited.picture(1), images.picture(2))
    assert ImageSet.open(images.folder).class_names == ("a", "b", "c")
    with pytest.raises(KeyError, match="nobody"):
        images.edited({"nobody": "x"})


def test_taking_some_keeps_all_columns_in_step(images: ImageSet) -> None:
    taken = images.take([4, 0])
    assert taken.files == ("4.png", "0.png") and taken.groups.tolist() == [4, 0]
    assert np.array_equal(taken.picture(0), images.picture(4))


def test_an_unfinished_set_cannot_be_opened(tmp_path: Path) -> None:
    writer = ImageSetWriter(tmp_path / "set")
    writer.add(np.zeros((2, 2, 3), np.uint8), "1.png")
    writer.close()
    with pytest.raises(FileNotFoundError):
        ImageSet.open(tmp_path / "set")


@pytest.mark.parametrize(
    "size, expected",
    [
        ((4000, 3000), (341, 256)),
        ((100, 50), (100, 50)),
        ((9000, 30), (512, 2)),
        ((1, 5000), (1, 512)),
    ],
)
def test_size_at_rest(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert rest_size(*size) == expected


def test_the_square_is_the_middle() -> None:
    wide = scene(1, 90, 30)
    middle = centre_square(np.asarray(wide), 30)
    assert np.array_equal(middle, np.asarray(wide)[:, 30:60])
    assert centre_square(np.asarray(wide), 64).shape == (64, 64, 3)
