"""The cards of one person: what a browser claims changes them, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from training.core.home import Home, new_id
from training.core.messages import UserError
from training.jobs.collection import MAX_NAME, UNSORTED, Card, Collection

ANNA, BEN = new_id(), new_id()
A, B, C = (new_id() for _ in range(3))


@pytest.fixture
def cards(tmp_path: Path) -> Collection:
    """Two pictures of the first class, one without a class."""
    collection = Collection(Home(tmp_path), ANNA)
    collection.add("1", {key: Image.new("RGB", (8, 8)) for key in (A, B)})
    collection.add(UNSORTED, {C: Image.new("RGB", (8, 8))})
    return collection


def held(collection: Collection) -> dict[str, tuple[str, ...]]:
    return {card.id: card.pictures for card in collection.cards()}


def test_two_classes_wait_and_no_folder_is_made_early(tmp_path: Path) -> None:
    collection = Collection(Home(tmp_path / "home"), ANNA)
    assert collection.cards() == [Card(UNSORTED, ""), Card("1", ""), Card("2", "")]
    assert not (tmp_path / "home").exists()


def test_pictures_are_added_once_in_order(cards: Collection) -> None:
    cards.add("1", {B: Image.new("RGB", (8, 8))})
    assert held(cards) == {UNSORTED: (C,), "1": (A, B), "2": ()}
    assert cards.count() == 3 and cards.path(A).is_file()
    assert held(Collection(Home(cards.folder.parent.parent), BEN))["1"] == ()


def test_moving_and_deleting(cards: Collection) -> None:
    cards.move([C, A, new_id(), None], "2")
    assert held(cards) == {UNSORTED: (), "1": (B,), "2": (C, A)}
    cards.delete([A, new_id()])
    assert held(cards)["2"] == (C,) and not cards.path(A).exists()
    cards.new_card()
    cards.delete_card("2")
    assert held(cards) == {UNSORTED: (), "1": (B,), "3": ()}
    assert not cards.path(C).exists()
    cards.delete_card(UNSORTED)
    assert UNSORTED in held(cards)


def test_names_lose_their_spaces_only(cards: Collection) -> None:
    cards.rename("1", "  <b>red   apple</b> ")
    assert cards.cards()[1].name == "<b>red apple</b>"
    cards.rename("1", "x" * 1000)
    assert len(cards.cards()[1].name) == MAX_NAME


@pytest.mark.parametrize("card", ["9", "", None, 1, "../1", ["1"], {}])
def test_an_unknown_card_is_refused_and_nothing_changes(cards: Collection, card: object) -> None:
    before, files = held(cards), set(cards.folder.iterdir())
    for change in (
        lambda: cards.add(card, {new_id(): Image.new("RGB", (8, 8))}),
        lambda: cards.move([A], card),
        lambda: cards.rename(card, "x"),
        lambda: cards.delete_card(card),
    ):
        with pytest.raises(UserError):
            change()
    assert held(cards) == before and set(cards.folder.iterdir()) == files


@pytest.mark.parametrize("claim", ["../../secret", "", None, 7, ["x"]])
def test_a_forged_picture_is_nobodys(cards: Collection, claim: object) -> None:
    before, files = held(cards), set(cards.folder.iterdir())
    cards.delete([claim])
    cards.move([claim], "2")
    cards.add("1", {str(claim): Image.new("RGB", (8, 8))})
    assert held(cards) == before and set(cards.folder.iterdir()) == files


def test_clearing_leaves_nothing(cards: Collection) -> None:
    cards.clear()
    cards.clear()
    assert not cards.folder.exists()


def test_a_collection_needs_an_id(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Collection(Home(tmp_path), "../somebody")
