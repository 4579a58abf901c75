"""Components that change their language.

They are made through ``I18n``, which remembers their sentences and of which part of the page they
are; so the page can be said again in another language, without a reload and without touching any
value: fixed words by a script in the browser, which has them in every language (``script``), and
all else by the server, the step in sight first.

Why not ``gr.I18n`` (tried with 6.31): its markers name a key and carry no values, so plans,
messages and tables would still need the server; tab buttons that were never opened and table
headers do not follow it; and a change of locale puts a component's first text back over what a
handler has written since.

Why not by the server alone: Gradio builds each component anew for each update, 1.7 ms for each of
283 while nothing trains and 10 ms beside a training. ``benchmarks/language.py`` measures it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr
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

# A part's words in the language picked last, which is ``language`` where the part is in sight.
WORDS = """async (language) => {
  const page = document.documentElement, said = { SAID }, wait = WAIT;
  const tabs = () => [...document.querySelectorAll(".steps [role=tab][aria-selected=true]")];
  const seen = () => PART === "page" || tabs().some((tab) => tab.dataset.tabId === PART);
  if (!wait) {  // at once, and nothing else of Gradio's goes on until this is done
    page.dataset.picked = language;
    return seen() ? said[language] : undefined;
  }
  if (seen()) return;
  const end = performance.now() + wait;
  while (!seen() && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
  return said[page.dataset.picked];
}"""
FIRST_WAIT, NEXT_WAIT = 1200, 400  # ms; a step in sight is said by then, another takes its turn

LANGUAGE = object()  # stands for the language that is picked

C = TypeVar("C", bound=Block)
# A sentence's key, or what makes the property's value from a language (a list of choices).
Said = str | Callable[[str], Any]


@dataclass(frozen=True)
class _Speaker:
    component: Block
    say: Mapping[str, Said]
    served: Collection[str]
    part: str


class I18n:
    """Remembers for each component which of its properties come from which sentence."""

    def __init__(self, language: str) -> None:
        """``language`` is that of the first visit; empty for the browser's own."""
        self.fixed, self.language = bool(language), language or LANGUAGES[0]
        self._part = "page"
        self._speakers: list[_Speaker] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is made within belongs to this step; all else to the page as a whole."""
        before, self._part = self._part, name
        yield
        self._part = before

    def make(
        self,
        kind: Callable[..., C],
        say: Mapping[str, Said],
        served: Collection[str] = (),
        **props: Any,
    ) -> C:
        """A ``kind`` whose properties in ``say`` are sentences, and ``props`` all others.

        ``served`` are those of the former that handlers write too, so that only they know them.
        """
        component = kind(**_spoken(say, self.language), **props)
        self._speakers.append(_Speaker(component, say, served, self._part))
        return component

    @property
    def components(self) -> list[Block]:
        """All that ``updates`` may change."""
        return [speaker.component for speaker in self._speakers]

    def updates(self, language: str) -> dict[Block, dict[str, Any]]:
        """An update for each component that leaves all but its texts alone."""
        return {
            speaker.component: {"__type__": "update", **_spoken(speaker.say, language)}
            for speaker in self._speakers
        }

    def fixed_words(self, part: str, language: str) -> dict[Block, dict[str, Any]]:
        """What the browser itself may say of a part, in the form in which Gradio sends it."""
        words: dict[Block, dict[str, Any]] = {}
        for each in self._speakers:
            say = {name: said for name, said in each.say.items() if name not in each.served}
            if each.part == part and say:
                said = _spoken(say, language)
                if isinstance(each.component, gr.HTML):  # its own templates have theirs apart
                    own = {name: said.pop(name) for name in say if name != "value"}
                    said |= {"props": own} if own else {}
                words[each.component] = {"__type__": "update", **said}
        return words

    def scripts(
        self, part: str, more: Mapping[Block, Any], turn: int
    ) -> tuple[list[Block], str, str]:
        """A part's components, and two scripts that give an update for each: at once, and later.

        The former says what is in sight, the latter what was not, when its turn has come or it is
        opened. ``more`` are components of other values; ``LANGUAGE`` stands for the language.
        """
        said = {}
        for language in LANGUAGES:
            values = [language if value is LANGUAGE else value for value in more.values()]
            said[language] = [*self.fixed_words(part, language).values(), *values]
        text, own = json.dumps(said, ensure_ascii=False)[1:-1], WORDS.replace("PART", f'"{part}"')
        at_once, later = (
            own.replace("WAIT", str(wait)).replace("SAID", text)
            for wait in (0, FIRST_WAIT + NEXT_WAIT * turn)
        )
        return [*self.fixed_words(part, self.language), *more], at_once, later


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
