"""Who sees what: ids from a browser are claims until they are checked."""

from __future__ import annotations

import pytest

from training.core.home import Home, new_id
from training.core.messages import UserError
from training.intake.take_in import take_in
from training.jobs.datasets import DataSet, DatasetStore, is_id, read_edits
from ui.common.access import owner_from

ANNA, BEN = new_id(), new_id()


@pytest.fixture
def dataset(
    datasets: DatasetStore, cats_and_dogs: dict[str, bytes], make_folder: object
) -> DataSet:
    folder = datasets.folder_for_new()
    take_in(make_folder(cats_and_dogs), folder)  # type: ignore[operator]
    return datasets.keep(ANNA, folder, "pets.zip")


@pytest.mark.parametrize(
    "claim", ["", None, 7, "a" * 31, "A" * 32, "../" + "a" * 29, "a" * 32 + "\n", ["a" * 32], {}]
)
def test_only_32_hexadecimal_digits_are_an_id(claim: object, datasets: DatasetStore) -> None:
    assert not is_id(claim)
    assert is_id(owner_from(claim))
    assert datasets.find(ANNA, claim) is None


def test_a_data_set_is_its_owners(datasets: DatasetStore, dataset: DataSet) -> None:
    found = datasets.require(ANNA, dataset.id)
    assert (found.source, len(found.images())) == ("pets.zip", 10)
    assert datasets.find(BEN, dataset.id) is None
    assert datasets.find("", dataset.id) is None
    assert datasets.find(ANNA, new_id()) is None
    with pytest.raises(UserError):
        datasets.require(BEN, dataset.id)


def test_a_folder_without_owner_is_nobodys(datasets: DatasetStore, dataset: DataSet) -> None:
    (dataset.folder / "owner.json").unlink()
    assert datasets.find(ANNA, dataset.id) is None


def test_edits_hold_until_undone(datasets: DatasetStore, dataset: DataSet) -> None:
    datasets.edit(dataset, {"cats": "pets"})
    datasets.edit(datasets.require(ANNA, dataset.id), {"cats": "pets", "dogs": "pets"})
    assert datasets.require(ANNA, dataset.id).images().counts() == {"pets": 10}
    datasets.undo(datasets.require(ANNA, dataset.id))
    assert datasets.require(ANNA, dataset.id).images().counts() == {"pets": 5, "dogs": 5}
    datasets.undo(datasets.require(ANNA, dataset.id))
    datasets.undo(datasets.require(ANNA, dataset.id))
    assert datasets.require(ANNA, dataset.id).images().counts() == {"cats": 5, "dogs": 5}


def test_an_empty_name_leaves_a_class_out_and_spaces_do_not_count() -> None:
    rows = [("a", " a "), ("b", ""), ("c", "d  d"), ("e", "d d")]
    assert read_edits(rows) == {"b": None, "c": "d d", "e": "d d"}


@pytest.mark.parametrize("rows", [[], [("a", "")], [("a", ""), ("b", "  ")]])
def test_a_class_has_to_remain(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError):
        read_edits(rows)


def test_one_class_is_enough_for_a_generator() -> None:
    assert read_edits([("a", "x"), ("b", "x")]) == {"a": "x", "b": "x"}


def test_an_account_is_the_same_in_every_browser_and_nobody_elses(datasets: DatasetStore) -> None:
    assert datasets.account("Ann") == datasets.account("Ann") != datasets.account("ann")
    assert is_id(datasets.account("Ann"))
    assert DatasetStore(Home(datasets.home.path / "other")).account("Ann") != datasets.account(
        "Ann"
    )
