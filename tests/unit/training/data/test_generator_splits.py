"""A generator's pictures: any set that holds two of them can be learned from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.conftest import MakeSet
from training.core.messages import UserError
from training.data.imageset import NO_LABEL
from training.data.splits import (
    GAN_MIN,
    GAN_PLENTY,
    GAN_TEST_MAX,
    GAN_VAL_MAX,
    split_for_generator,
)


def test_pictures_without_classes_are_held_out_like_others(make_set: MakeSet) -> None:
    images = make_set({"red": 100}, side=2)
    flat = dataclasses.replace(images, labels=images.labels * 0 + NO_LABEL, class_names=())
    split = split_for_generator(flat, 0)
    assert len(split.val) == 20 and len(split.train) == 80


def test_every_class_is_held_out_in_its_share(make_set: MakeSet) -> None:
    images = make_set({"red": 800, "green": 200}, side=2)
    split = split_for_generator(images, 0)
    for part, red, green in ((split.test, 80, 20), (split.val, 72, 18)):
        assert np.bincount(images.labels[part]).tolist() == [red, green]


def test_the_same_seed_holds_the_same_pictures_out(make_set: MakeSet) -> None:
    images = make_set({"red": 100}, side=2)
    first, again, other = (split_for_generator(images, seed) for seed in (3, 3, 4))
    assert first.to_json() == again.to_json()
    assert set(first.test) != set(other.test)


@pytest.mark.parametrize("count", [GAN_MIN - 1, GAN_MIN, GAN_PLENTY - 1, GAN_PLENTY])
def test_how_many_pictures_there_are_decides_what_judges(make_set: MakeSet, count: int) -> None:
    split = split_for_generator(make_set({"red": count}, side=2), 0)
    assert bool(len(split.test)) == (count >= GAN_MIN)
    if count < GAN_MIN:
        assert len(split.train) == count and not len(split.val)
    else:
        assert (set(split.test) == set(split.val)) == (count < GAN_PLENTY)


def test_judges_are_no_more_than_needed(make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.splits.GAN_TEST_MAX", 25)
    monkeypatch.setattr("training.data.splits.GAN_VAL_MAX", 15)
    images = make_set({"red": 600}, side=2)
    split = split_for_generator(images, 0)
    assert (len(split.test), len(split.val), len(split.train)) == (25, 15, 560)
    given = ["train"] * 100 + ["val"] * 40 + ["test"] * 60
    split = split_for_generator(make_set({"red": 200}, given=given, side=2), 0)
    assert (len(split.test), len(split.val), len(split.train)) == (25, 15, 100)
    assert GAN_VAL_MAX <= GAN_TEST_MAX


def test_look_alikes_stay_on_one_side(make_set: MakeSet) -> None:
    groups = [number // 5 for number in range(600)]
    images = make_set({"red": 600}, groups=groups, side=2)
    split = split_for_generator(images, 0)
    held = [set(images.groups[part]) for part in (split.train, split.val, split.test)]
    assert len(split.val) and len(split.test)
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


def test_training_pictures_like_given_test_pictures_are_left_out(make_set: MakeSet) -> None:
    given = ["train"] * 6 + ["test"] * 2
    images = make_set({"red": 8}, given=given, groups=[0, 1, 2, 3, 4, 5, 5, 6], side=2)
    split = split_for_generator(images, 0)
    assert sorted(split.train) == [0, 1, 2, 3, 4] and split.leaked == 1
    assert sorted(split.test) == [6, 7] and split.origin == "test"


def test_given_pictures_that_decide_are_none_of_those_that_judge(make_set: MakeSet) -> None:
    given = ["train"] * 4 + ["val"] * 3 + ["test"] * 3
    images = make_set({"red": 10}, given=given, groups=[0, 1, 2, 3, 4, 5, 6, 6, 7, 8], side=2)
    split = split_for_generator(images, 0)
    assert len(split.val) and len(split.test)
    assert not set(images.groups[split.val]) & set(images.groups[split.test])


@pytest.mark.parametrize("only", ["val", "test"])
def test_one_given_folder_decides_and_judges(make_set: MakeSet, only: str) -> None:
    given = ["train"] * 4 + [only] * 3
    split = split_for_generator(make_set({"red": 7}, given=given, side=2), 0)
    assert sorted(split.val) == sorted(split.test) == [4, 5, 6] and split.origin == only


def test_sets_that_teach_nothing_are_refused(make_set: MakeSet) -> None:
    with pytest.raises(UserError) as caught:
        split_for_generator(make_set({"red": 3}, given=["train", "test", "test"], side=2), 0)
    assert caught.value.key == "gan.too_few"
    given, groups = ["train"] * 3 + ["test"], [0, 0, 1, 0]
    with pytest.raises(UserError) as caught:
        split_for_generator(make_set({"red": 4}, given=given, groups=groups, side=2), 0)
    assert caught.value.key == "gan.all_alike"
