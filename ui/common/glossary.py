"""Terms that have to stand although not everybody knows them.

Each is dotted, and opens one plain sentence: by mouse, by touch, or by Enter, and Escape closes it.
"""

from __future__ import annotations

import itertools
import re

from training.core.messages import t

TERMS = ("classifier", "generator", "discriminator", "loss", "accuracy", "recall", "precision")
_numbers = itertools.count()  # an id of its own for each time that a term stands on the page


def explained(text: str, language: str, *names: str) -> str:
    """``text`` (HTML) with the first mention of each of these terms marked; tags are left alone."""
    for name in names:
        word = t(f"glossary.{name}", language)
        # Not inside of a tag, and in languages with spaces only whole words.
        edge = r"\b" if word.isascii() else ""
        pattern = rf"(?i)({edge}{re.escape(word)}{edge})(?![^<]*>)(?![^<]*</button>)"
        text = re.sub(pattern, lambda found: term(name, found[1], language), text, count=1)  # noqa: B023
    return text


def term(name: str, word: str, language: str) -> str:
    """``word`` as HTML that explains itself; the page's style puts the note where it fits."""
    note = f"term-{next(_numbers)}"
    return (
        f'<button type="button" class="term" popovertarget="{note}" aria-describedby="{note}">'
        f'{word}</button><span popover id="{note}" class="term-note" role="note">'
        f"{t(f'glossary.{name}_says', language)}</span>"
    )
