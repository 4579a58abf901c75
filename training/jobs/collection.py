"""Pictures that one person collects, on a card for each class, until they are learned from."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from training.core.files import is_full, write_json
from training.core.home import Home
from training.core.messages import UserError
from training.jobs.datasets import is_id

UNSORTED = "0"  # the card of pictures that have no class yet
MAX_CARDS = 200
MAX_NAME = 80  # characters
PNG_LEVEL = 1  # a camera takes 8 pictures a second; level 6 takes three times as long


@dataclass(frozen=True)
class Card:
    """A class: ``name`` is "" until somebody names it, ``pictures`` are ids, oldest first."""

    id: str
    name: str
    pictures: tuple[str, ...] = ()


class Collection:
    """The cards of one person. No folder is made before the first change.

    Ids of cards and pictures may be whatever a browser sent: none is part of a path before it was
    found among those that are kept.

    Raises:
        ValueError: ``owner`` is no id, and must not become the name of a folder.
    """

    # Two tabs of one browser may change the same cards. One lock for all people: a change writes
    # one small file.
    _lock = threading.Lock()

    def __init__(self, home: Home, owner: str) -> None:
        if not is_id(owner):
            raise ValueError("an owner's id has 32 hexadecimal digits")
        self.folder = home.collected / owner

    def cards(self) -> list[Card]:
        """The unsorted pictures, then every class; at first two classes that wait for pictures."""
        path = self.folder / "cards.json"
        if not path.exists():
            return [Card(UNSORTED, ""), Card("1", ""), Card("2", "")]
        kept = json.loads(path.read_text(encoding="utf-8"))
        return [Card(each["id"], each["name"], tuple(each["pictures"])) for each in kept]

    def path(self, picture: str) -> Path:
        """Where a picture of ``cards`` is."""
        return self.folder / f"{picture}.png"

    def count(self) -> int:
        """How many pictures there are, sorted or not."""
        return sum(len(card.pictures) for card in self.cards())

    def add(self, card: object, pictures: Mapping[str, Image.Image]) -> None:
        """Put pictures, by new ids, on a card; an id that is there already changes nothing.

        Raises:
            UserError: the card is gone, or the disk is full.
        """
        fresh = {key: each for key, each in pictures.items() if is_id(key)}
        _require(self.cards(), card)  # before anything is written
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for key, picture in fresh.items():
                picture.save(self.path(key), compress_level=PNG_LEVEL)
            with self._lock:
                cards = self.cards()
                there = {each for card in cards for each in card.pictures}
                new = [key for key in fresh if key not in there]
                self._write(self._with(cards, card, new))
        except OSError as problem:
            if is_full(problem):
                raise UserError("intake.disk_filled") from problem
            raise

    def new_card(self) -> None:
        """One more class, without a name.

        Raises:
            UserError: there are too many.
        """
        with self._lock:
            cards = self.cards()
            if len(cards) > MAX_CARDS:
                raise UserError("data.too_many_cards", most=MAX_CARDS)
            number = 1 + max(int(card.id) for card in cards)
            self._write([*cards, Card(str(number), "")])

    def rename(self, card: object, name: object) -> None:
        """Call a class ``name``; spaces around it do not count, and "" takes its name away."""
        clean = " ".join(str(name or "").split())[:MAX_NAME]
        with self._lock:
            cards = self.cards()
            _require(cards, card)
            self._write([replace(each, name=clean) if each.id == card else each for each in cards])

    def move(self, pictures: Iterable[object], card: object) -> None:
        """Put pictures at the end of another card, in the order in which they lay."""
        chosen = set(map(str, pictures))
        with self._lock:
            cards = self.cards()
            moved = [key for each in cards for key in each.pictures if key in chosen]
            self._write(self._with(_without(cards, chosen), card, moved))

    def delete(self, pictures: Iterable[object]) -> None:
        """Forget pictures; what is not among them is left alone."""
        chosen = set(map(str, pictures))
        with self._lock:
            cards = self.cards()
            known = {key for each in cards for key in each.pictures if key in chosen}
            self._write(_without(cards, known))
            for key in known:
                self.path(key).unlink(missing_ok=True)

    def delete_card(self, card: object) -> None:
        """Forget a class and its pictures; of the unsorted card, the pictures only."""
        with self._lock:
            cards = self.cards()
            known = _require(cards, card)
            left = [each for each in cards if each.id == UNSORTED or each.id != known.id]
            self._write(_without(left, set(known.pictures)))
            for key in known.pictures:
                self.path(key).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            if self.folder.exists():
                shutil.rmtree(self.folder)

    def _with(self, cards: Sequence[Card], card: object, keys: Sequence[str]) -> list[Card]:
        _require(cards, card)
        return [
            replace(each, pictures=(*each.pictures, *keys)) if each.id == card else each
            for each in cards
        ]

    def _write(self, cards: Sequence[Card]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        rows: list[dict[str, Any]] = [
            {"id": card.id, "name": card.name, "pictures": card.pictures} for card in cards
        ]
        write_json(self.folder / "cards.json", rows)


def _without(cards: Sequence[Card], keys: set[str]) -> list[Card]:
    return [
        replace(card, pictures=tuple(key for key in card.pictures if key not in keys))
        for card in cards
    ]


def _require(cards: Sequence[Card], card: object) -> Card:
    for each in cards:
        if each.id == card:
            return each
    raise UserError("data.card_gone")
