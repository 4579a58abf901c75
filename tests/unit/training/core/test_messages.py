from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.core import messages as text
from training.core.messages import Message, UserError, sentences, t

SENTENCES = {
    "en": {
        "greeting": "Hello, {name}.",
        "share": "{value:.0%} done",
        "left": "{count:# file is|# files are} left, {count:one|many}.",
        "error.size.what": "{file} has {mb} MB.",
        "error.size.fix": "Make {file} smaller.",
    },
    "zh": {
        "greeting": "你好，{name}。",
        "share": "完成 {value:.0%}",
        "left": "还剩 {count} 个文件。",
        "error.size.what": "{file} 有 {mb} MB。",
        "error.size.fix": "请缩小 {file}。",
    },
}


@pytest.fixture(autouse=True)
def locales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two small languages instead of the shipped ones."""
    for language, parts in SENTENCES.items():
        (tmp_path / language).mkdir()
        write(tmp_path / language / "all.json", parts)
    monkeypatch.setattr(text, "LOCALES", tmp_path)
    sentences.cache_clear()
    yield tmp_path
    sentences.cache_clear()


def write(path: Path, parts: dict[str, str]) -> None:
    path.write_text(json.dumps(parts, ensure_ascii=False), encoding="utf-8")


def test_a_sentence_is_filled_in_the_language_asked_for() -> None:
    assert t("greeting", name="Ada") == "Hello, Ada."
    assert t("greeting", "zh", name="Ada") == "你好，Ada。"
    assert t("share", value=0.5) == "50% done"


def test_one_is_not_called_as_many_are() -> None:
    assert t("left", count=1) == t("left", count="1") == "1 file is left, one."
    assert t("left", count=0) == "0 files are left, many."
    assert t("left", count=1200) == t("left", count="1,200") == "1,200 files are left, many."
    assert t("left", "zh", count=1) == "还剩 1 个文件。"
    assert t("left", count="#|{count}") == "#|{count} files are left, many."


def test_braces_in_a_value_are_only_text() -> None:
    assert t("greeting", name="{name.__class__}") == "Hello, {name.__class__}."


def test_a_typing_error_in_a_key_or_a_place_is_loud() -> None:
    with pytest.raises(KeyError):
        t("greting", name="Ada")
    with pytest.raises(KeyError):
        t("greeting", nmae="Ada")


def test_a_language_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(ValueError, match="en, zh"):
        sentences("../en")


def test_a_key_in_two_files_is_refused(locales: Path) -> None:
    write(locales / "en" / "more.json", {"greeting": "Hi."})
    with pytest.raises(ValueError, match="greeting"):
        sentences("en")


def test_a_message_outlives_the_process_and_is_read_in_either_language() -> None:
    line = json.dumps(Message("greeting", {"name": "Ada"}).to_json())
    message = Message.from_json(json.loads(line))
    assert message.text() == "Hello, Ada."
    assert message.text("zh") == "你好，Ada。"


def test_an_error_says_what_and_how_to_mend_it() -> None:
    error = UserError("size", file="a.zip", mb=600)
    assert str(error) == "a.zip has 600 MB. Make a.zip smaller."
    assert error.text("zh") == "a.zip 有 600 MB。 请缩小 a.zip。"


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_an_error_keeps_its_values_between_processes(duplicate: object) -> None:
    assert callable(duplicate)
    assert str(duplicate(UserError("size", file="a.zip", mb=600))).startswith("a.zip has 600 MB.")
