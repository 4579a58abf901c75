"""Who sees what: ids from a browser are claims until they are checked."""

from __future__ import annotations

import pytest
from PIL import Image

from training.core.home import Home, new_id
from training.core.messages import UserError
from training.intake.take_in import take_in
from training.jobs.datasets import Collection, DataSet, Shelf, is_id, read_edits
from ui.common.access import owner_from

ANNA, BEN = new_id(), new_id()


@pytest.fixture
def dataset(shelf: Shelf, cats_and_dogs: dict[str, bytes], make_folder: object) -> DataSet:
    folder = shelf.folder_for_new()
    take_in(make_folder(cats_and_dogs), folder)  # type: ignore[operator]
    return shelf.keep(ANNA, folder, "pets.zip")


@pytest.mark.parametrize(
    "claim", ["", None, 7, "a" * 31, "A" * 32, "../" + "a" * 29, "a" * 32 + "\n", ["a" * 32], {}]
)
def test_only_32_hexadecimal_digits_are_an_id(claim: object, shelf: Shelf) -> None:
    assert not is_id(claim)
    assert is_id(owner_from(claim))
    assert shelf.find(ANNA, claim) is None


def test_a_data_set_is_its_owners(shelf: Shelf, dataset: DataSet) -> None:
    found = shelf.require(ANNA, dataset.id)
    assert (found.source, len(found.images())) == ("pets.zip", 10)
    assert shelf.find(BEN, dataset.id) is None
    assert shelf.find("", dataset.id) is None
    assert shelf.find(ANNA, new_id()) is None
    with pytest.raises(UserError):
        shelf.require(BEN, dataset.id)


def test_a_folder_without_owner_is_nobodys(shelf: Shelf, dataset: DataSet) -> None:
    (dataset.folder / "owner.json").unlink()
    assert shelf.find(ANNA, dataset.id) is None


def test_edits_hold_until_undone(shelf: Shelf, dataset: DataSet) -> None:
    shelf.edit(dataset, {"cats": "pets"})
    shelf.edit(shelf.require(ANNA, dataset.id), {"cats": "pets", "dogs": "pets"})
    assert shelf.require(ANNA, dataset.id).images().counts() == {"pets": 10}
    shelf.undo(shelf.require(ANNA, dataset.id))
    assert shelf.require(ANNA, dataset.id).images().counts() == {"pets": 5, "dogs": 5}
    shelf.undo(shelf.require(ANNA, dataset.id))
    shelf.undo(shelf.require(ANNA, dataset.id))
    assert shelf.require(ANNA, dataset.id).images().counts() == {"cats": 5, "dogs": 5}


def test_an_empty_name_leaves_a_class_out_and_spaces_do_not_count() -> None:
    rows = [("a", " a "), ("b", ""), ("c", "d  d"), ("e", "d d")]
    assert read_edits(rows) == {"b": None, "c": "d d", "e": "d d"}


@pytest.mark.parametrize("rows", [[], [("a", "")], [("a", ""), ("b", "  ")]])
def test_a_class_has_to_remain(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError):
        read_edits(rows)


def test_one_class_is_enough_for_a_generator() -> None:
    assert read_edits([("a", "x"), ("b", "x")]) == {"a": "x", "b": "x"}


def test_collected_pictures_are_counted_undone_and_cleared(shelf: Shelf) -> None:
    collection, picture = Collection(shelf.home, ANNA), Image.new("RGB", (8, 8))
    for name in ("apple", "pear", " apple "):
        collection.add(picture, name)
    assert collection.counts() == {"apple": 2, "pear": 1}
    assert Collection(shelf.home, BEN).counts() == {}
    collection.undo()
    assert collection.counts() == {"apple": 1, "pear": 1}
    with pytest.raises(UserError):
        collection.add(picture, "  ")
    collection.clear()
    collection.undo()
    assert not collection.folder.exists()


def test_a_collection_needs_an_id(shelf: Shelf) -> None:
    with pytest.raises(ValueError):
        Collection(shelf.home, "../somebody")


def test_an_account_is_the_same_in_every_browser_and_nobody_elses(shelf: Shelf) -> None:
    assert shelf.account("Ann") == shelf.account("Ann") != shelf.account("ann")
    assert is_id(shelf.account("Ann"))
    assert Shelf(Home(shelf.home.path / "other")).account("Ann") != shelf.account("Ann")
