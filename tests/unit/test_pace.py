"""Looking for news: cheap for all, drawn at once for a few, in turns for many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.visiting import Person, generator_run, tiny_set
from training.home import Home, new_id
from training.limits import Limits
from training.runs import RunManager
from ui.pace import MOST_DRAWN, Pace
from ui.page import LOOK_ANYWAY, Page

ANNA, BOB = new_id(), new_id()


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


# ---- the page's look for news


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """With a generator of Anna's and one of Bob's."""
    home = Home(tmp_path / "home")
    images = tiny_set(tmp_path / "set", ["cats", "dogs"])
    for owner in (ANNA, BOB):
        generator_run(home, images, "dcgan", owner)
    manager = RunManager(home, ("cpu",))
    yield Page(home, manager, Limits())
    manager.close()


def arrived(page: Page) -> Person:
    """Anna, in a new tab."""
    tab = Person(page, ANNA)
    request: Any = SimpleNamespace(query_params={}, username=None)
    tab.take(page._arrive(tab.values, request))
    return tab


def has_news(tab: Person) -> bool:
    """Let a second pass."""
    answer = tab.page._look(tab.values)
    if answer == tab.values[tab.page.news]:  # the browser calls for news when this is another
        return False
    tab.values[tab.page.news] = answer
    drawn = tab.page._tick(tab.values)
    tab.values[tab.page.seen] = drawn[tab.page.seen]
    return True


def test_there_is_news_when_something_of_mine_changes_and_only_then(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, tab = page.frame.manager, arrived(page)
    (mine,), (bobs,) = manager.runs(ANNA), manager.runs(BOB)
    assert not has_news(tab)
    manager._runs[bobs.id].changed()
    assert not has_news(tab)
    manager._runs[mine.id].changed()
    assert has_news(tab) and not has_news(tab)
    for state, value in ((page.frame.run, mine.id), (page.frame.language, "zh")):
        tab.values[state] = value
        assert has_news(tab) and not has_news(tab)
    manager.delete(mine.id)
    assert has_news(tab) and not has_news(tab)
    later = time.monotonic() + LOOK_ANYWAY + 1
    monkeypatch.setattr("ui.page.time.monotonic", lambda: later)
    assert has_news(tab)  # whatever was missed


def test_what_was_announced_and_not_drawn_is_announced_again(page: Page) -> None:
    manager, tab = page.frame.manager, arrived(page)
    manager._runs[manager.runs(ANNA)[0].id].changed()
    first = page._look(tab.values)
    assert first != tab.values[page.news]  # and its answer gets lost, or an older one overtakes it
    second = page._look(tab.values)
    assert second not in (tab.values[page.news], first)


def test_in_a_crowd_steps_wait_and_ends_do_not(page: Page) -> None:
    manager, tab = page.frame.manager, arrived(page)
    (mine,) = manager.runs(ANNA)
    for _ in range(30):
        page.pace.allows(0.0)
    manager._runs[mine.id].changed()
    assert not has_news(tab)
    manager._set(manager._runs[mine.id], status="failed")
    assert has_news(tab)


def test_the_look_that_everybody_takes_every_second_has_one_output(page: Page) -> None:
    """Each costs half a millisecond, changed or not."""
    functions = page.blocks.config["dependencies"]
    (look,) = [each for each in functions if (page.timer._id, "tick") in each["targets"]]
    assert look["outputs"] == [page.news._id]
    function = page.blocks.fns[look["id"]]
    assert not function.preprocess and not function.postprocess  # a thread's work each
    heard = [each for each in functions if (page.news._id, "change") in each["targets"]]
    assert len(heard) == 1 and len(heard[0]["outputs"]) > 50
