"""Sentences by key and language.

All that a person reads, and the errors that a person can mend. The sentences live in
``assets/locales/<language>/*.json`` as flat ``{key: sentence}`` files.
A part of the program never builds a sentence: it names a key and hands over the values, so
that one report or one error can be read in any language, at any later time.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from training.core.paths import ASSETS

LOCALES = ASSETS / "locales"
LANGUAGES = ("en", "zh")


@cache
def sentences(language: str) -> Mapping[str, str]:
    """All sentences of one language, merged from its files.

    Raises:
        ValueError: ``language`` is not one of ``LANGUAGES``, or a key stands in two files.
    """
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not one of {', '.join(LANGUAGES)}.")
    merged: dict[str, str] = {}
    for path in sorted((LOCALES / language).glob("*.json")):
        part = json.loads(path.read_text(encoding="utf-8"))
        if twice := merged.keys() & part.keys():
            raise ValueError(f"{path} repeats {sorted(twice)}.")
        merged |= part
    return merged


class _Sentence(string.Formatter):
    """``str.format``, and ``{count:# file|# files}``: what stands for one, and for another number.

    ``#`` is the number itself; ``{count:is|are}`` does without.
    """

    def format_field(self, value: Any, format_spec: str) -> Any:
        """The value as its place in the sentence asks for it."""
        if "|" not in format_spec:
            return super().format_field(value, format_spec)
        one, other = format_spec.split("|")
        number = f"{value:,}" if isinstance(value, int) else str(value)
        return (one if number == "1" else other).replace("#", number)


_SENTENCE = _Sentence()


def t(key: str, language: str = "en", /, **values: Any) -> str:
    """The sentence ``key`` in ``language``, with ``{name}`` places filled from ``values``.

    A place may have two forms, for one and for other numbers: ``{count:# file|# files}``.

    Raises:
        KeyError: no such key, or a value is missing; a typing error in the program.
    """
    return _SENTENCE.vformat(sentences(language)[key], (), values)


def duration(seconds: float, language: str) -> str:
    """A time that people can picture: ``40 seconds``, ``3 minutes``."""
    whole = max(1, round(seconds))
    if whole < 90 and whole != 60:
        return t("page.seconds", language, count=whole)
    if whole < 90 * 60:
        return t("page.minutes", language, count=round(whole / 60))
    return t("page.hours", language, count=f"{whole / 3600:.1f}".removesuffix(".0"))


@dataclass(frozen=True)
class Message:
    """A sentence not yet in any language: what to say, and the values to say it with."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """The sentence in ``language``, its values filled in.

        Raises:
            KeyError: as ``t``.
        """
        return t(self.key, language, **self.values)

    def to_json(self) -> dict[str, Any]:
        """``{"key", "values"}``, as ``run.json``, ``events.jsonl`` and reports hold it."""
        return {"key": self.key, "values": dict(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Message:
        """The reverse of ``to_json``; the key is looked up no sooner than in ``text``."""
        return cls(data["key"], data["values"])


class UserError(Exception):
    """Something that the person can mend: what is wrong, and what to do about it.

    ``UserError("intake.encrypted", file="a.zip")`` reads its two sentences from the keys
    ``error.intake.encrypted.what`` and ``error.intake.encrypted.fix``; the values fill the places
    of both.
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.what = Message(f"error.{key}.what", values)
        self.fix = Message(f"error.{key}.fix", values)

    def text(self, language: str = "en") -> str:
        """Both sentences in a row: what is wrong, then what to do."""
        return f"{self.what.text(language)} {self.fix.text(language)}"

    def __str__(self) -> str:
        """The English sentences, for logs and the command line."""
        return self.text()
