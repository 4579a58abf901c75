"""Components that change their language.

They are made through ``I18n``, which remembers their sentences; so one handler can say the whole
page again in another language, without a reload and without touching any value.

Why not ``gr.I18n`` (tried with 6.31): its markers name a key and carry no values, so plans,
messages and tables would still need this handler; tab buttons that were never opened and table
headers do not follow it; and a change of locale puts a component's first text back over what a
handler has written since. Mid-run, fixed words would follow in 0.3 s and all else, as here,
after 1 s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gradio.blocks import Block

from training.core.messages import LANGUAGES, t

MOST_ACCEPTED = 30  # languages of a browser that are read
LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
# Gradio's own words (webcam, drag and drop) follow the browser; this makes them follow the page.
SET_LANGUAGE = """async (language) => {
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  document.documentElement.dataset.spoken = language;
  const core = performance.getEntriesByType("resource").map((e) => e.name)
    .find((name) => /\\/core-[^/]*\\.js$/.test(name));
  if (core) (await import(core)).changeLocale?.(language === "zh" ? "zh-CN" : language);
  return language;
}"""

C = TypeVar("C", bound=Block)
# A sentence's key, or what makes the property's value from a language (a list of choices).
Said = str | Callable[[str], Any]


class I18n:
    """Remembers for each component which of its properties come from which sentence."""

    def __init__(self, language: str) -> None:
        """``language`` is that of the first visit; empty for the browser's own."""
        self.fixed, self.language = bool(language), language or LANGUAGES[0]
        self._said: list[tuple[Block, Mapping[str, Said]]] = []

    def make(self, kind: Callable[..., C], say: Mapping[str, Said], **props: Any) -> C:
        """A ``kind`` whose properties in ``say`` are sentences, and ``props`` all others."""
        component = kind(**_spoken(say, self.language), **props)
        self._said.append((component, say))
        return component

    @property
    def components(self) -> list[Block]:
        """All that ``updates`` may change."""
        return [component for component, _ in self._said]

    def updates(self, language: str) -> dict[Block, dict[str, Any]]:
        """An update for each component that leaves all but its texts alone."""
        return {
            component: {"__type__": "update", **_spoken(say, language)}
            for component, say in self._said
        }


def _spoken(say: Mapping[str, Said], language: str) -> dict[str, Any]:
    return {
        name: t(said, language) if isinstance(said, str) else said(language)
        for name, said in say.items()
    }


def accepted(header: str) -> str:
    """The first language of ``header`` (Accept-Language, RFC 9110) that the page speaks, or none.

    >>> accepted("fr-CH, en;q=0.8, zh-CN;q=0.9")
    'zh'
    """
    wanted: list[tuple[float, str]] = []
    for part in header.split(",")[:MOST_ACCEPTED]:
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = re.search(r"^q=(0(\.\d*)?|1(\.0*)?)$", parameters[0]) if parameters else None
        wanted.append((float(quality[1]) if quality else 1.0, name.split("-")[0]))
    spoken = [(quality, name) for quality, name in wanted if quality and name in LANGUAGES]
    return max(spoken, key=lambda each: each[0], default=(0.0, ""))[1]


def speakable(language: object, default: str) -> str:
    """``language``, a browser's claim, if the page speaks it, else ``default``."""
    return language if isinstance(language, str) and language in LANGUAGES else default
