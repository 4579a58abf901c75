"""The page's side of languages: which text of which component comes from which sentence.

Components are made through ``Words``, which remembers their sentences; so one handler can say
the whole page again in another language, without a reload and without touching any value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gradio.blocks import Block

from training.core.messages import LANGUAGES, t

C = TypeVar("C", bound=Block)
# A sentence's key, or what makes the property's value from a language (a list of choices).
Said = str | Callable[[str], Any]


class Words:
    """Makes components, and remembers what they say."""

    def __init__(self, language: str) -> None:
        """``language`` is what the components say when they are made."""
        self.language = language
        self._said: list[tuple[Block, Mapping[str, Said]]] = []

    def make(self, kind: Callable[..., C], say: Mapping[str, Said], **props: Any) -> C:
        """A ``kind`` whose properties in ``say`` are sentences, and ``props`` all others."""
        component = kind(**_spoken(say, self.language), **props)
        self._said.append((component, say))
        return component

    @property
    def components(self) -> list[Block]:
        """All components that say something."""
        return [component for component, _ in self._said]

    def updates(self, language: str) -> dict[Block, dict[str, Any]]:
        """What each component has to become to speak ``language``."""
        return {
            component: {"__type__": "update", **_spoken(say, language)}
            for component, say in self._said
        }


def _spoken(say: Mapping[str, Said], language: str) -> dict[str, Any]:
    return {
        name: t(said, language) if isinstance(said, str) else said(language)
        for name, said in say.items()
    }


def speakable(language: object, default: str) -> str:
    """``language`` if it is one of ours, else ``default``; browsers are not to be trusted."""
    return language if isinstance(language, str) and language in LANGUAGES else default
