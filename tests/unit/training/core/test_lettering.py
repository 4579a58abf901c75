"""Text on pictures: fonts and lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from training.core.lettering import UNKNOWN, Lettering, columns, wrap


@given(st.text(max_size=80), st.integers(2, 30))
def test_no_line_is_wider_than_asked_for_and_no_letter_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width, columns)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_stay_whole_and_marks_do_not_begin_a_line() -> None:
    assert wrap("a house of cards", 10, columns) == ["a house of", "cards"]
    assert wrap("一二三，四五", 7, columns) == ["一二", "三，四", "五"]


def test_what_does_not_fit_ends_in_dots() -> None:
    letters = Lettering(20)
    lines = letters.lines("many words " * 50, 200, 2)
    assert len(lines) == 2 and lines[1].endswith("…")
    assert all(letters.width(line) <= 200 for line in lines)
    assert letters.lines("few", 200, 2) == ["few"]


@pytest.mark.parametrize("bold", [False, True])
def test_a_letter_that_no_font_has_is_a_square(bold: bool) -> None:
    letters = Lettering(20, bold=bold)
    nowhere = "\U00013000"  # a hieroglyph
    assert not letters.can_write(nowhere) and letters.can_write("✓ ✗ é")
    assert letters.width(nowhere) == letters.width(UNKNOWN)


def test_it_is_written_where_it_should_be() -> None:
    picture = Image.new("L", (200, 60), 255)
    letters = Lettering(30)
    letters.write(ImageDraw.Draw(picture), 20, 10, "HHH", "black")
    left, top, right, bottom = picture.point(lambda value: 255 - value).getbbox() or (0, 0, 0, 0)
    assert 20 <= left <= 24 and abs(right - (20 + letters.width("HHH"))) <= 4
    assert top >= 10 and bottom <= 10 + 36
