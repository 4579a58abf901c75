"""Text on pictures: which font can write it, and where its lines break."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

CJK_FONTS = (
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Noto Serif CJK SC",
)
CJK_SAMPLE = "的这图"  # what a font that writes Chinese has
UNKNOWN = "\N{WHITE SQUARE}"  # for a letter that no font here has
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


class Lettering:
    """Writes text of one size on a picture, each letter in the first font that has it."""

    def __init__(self, size: int, *, bold: bool = False) -> None:
        """``size`` is in px."""
        self.size = size
        files = [file for file in (_latin_file(bold), _cjk_file(bold)) if file]
        self._fonts = [(ImageFont.truetype(str(p), size, index=n), _letters(p)) for p, n in files]

    def can_write(self, text: str) -> bool:
        """Whether there is a font for every letter."""
        return all(any(ord(letter) in has for _, has in self._fonts) for letter in text)

    def width(self, text: str) -> float:
        """Of ``text`` on one line, in px."""
        return sum(font.getlength(part) for font, part in self._parts(text))

    def lines(self, text: str, width: float, most: int) -> list[str]:
        """``text`` in ``most`` lines of ``width`` px at most; what does not fit ends in "…"."""
        # At most a few letters a pixel: a name of a million letters is no reason to wait.
        lines = wrap(_plain(text)[: round(width) * most], width, self.width)
        if len(lines) <= most:
            return lines
        last = lines[most - 1]
        while last and self.width(last + "…") > width:
            last = last[:-1]
        return [*lines[: most - 1], last.rstrip() + "…"]

    def write(self, draw: ImageDraw.ImageDraw, x: float, y: float, text: str, ink: str) -> None:
        """One line of ``text`` whose top left corner is at ``x``, ``y``."""
        baseline = y + round(self.size * 0.95)
        for font, part in self._parts(text):
            draw.text((x, baseline), part, font=font, fill=ink, anchor="ls")
            x += font.getlength(part)

    def _parts(self, text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        """``text`` in pieces, each with the font that has all of its letters."""

        def place(letter: str) -> int:
            having = (n for n, (_, has) in enumerate(self._fonts) if ord(letter) in has)
            return next(having, -1)

        parts = []
        for number, letters in groupby(text, place):
            part = "".join(letters)
            parts.append(
                (self._fonts[max(0, number)][0], part if number >= 0 else UNKNOWN * len(part))
            )
        return parts


def _plain(text: str) -> str:
    """On one line, without what steers a terminal or turns the direction of writing."""
    spaced = " ".join(text.split())
    return "".join(letter for letter in spaced if unicodedata.category(letter)[0] != "C")


def _latin_file(bold: bool) -> tuple[Path, int]:
    """DejaVu Sans, which comes with Matplotlib, so it is on every machine."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, 0


@cache
def _cjk_file(bold: bool) -> tuple[Path, int] | None:
    """A file with a font that writes Chinese and its place in there; ``None`` if there is none."""
    from matplotlib import font_manager

    # Matplotlib keeps a list of fonts, and does not know what was installed since.
    files = [p for p in font_manager.findSystemFonts() if "CJK" in p or "wqy" in p.lower()]
    known = {entry.fname: entry.name for entry in font_manager.fontManager.ttflist}
    files += [path for path, name in known.items() if name in CJK_FONTS and path not in files]
    weight = "bold" if bold else "regular"
    files.sort(key=lambda path: ("Sans" not in path, weight not in path.lower(), path))
    for file in map(Path, files):
        if file.is_file() and all(ord(letter) in _letters(file) for letter in CJK_SAMPLE):
            return file, _face(file)
    return None


def _face(file: Path) -> int:
    """Which of the faces in a collection is the one for simplified Chinese; the first if none."""
    for index in range(10 if file.suffix.lower() == ".ttc" else 1):
        try:
            name = ImageFont.truetype(str(file), 10, index=index).getname()[0] or ""
        except OSError:  # there is no such face
            break
        if name in CJK_FONTS or name.endswith("SC"):
            return index
    return 0


@cache
def _letters(file: Path) -> frozenset[int]:
    """The letters that the font in ``file`` has, by their numbers."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(file)).get_charmap())
