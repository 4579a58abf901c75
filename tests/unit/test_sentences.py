"""Every sentence that the program can say exists, in every language, with the same places."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.source import PROGRAM, ROOT, listed, name_of, python_files, tree_of
from training.core.messages import LANGUAGES, LOCALES, sentences

SPEAKERS = ("t", "say", "Message", "UserError")  # take a key first
NO_KEY = re.compile(r"\.(json|jsonl|css|js|html|csv|zip|bin|py|png|jpg|svg|txt|safetensors)$")
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
COUNT = r"\{(count|pictures|classes|files|days|minutes|seconds|limit|people|batch|gain)(:,)?\}"
BEFORE_MANY = re.compile(COUNT + r" (\w+ )?\w+s\b")
NEVER_ONE = {  # the program says these of two or more only
    "duel.same_minutes", "error.intake.ratio.what", "gan.advice_small", "gan.advice_tiny",
    "gan.on_held_out", "gan.on_train", "gan.plan_classes", "gan.quality_numbers",
    "notice.budget_subset", "notice.gan_many_classes", "notice.gan_plan", "notice.gan_tiny",
    "notice.plan_short",
}  # fmt: skip
OTHERS = [language for language in LANGUAGES if language != "en"]


def places(sentence: str) -> set[str]:
    """The names between braces."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@dataclass(frozen=True)
class Said:
    """A key written in a call: whole, or only its beginning where the rest is computed.

    ``values`` are the names handed over with it, ``None`` where that can't be seen.
    """

    place: str
    speaker: str
    key: str
    whole: bool
    values: frozenset[str] | None

    def sentences(self) -> list[str]:
        """The keys it stands for."""
        if self.speaker != "UserError":
            return [self.key]
        return [f"error.{self.key}.{part}" for part in ("what", "fix")]


@cache
def said() -> list[Said]:
    return [
        one
        for path in python_files(*PROGRAM)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and node.args
        for one in keys_of(path, node)
    ]


def keys_of(path: Path, call: ast.Call) -> Iterator[Said]:
    speaker = ast.unparse(call.func).rpartition(".")[2]
    if speaker not in SPEAKERS:
        return
    place, values = f"{name_of(path)}:{call.lineno}", values_of(speaker, call)
    for node in alternatives(call.args[0]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Said(place, speaker, node.value, True, values)
        elif isinstance(node, ast.JoinedStr) and (start := beginning(node)):
            yield Said(place, speaker, start, False, None)


def alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """``a if x else b`` is ``a`` or ``b``."""
    if isinstance(node, ast.IfExp):
        yield from alternatives(node.body)
        yield from alternatives(node.orelse)
    else:
        yield node


def beginning(node: ast.JoinedStr) -> str:
    """The constant part before the first brace of an f-string."""
    first = node.values[0] if node.values else None
    return str(first.value) if isinstance(first, ast.Constant) else ""


def values_of(speaker: str, call: ast.Call) -> frozenset[str] | None:
    """The names of the values that a call hands over; ``None`` where it can't be seen."""
    if speaker == "Message":
        if len(call.args) < 2:
            return frozenset()
        given = call.args[1]
        if not isinstance(given, ast.Dict):
            return None
        names = [key.value for key in given.keys if isinstance(key, ast.Constant)]
        return frozenset(map(str, names)) if len(names) == len(given.keys) else None
    named = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    return frozenset(named) if len(named) == len(call.keywords) else None


@cache
def constants() -> dict[str, str]:
    """Every whole string in the program, and one place where it stands."""
    found = {}
    for path in python_files(*PROGRAM):
        nodes = list(ast.walk(tree_of(path)))
        texts = [node for node in nodes if isinstance(node, ast.JoinedStr)]
        pieces = {id(piece) for text in texts for piece in text.values}
        for node in nodes:
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in pieces
            ):
                found[node.value] = f"{name_of(path)}:{node.lineno}"
    return found


@cache
def prefixes() -> set[str]:
    """What the f-strings of the program begin with, where that can be the start of a key."""
    return {
        start
        for path in python_files(*PROGRAM)
        if name_of(path)
        != "training/core/messages.py"  # there any error's sentences are put together
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.JoinedStr) and "." in (start := beginning(node))
    }


def test_no_file_says_a_key_twice() -> None:
    def once(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), sorted({key for key in keys if keys.count(key) > 1})
        return dict(pairs)

    files = list(LOCALES.rglob("*.json"))
    assert files
    for path in files:
        json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_sentences(language: str) -> None:
    only_one = sentences(language).keys() ^ sentences("en").keys()
    assert not only_one, listed(only_one)
    names = [sorted(path.name for path in (LOCALES / one).iterdir()) for one in ("en", language)]
    assert names[0] == names[1]


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_places(language: str) -> None:
    other = sentences(language)
    wrong = [
        f"{key}: {sorted(places(sentence))} but {sorted(places(other[key]))}"
        for key, sentence in sentences("en").items()
        if key in other and places(sentence) != places(other[key])
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("language", OTHERS)
def test_chinese_is_chinese(language: str) -> None:
    """A sentence of several words that is equal in both languages was forgotten."""
    english = sentences("en")
    forgotten = [
        key
        for key, sentence in sentences(language).items()
        if sentence == english.get(key) and len(re.sub(r"{.*?}", "", sentence).split()) > 2
    ]
    assert not forgotten, listed(forgotten)


def test_one_thing_is_not_called_as_many_are() -> None:
    """A number before a plural has the form for one, too: ``{count:# file|# files}``."""
    many = {key for key, sentence in sentences("en").items() if BEFORE_MANY.search(sentence)}
    assert many == NEVER_ONE, listed(many ^ NEVER_ONE)


def test_every_sentence_that_is_asked_for_exists() -> None:
    known = sentences("en").keys()
    wanting = [
        f"{one.place} {key}"
        for one in said()
        if one.whole
        for key in one.sentences()
        if key not in known
    ]
    assert not wanting, listed(wanting)


def test_every_computed_key_has_something_to_find() -> None:
    known = sentences("en").keys()
    wanting = []
    for one in said():
        start = f"error.{one.key}" if one.speaker == "UserError" else one.key
        if not one.whole and not any(key.startswith(start) for key in known):
            wanting.append(f"{one.place} {start}...")
    assert not wanting, listed(wanting)


def test_everything_on_the_page_that_looks_like_a_key_is_one() -> None:
    known = sentences("en").keys()
    rooms = {key.partition(".")[0] for key in known}
    page = {text: place for text, place in constants().items() if place.startswith(("ui/", "app."))}
    modules = {name_of(path)[:-3].replace("/", ".") for path in python_files(*PROGRAM)}
    wrong = [
        f"{place} {text}"
        for text, place in page.items()
        if KEY.fullmatch(text)
        and text.partition(".")[0] in rooms
        and not NO_KEY.search(text)
        and text not in known
        and f"error.{text}.what" not in known
        and text not in modules
    ]
    assert not wrong, listed(wrong)


def test_every_place_of_a_sentence_is_filled() -> None:
    """A missing value would show only at the moment when the person needs the sentence."""
    english = sentences("en")
    unfilled = [
        f"{one.place} {key} {sorted(places(english[key]) - one.values)}"
        for one in said()
        if one.whole and one.values is not None
        for key in one.sentences()
        if key in english and not places(english[key]) <= one.values
    ]
    assert not unfilled, listed(unfilled)


def test_no_sentence_is_left_over() -> None:
    def used(key: str) -> bool:
        error = re.fullmatch(r"error\.(.+)\.(?:what|fix)", key)
        names = [key, error[1]] if error else [key]
        return any(
            name in constants() or any(name.startswith(start) for start in prefixes())
            for name in names
        )

    unused = [key for key in sentences("en") if not used(key)]
    assert not unused, listed(unused)


def test_locales_belong_to_the_project() -> None:
    assert LOCALES.is_relative_to(ROOT)
    assert {path.name for path in LOCALES.iterdir() if path.is_dir()} == set(LANGUAGES)
