"""Which folders are classes, which are splits, and which are only in the way."""

from __future__ import annotations

import pytest

from training.intake.layout import Place, recognise


def places(*paths: str) -> tuple[str, list[tuple[str | None, int] | None]]:
    layout = recognise(paths)
    return layout.kind, list(layout.places)


@pytest.mark.parametrize("outer", ["", "photos/", "a/b/c/"])
def test_one_folder_per_class_below_any_outer_folders(outer: str) -> None:
    kind, found = places(f"{outer}cat/1.jpg", f"{outer}dog/old/2.jpg", f"{outer}dog/3.jpg")
    assert kind == "folders"
    assert found == [Place("cat", 0), Place("dog", 0), Place("dog", 0)]


@pytest.mark.parametrize("outer", ["", "photos/", "a/b/c/"])
@pytest.mark.parametrize("name", ["val", "valid", "Validation", "VAL"])
def test_given_splits_in_any_spelling(outer: str, name: str) -> None:
    kind, found = places(
        f"{outer}Train/cat/1.jpg", f"{outer}{name}/cat/2.jpg", f"{outer}test/dog/3.jpg"
    )
    assert kind == "splits"
    assert found == [Place("cat", 0), Place("cat", 1), Place("dog", 2)]


def test_splits_need_train_and_another() -> None:
    assert places("train/cat/1.jpg", "train/dog/2.jpg")[0] == "folders"
    assert places("val/1.jpg", "test/2.jpg")[1] == [Place("val", 0), Place("test", 0)]


def test_a_class_called_train_among_other_classes() -> None:
    kind, found = places("train/1.jpg", "test/2.jpg", "bus/3.jpg")
    assert kind == "folders"
    assert found == [Place("train", 0), Place("test", 0), Place("bus", 0)]


def test_splits_without_class_folders_are_flat_and_stay_splits() -> None:
    assert places("train/1.jpg", "test/2.jpg") == ("flat", [Place(None, 0), Place(None, 2)])


def test_strays_have_no_place() -> None:
    assert places("cover.jpg", "cat/1.jpg", "dog/2.jpg")[1][0] is None
    assert (
        places("train/0.jpg", "train/cat/1.jpg", "train/dog/3.jpg", "test/cat/2.jpg")[1][0] is None
    )


def test_pictures_beside_the_split_folders_do_not_hide_them() -> None:
    many = [f"data/train/{name}/{n}.jpg" for name in ("cat", "dog") for n in range(20)]
    kind, found = places(*many, "data/test/cat/1.jpg", "docs/logo.png", "cover.jpg")
    assert kind == "splits"
    assert found[-2:] == [None, None]


@pytest.mark.parametrize(
    "paths", [["1.jpg", "2.jpg"], ["all/1.jpg", "all/2.jpg"], ["0.jpg", "x/1.jpg"]]
)
def test_flat(paths: list[str]) -> None:
    assert places(*paths) == ("flat", [Place(None, 0)] * 2)


def test_class_names_that_are_the_same_but_for_hidden_marks_are_one() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    _, found = places(f"{composed}/1.jpg", f"{decomposed}/2.jpg", "\u202etea \n/3.jpg")
    assert found == [Place(composed, 0), Place(composed, 0), Place("tea", 0)]
