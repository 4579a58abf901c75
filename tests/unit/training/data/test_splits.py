"""Who teaches, who decides, who judges."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import MakeSet
from training.core.messages import UserError
from training.data.splits import VAL_MAX, Split, split_images


def all_rows(split: Split) -> list[int]:
    return sorted([*split.train.tolist(), *split.val.tolist(), *split.test.tolist()])


def test_every_class_is_on_every_side(make_set: MakeSet) -> None:
    images = make_set({"a": 4, "b": 40, "c": 11})
    split = split_images(images, seed=3)
    assert all_rows(split) == list(range(55))
    for part in (split.train, split.val, split.test):
        assert set(images.labels[part]) == {0, 1, 2}
    assert split.origin == "held_out"
    assert (images.labels[split.test] == 1).sum() == 8  # a fifth


def test_another_seed_gives_another_split(make_set: MakeSet) -> None:
    images = make_set({"a": 20, "b": 20})
    assert split_images(images, 0).test.tolist() == split_images(images, 0).test.tolist()
    assert split_images(images, 0).test.tolist() != split_images(images, 1).test.tolist()


def test_near_duplicates_stay_on_one_side(make_set: MakeSet) -> None:
    groups = [number // 3 for number in range(60)]
    images = make_set({"a": 30, "b": 30}, groups=groups)
    for seed in range(10):
        split = split_images(images, seed)
        sides = [set(images.groups[part]) for part in (split.train, split.val, split.test)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
        assert split.test.size and split.val.size


def test_the_uploads_own_test_folder_judges(make_set: MakeSet) -> None:
    given = ["train"] * 12 + ["val"] * 4 + ["test"] * 4
    split = split_images(make_set({"a": 20, "b": 20}, given=given * 2), 0)
    assert split.origin == "test"
    assert split.test.tolist() == [16, 17, 18, 19, 36, 37, 38, 39]
    assert sorted(split.val.tolist()) == [12, 13, 14, 15, 32, 33, 34, 35]


def test_a_lone_val_folder_judges_and_is_not_decided_by(make_set: MakeSet) -> None:
    given = ["train"] * 16 + ["val"] * 4
    split = split_images(make_set({"a": 20, "b": 20}, given=given * 2), 0)
    assert split.origin == "val"
    assert split.test.tolist() == [16, 17, 18, 19, 36, 37, 38, 39]
    assert split.val.size and not set(split.val) & set(split.test)


def test_training_pictures_that_look_like_test_pictures_are_left_out(make_set: MakeSet) -> None:
    given = (["train"] * 16 + ["test"] * 4) * 2
    groups = list(range(40))
    groups[0] = groups[16]  # a training picture of class a looks like one of its test pictures
    split = split_images(make_set({"a": 20, "b": 20}, given=given, groups=groups), 0)
    assert split.leaked == 1
    assert 0 not in split.train and 0 not in split.val
    assert 16 in split.test


def test_a_large_val_folder_costs_no_more_than_it_helps(make_set: MakeSet) -> None:
    given = ["train"] * 10 + ["val"] * 250 + ["test"] * 5
    split = split_images(make_set({"a": 265, "b": 265}, given=given * 2, side=2), 0)
    assert split.val.size == VAL_MAX


def test_splits_round_trip(make_set: MakeSet) -> None:
    split = split_images(make_set({"a": 9, "b": 9}), 0)
    again = Split.from_json(split.to_json())
    assert all(
        np.array_equal(getattr(split, n), getattr(again, n)) for n in ("train", "val", "test")
    )


@pytest.mark.parametrize(
    ("counts", "given", "key"),
    [
        ({}, None, "train.no_classes"),
        ({"a": 9}, None, "train.one_class"),
        ({"a": 9, "b": 3}, None, "train.small_class"),
        ({"a": 6, "b": 6}, (["train"] * 3 + ["test"] * 3) * 2, "train.small_class"),
    ],
)
def test_what_can_not_be_divided_is_refused(
    make_set: MakeSet, counts: dict[str, int], given: list[str] | None, key: str
) -> None:
    with pytest.raises(UserError) as caught:
        split_images(make_set(counts, given=given), 0)
    assert caught.value.key == key
