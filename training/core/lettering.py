"""Text on pictures: which font can write it, and where its lines break."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# What stays together on a line: a word or one Chinese letter, with the marks that touch it.
PIECE = re.compile(r"\s+|[（“《]*(?:[^\s\u2e80-\uffef]+|\S)[，。；：、？！）”》]*")


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """``text`` in lines no wider than ``width``; a piece that is wider alone is cut.

    ``measure`` says how wide a text is.
    """
    lines = [""]
    for piece in PIECE.findall(text):
        if lines[-1] and measure((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
        while len(lines[-1]) > 1 and measure(lines[-1].rstrip()) > width:
            fits = (n for n in range(len(lines[-1]) - 1, 0, -1) if measure(lines[-1][:n]) <= width)
            cut = next(fits, 1)
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    return [line.rstrip() for line in lines if line.strip()]


def columns(text: str) -> int:
    """How many columns ``text`` takes where a Chinese letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
