"""The card to show around: what stands on it, and what never does."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import MakeSet
from training.core import lettering
from training.core.files import write_json
from training.core.lettering import Lettering
from training.core.messages import LANGUAGES, UserError, t
from training.data.imageset import ImageSet
from training.export.share_card import COLUMNS, GAP, MARGIN, PAPER, SIDE, WIDTH, draw_card
from training.runs.folder import RunFolder, RunInfo

NOON = datetime.datetime(2026, 3, 4, 12).timestamp()
SECRET = "anna-smith-holiday"
HOSTILE = (
    "W" * 5000,
    "one\ntwo\r\n\tthree",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil\N{ZERO WIDTH JOINER}",
    "\U0001f436\U0001f431 \N{ARABIC LETTER BEH}\N{ARABIC LETTER ALEF}",
    "{name} $x^2$ %s <b>&amp;",
    " ",
)


def run(images: ImageSet, path: Path, kind: str, result: Mapping[str, Any]) -> RunFolder:
    info = RunInfo(
        id="0" * 32,
        owner="",
        kind=kind,
        name=SECRET,
        created=NOON,
        data=str(images.folder),
        edits={},
        config={},
    )
    folder = RunFolder.create(path / "run", info)
    write_json(folder.path / "result.json", result)
    return folder


def classified(images: ImageSet, wrong: int = 2, **more: Any) -> dict[str, Any]:
    """All pictures were for the test; the first ``wrong`` are taken for the last class."""
    names, count = images.class_names, len(images)
    mistakes = [
        {"index": row, "file": f"{SECRET}.jpg", "truth": names[0], "guess": names[-1]}
        for row in range(wrong)
    ]
    return {
        "classes": list(names),
        "right": count - wrong,
        "count": count,
        "accuracy_range": [0.61, 0.97],
        "baseline": 0.5,
        "train_images": 1,
        "seconds": 61.0,
        "most_wrong": [{**each, "confidence": 0.9} for each in mistakes],
        "right_pictures": list(range(wrong, count)),
        **more,
    }


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that is written on a card."""
    lines: list[str] = []
    write = Lettering.write

    def remember(self: Lettering, draw: Any, x: float, y: float, text: str, ink: str) -> None:
        lines.append(text)
        write(self, draw, x, y, text, ink)

    monkeypatch.setattr(Lettering, "write", remember)
    return lines


def margins(card: Image.Image) -> NDArray[np.uint8]:
    """What must be empty, below the bar at the top."""
    pixels = np.asarray(card)[20:]
    return np.concatenate([pixels[:, : MARGIN - 10], pixels[:, WIDTH - MARGIN + 10 :]], axis=1)


def is_paper(pixels: NDArray[np.uint8]) -> bool:
    paper = [int(PAPER[place : place + 2], 16) for place in (1, 3, 5)]
    return bool((pixels == paper).all())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_classifiers_card(
    make_set: MakeSet, tmp_path: Path, written: list[str], language: str
) -> None:
    images = make_set({"red": 6, "green": 6, "blue": 6})
    folder = run(images, tmp_path, "classifier", classified(images))
    card = draw_card(folder, language)
    assert card.size == (1080, 1350)
    said = " ".join(written)
    assert t("card.classifier", language, count=3) in said
    assert t("result.says", language, right=16, count=18, low=61, high=97)[:20] in said
    for word in ("Seedling", "2026-03-04", "red", "green", "blue"):
        assert word in said
    assert SECRET not in said
    assert is_paper(margins(card))


def test_its_pictures_are_five_right_ones_of_all_classes_and_a_mistake(
    make_set: MakeSet, tmp_path: Path, written: list[str]
) -> None:
    images = make_set({"red": 6, "green": 6, "blue": 6})
    card = np.asarray(draw_card(run(images, tmp_path, "classifier", classified(images)), "en"))
    captions = [line for line in written if line in ("red", "green", "blue")]
    assert sorted(captions) == ["blue", "green", "green", "red", "red"]
    assert sum(line == "✓" for line in written) == 5
    assert "red, taken for blue" in " ".join(written) and written.count("✗") == 1
    (top,) = np.flatnonzero(np.abs(np.diff(card[:, MARGIN + 5].astype(int), axis=0)).sum(1) > 60)[
        1:2
    ]
    seen = [
        card[top + 40 : top + SIDE - 40, x : x + SIDE - 20].mean((0, 1)).argmax()
        for x in (MARGIN + 10 + column * (SIDE + GAP) for column in range(COLUMNS))
    ]
    assert seen == [0, 1, 2]  # the pictures of each class have its colour


def test_hostile_names_stay_on_the_card(make_set: MakeSet, tmp_path: Path) -> None:
    images = make_set(dict.fromkeys(HOSTILE, 5))
    folder = run(images, tmp_path, "classifier", classified(images))
    for language in LANGUAGES:
        assert is_paper(margins(draw_card(folder, language)))


def test_of_many_classes_some_are_named(
    make_set: MakeSet, tmp_path: Path, written: list[str]
) -> None:
    images = make_set({f"kind of thing {number}": 1 for number in range(100)})
    draw_card(run(images, tmp_path, "classifier", classified(images, wrong=1)), "en")
    assert any(line.endswith("more") for line in written)


def test_a_model_that_learned_nothing_claims_nothing(
    make_set: MakeSet, tmp_path: Path, written: list[str]
) -> None:
    images = make_set({"red": 6, "green": 6})
    draw_card(run(images, tmp_path, "classifier", classified(images, baseline=0.7)), "en")
    assert "still learning" in " ".join(written)


@pytest.mark.parametrize(
    ("more", "missing"), [({"right_pictures": []}, "✓"), ({"most_wrong": []}, "✗")]
)
def test_all_wrong_or_all_right(
    make_set: MakeSet, tmp_path: Path, written: list[str], more: dict[str, Any], missing: str
) -> None:
    images = make_set({"red": 6, "green": 6})
    result = classified(images, **more)
    draw_card(run(images, tmp_path, "classifier", result), "en")
    assert missing not in written
    assert {"✓", "✗"} - {missing} <= set(written)


def test_an_evaluation_of_an_earlier_version_and_deleted_pictures(
    make_set: MakeSet, tmp_path: Path, written: list[str]
) -> None:
    images = make_set({"red": 6, "green": 6})
    old = {k: v for k, v in classified(images).items() if k != "right_pictures"}
    folder = run(images, tmp_path, "classifier", old)
    draw_card(folder, "en")
    assert written.count("✗") == 2
    written.clear()
    for file in images.folder.iterdir():
        file.unlink()
    draw_card(folder, "en")
    assert "✗" not in written and "Seedling" in written


def test_a_generators_card_shows_what_it_made(
    make_set: MakeSet, tmp_path: Path, written: list[str]
) -> None:
    images = make_set({"red": 6, "green": 6})
    result = {
        "kind": "gan",
        "class_names": ["red", "green"],
        "train_images": 12,
        "seconds": 120.0,
        "kept": "best",
        "kept_collapsed": False,
        "meters": {"recognised": 0.84, "recognised_real": 0.9},
    }
    folder = run(images, tmp_path, "gan", result)
    (folder.path / "previews").mkdir()
    grid = Image.new("RGB", (66, 66), "#0000ff")
    grid.save(folder.path / "previews" / "best-000000100.png")
    card = draw_card(folder, "en")
    assert "84 of 100" in " ".join(written)
    assert card.getpixel((WIDTH // 2, 700)) == (0, 0, 255)
    written.clear()
    write_json(folder.path / "result.json", {**result, "kept_collapsed": True})
    draw_card(folder, "en")
    assert t("card.collapsed") in " ".join(written)
    assert "84 of 100" not in " ".join(written)


def test_without_a_font_for_chinese_it_is_english(
    make_set: MakeSet, tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettering, "_cjk_file", lambda bold: None)
    images = make_set({"red": 6, "\N{CJK UNIFIED IDEOGRAPH-7EFF}": 6})
    draw_card(run(images, tmp_path, "classifier", classified(images)), "zh")
    assert t("card.foot", "en") in written


def test_without_a_result_there_is_no_card(make_set: MakeSet, tmp_path: Path) -> None:
    folder = run(make_set({"red": 6}), tmp_path, "classifier", {})
    (folder.path / "result.json").unlink()
    with pytest.raises(UserError, match="no result"):
        draw_card(folder, "en")
