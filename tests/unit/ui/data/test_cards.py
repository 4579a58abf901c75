"""What the script of the cards may ask for, and what a forged request gets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.visiting import ANNA, BEN
from training.core.home import Home, new_id
from training.core.messages import sentences
from training.core.paths import ASSETS
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from ui.data.cards import ClassCards
from ui.page import Page


@pytest.fixture
def cards(tmp_path: Path) -> ClassCards:
    home = Home(tmp_path / "home")
    page = Page(home, RunManager(home, ("cpu",)), Limits(files=6))
    found: ClassCards = page.tabs["data"].ways.cards
    return found


def sent(cards: ClassCards, count: int = 1) -> list[str]:
    """Uploads that have arrived, each of another grey."""
    folder = cards.app.home.temp / new_id()
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(folder / f"{number}.png")
    return [str(folder / f"{number}.png") for number in range(count)]


def ask(cards: ClassCards, does: object, **data: Any) -> dict[str, Any]:
    return cards.change({"owner": ANNA, "language": "en", "do": does, **data})


def held(answer: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {card["id"]: card["pictures"] for card in answer["cards"]}


def test_pictures_arrive_in_order_and_a_repeated_batch_counts_once(cards: ClassCards) -> None:
    files = sent(cards, 3)
    answer = ask(cards, "add", card="1", files=files)
    assert held(answer)["1"] == tuple(answer["ids"]) and len(answer["ids"]) == 3
    assert not any(Path(file).exists() for file in files)
    assert ask(cards, "add", card="1", files=files) == answer  # its first answer was lost
    thumbs = ask(cards, "thumbs", pictures=[*answer["ids"], new_id()])["thumbs"]
    assert list(thumbs) == answer["ids"]
    assert all(each.startswith("data:image/jpeg") for each in thumbs.values())
    assert cards.change({"owner": BEN, "do": "thumbs", "pictures": answer["ids"]})["thumbs"] == {}


def test_what_is_no_picture_is_left_out_alone(cards: ClassCards) -> None:
    good, bad = sent(cards, 2)
    Path(bad).write_text("no picture")
    answer = ask(cards, "add", card="1", files=[good, bad])
    assert answer["ids"][0] and answer["ids"][1] == "" and answer["problem"]
    assert len(held(answer)["1"]) == 1


def test_the_limit_on_files_holds(cards: ClassCards) -> None:
    ask(cards, "add", card="1", files=sent(cards, 5))
    answer = ask(cards, "add", card="2", files=sent(cards, 2))
    assert "6" in answer["problem"] and "ids" not in answer and held(answer)["2"] == ()


@pytest.mark.parametrize("file", ["secret", "temp/../secret", "", "temp"])
def test_only_uploads_are_read(cards: ClassCards, file: str) -> None:
    cards.app.home.temp.mkdir(parents=True)
    secret = cards.app.home.path / "secret"
    Image.new("RGB", (8, 8)).save(secret, "PNG")
    answer = ask(cards, "add", card="1", files=[str(cards.app.home.path / file)])
    assert answer["problem"] and held(answer)["1"] == () and secret.exists()


@pytest.mark.parametrize("owner", [None, "", "../x", 7, ["a" * 32]])
def test_nobody_has_no_cards(cards: ClassCards, owner: object) -> None:
    answer = cards.change({"owner": owner, "do": "new", "language": ["zh"]})
    assert "cards" not in answer and answer["problem"]


@pytest.mark.parametrize("does", [None, "clear", "__class__", ["add"]])
def test_what_is_unknown_changes_nothing(cards: ClassCards, does: object) -> None:
    before = ask(cards, "list")
    assert ask(cards, does, card="1", files="x", pictures={"a": 1}) == before


def test_changes_by_hand(cards: ClassCards) -> None:
    one, two = ask(cards, "add", card="0", files=sent(cards, 2))["ids"]
    assert held(ask(cards, "move", pictures=[two], card="2"))["2"] == (two,)
    assert ask(cards, "rename", card="2", name=" <i> ")["cards"][2]["name"] == "<i>"
    assert held(ask(cards, "delete", pictures=[one]))["0"] == ()
    assert list(held(ask(cards, "new"))) == ["0", "1", "2", "3"]
    gone = ask(cards, "delete_card", card="2")
    assert list(held(gone)) == ["0", "1", "3"]
    assert ask(cards, "rename", card="2", name="x")["problem"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_script_uses_sentences_that_exist(language: str) -> None:
    script = (ASSETS / "cards.js").read_text(encoding="utf-8")
    used = set(re.findall(r'say\("(\w+)"', script)) | {"sort_touch", "intro_touch", "select_none"}
    used |= {f"camera_{each}" for each in ("insecure", "refused", "none", "busy", "failed")}
    known = {key for key in sentences(language) if key.startswith("data.card_")}
    assert {f"data.card_{name}" for name in used} | {
        f"data.card_{name}" for name in ("intro", "sort_hint", "select_all")
    } == known
