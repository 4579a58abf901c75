"""The page's side of languages: which text of which component comes from which sentence.

Components are made through ``Words``, which remembers their sentences; so one handler can say
the whole page again in another language, without a reload and without touching any value.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gradio.blocks import Block

from training.text import LANGUAGES, Message, UserError, sentences, t

log = logging.getLogger(__name__)

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


def say(key: str, language: str, /, **values: Any) -> str:
    """The sentence as HTML: values are escaped, since names of files and classes are theirs."""
    safe = {name: html.escape(v) if isinstance(v, str) else v for name, v in values.items()}
    return t(key, language, **safe)


def message_html(message: Message, language: str) -> str:
    """A message as HTML: its values escaped, and a setting called as its form calls it.

    ``field`` is a key of its own, or the name of a field of the classifier's form.
    """
    values = dict(message.values)
    if "field" in values:
        field, known = str(values["field"]), sentences(language)
        values["field"] = known.get(field) or known.get(f"train.{field}", field)
    if values.get("value", "") is None:
        values["value"] = t("train.nothing", language)
    return say(message.key, language, **values)


def problem_html(problem: UserError, language: str) -> str:
    """What is wrong and how to mend it, as a calm box."""
    what, fix = message_html(problem.what, language), message_html(problem.fix, language)
    return box("problem", f"<strong>{what}</strong> {fix}")


def bug_html(language: str) -> str:
    """One calm sentence for what is our fault; call it from an ``except`` block."""
    log.exception("A handler of the page failed.")
    return box(
        "problem",
        f"<strong>{t('error.bug.what', language)}</strong> {t('error.bug.fix', language)}",
    )


def box(kind: str, content: str) -> str:
    """``content`` (HTML) in a coloured box; ``kind`` is problem, advice, good or plain."""
    role = "alert" if kind == "problem" else "status"
    return f'<div class="box {kind}" role="{role}">{content}</div>'


def empty_state(title: str, hint: str) -> str:
    """What a tab shows while it has nothing to show."""
    return f'<div class="empty"><h3>{html.escape(title)}</h3><p>{html.escape(hint)}</p></div>'


def duration(seconds: float, language: str) -> str:
    """A time that people can picture: ``40 seconds``, ``3 minutes``."""
    whole = max(1, round(seconds))
    if whole in (1, 60):
        return t("page.one_second" if whole == 1 else "page.one_minute", language)
    if whole < 90:
        return t("page.seconds", language, count=whole)
    if whole < 90 * 60:
        return t("page.minutes", language, count=round(whole / 60))
    return t("page.hours", language, count=f"{whole / 3600:.1f}".removesuffix(".0"))


def shipped_label(name: str, language: str) -> str:
    """What a model that the project comes with is called."""
    return t(f"model.{name.replace('-', '_')}", language)


def percent(share: float) -> str:
    """``0.927`` as ``93 %``, never broken over two lines."""
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"
