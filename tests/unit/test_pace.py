"""Few tabs are drawn at every change, many take turns."""

from __future__ import annotations

import pytest

from ui.pace import MOST_DRAWN, Pace, digest, news_html, read_news


def drawn(monkeypatch: pytest.MonkeyPatch, tabs: int, seconds: int) -> list[int]:
    """How often each of many tabs is drawn that ask once a second and always have news."""
    pace, last, count = Pace(), [0.0] * tabs, [0] * tabs
    for second in range(100, 100 + seconds):
        for tab in range(tabs):
            now = second + tab / tabs
            monkeypatch.setattr("ui.pace.time.monotonic", lambda now=now: now)
            if pace.allows(last[tab]):
                last[tab] = now
                count[tab] += 1
    return count


def test_one_tab_or_a_few_see_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, 1, 60) == [60]
    assert min(drawn(monkeypatch, MOST_DRAWN, 60)) >= 58


def test_of_thirty_all_see_something_and_together_not_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = drawn(monkeypatch, 30, 60)
    assert min(count) >= 3 and max(count) - min(count) <= 2  # every fifteen seconds or so
    assert sum(count) <= 1.2 * 60 * MOST_DRAWN


def test_what_a_tab_was_drawn_for_comes_back_and_nothing_else_does() -> None:
    assert digest([1]) == digest([1]) != digest([2])
    news = (digest("a"), digest("b"), 12.5)
    assert read_news(news_html(*news)) == news
    claims: tuple[object, ...] = (
        None,
        "",
        7,
        [],
        news_html(*news) + "<b>",
        '<i data-news="a b c"></i>',
    )
    for claim in claims:
        assert read_news(claim) == ("", "", 0.0)
