"""Sentences as safe HTML.

Values are escaped; problems come in a calm box.
"""

from __future__ import annotations

import html
import json
import logging
from typing import Any

from training.core.messages import Message, UserError, sentences, t
from training.intake.datasets import list_sources

log = logging.getLogger(__name__)


def note(text: str) -> str:
    """``text``, escaped, as a quiet paragraph."""
    return f'<p class="note">{html.escape(text)}</p>'


def data_title(name: str, language: str) -> str:
    """The title of an example or a download in ``language``; other names stay as they are."""
    ours = next((source for source in list_sources() if source.name == name), None)
    return ours.title.text(language) if ours else name


def millions(count: float) -> str:
    """A count in millions: ``12``, ``3.4``, ``0.05``."""
    value = count / 1e6
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"


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
    """What is wrong, in bold, and how to mend it."""
    what, fix = message_html(problem.what, language), message_html(problem.fix, language)
    return box("problem", f"<strong>{what}</strong> {fix}")


def bug_html(language: str) -> str:
    """One calm sentence for what is our fault; the exception being handled goes to the log.

    Call it from an ``except`` block.
    """
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
    """What a tab shows while it has nothing else; both texts are escaped."""
    return f'<div class="empty"><h2>{html.escape(title)}</h2><p>{html.escape(hint)}</p></div>'


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
    """What the page calls a shipped model, such as ``emoji-64``."""
    return t(f"model.{name.replace('-', '_')}", language)


def percent(share: float) -> str:
    """``0.927`` as ``93 %``, never broken over two lines."""
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def brand_html(language: str) -> str:
    """The page's name, what it is for, and the one word that a style sheet has to translate."""
    # The one word of Gradio's that no translation reaches is put in place by the style sheet.
    webcam = json.dumps(t("page.webcam", language), ensure_ascii=False)
    style = f"<style>:root {{ --webcam: {webcam}; }}</style>"
    return f"<h1>Seedling</h1><p>{t('page.tagline', language)}</p>{style}"
