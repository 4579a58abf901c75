"""Looking for news: cheap for all, drawn at once for a few, in turns for many."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.visiting import Person, generator_run, tiny_set
from training.core.home import Home, new_id
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from ui.classroom.polling import (
    AWAY,
    LATE_SECONDS,
    MAX_DRAWN,
    MAX_POLLS,
    MAX_SECONDS,
    REDRAW_SECONDS,
    PollPacer,
)
from ui.page import Page

ANNA, BOB = new_id(), new_id()


def drawn(monkeypatch: pytest.MonkeyPatch, tabs: int, seconds: int) -> list[int]:
    """How often each of many tabs is drawn that look as often as they are told, and have news."""
    pacer, last, count, now = PollPacer(), [0.0] * tabs, [0] * tabs, 100.0
    turns = [(now + tab / tabs, tab) for tab in range(tabs)]
    monkeypatch.setattr("ui.classroom.polling.time.monotonic", lambda: now)
    while now < 100 + seconds:
        now, tab = heapq.heappop(turns)
        if pacer.allows(str(tab), last[tab]):
            last[tab] = now
            count[tab] += 1
        heapq.heappush(turns, (now + pacer.seconds(str(tab)), tab))
    return count


def test_one_tab_or_a_few_see_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, 1, 60) == [61]
    assert min(drawn(monkeypatch, MAX_DRAWN, 60)) >= 58


@pytest.mark.parametrize("tabs", [10, 30, 60])
def test_of_many_all_see_something_and_together_not_too_much(
    monkeypatch: pytest.MonkeyPatch, tabs: int
) -> None:
    count = drawn(monkeypatch, tabs, 120)
    assert min(count) >= 120 * MAX_DRAWN / tabs * 0.7 and max(count) - min(count) <= 5
    assert sum(count) <= 1.2 * 120 * MAX_DRAWN


@pytest.mark.parametrize("tabs", [1, MAX_POLLS, MAX_POLLS + 1, 100])
def test_all_tabs_together_look_so_often_and_no_more(
    monkeypatch: pytest.MonkeyPatch, tabs: int
) -> None:
    pacer, now = PollPacer(), 100.0
    monkeypatch.setattr("ui.classroom.polling.time.monotonic", lambda: now)
    every = [pacer.seconds(str(tab)) for tab in range(tabs)][-1]
    assert every == min(MAX_SECONDS, max(1, math.ceil(tabs / MAX_POLLS)))
    assert pacer.seconds("0") == every  # one that looks again is still one
    now += AWAY + 1
    assert pacer.seconds("0") == 1  # all others have been closed
    assert MAX_SECONDS < AWAY  # else one that waits would count as closed


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
    answer = tab.page._poll(tab.values)
    if answer == tab.values[tab.page.version]:  # the browser calls for news when this is another
        return False
    tab.values[tab.page.version] = answer
    drawn = tab.page._refresh(tab.values)
    for each in (tab.page.drawn, tab.page.timer, tab.page.app.stamp):
        tab.values[each] = drawn[each]
    return True


def test_there_is_news_when_something_of_mine_changes_and_only_then(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, tab = page.app.manager, arrived(page)
    (mine,), (bobs,) = manager.runs(ANNA), manager.runs(BOB)
    assert not has_news(tab)
    manager._runs[bobs.id].changed()
    assert not has_news(tab)
    manager._runs[mine.id].changed()
    assert has_news(tab) and not has_news(tab)
    for state, value in ((page.app.run, mine.id), (page.app.language, "zh")):
        tab.values[state] = value
        assert has_news(tab) and not has_news(tab)
    manager.delete(mine.id)
    assert has_news(tab) and not has_news(tab)
    later = time.monotonic() + REDRAW_SECONDS + 1
    monkeypatch.setattr("ui.classroom.polling.time.monotonic", lambda: later)
    assert has_news(tab)  # whatever was missed


def test_an_older_answer_that_comes_last_is_made_up_for(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when "Pause" is pressed: what it draws may arrive after a newer drawing of the run."""
    tab = arrived(page)
    assert not has_news(tab)
    tab.values[page.app.stamp] = ""  # what the answer of a press leaves behind
    assert not has_news(tab)  # a newer drawing may be on its way
    later = time.monotonic() + LATE_SECONDS + 0.1
    monkeypatch.setattr("ui.classroom.polling.time.monotonic", lambda: later)
    assert page.tabs["watch"].status in page._refresh(tab.values)  # though nothing has changed
    assert has_news(tab) and not has_news(tab)


def test_what_was_announced_and_not_drawn_is_announced_again(page: Page) -> None:
    manager, tab = page.app.manager, arrived(page)
    manager._runs[manager.runs(ANNA)[0].id].changed()
    first = page._poll(tab.values)
    assert (
        first != tab.values[page.version]
    )  # and its answer gets lost, or an older one overtakes it
    second = page._poll(tab.values)
    assert second not in (tab.values[page.version], first)


def test_in_a_crowd_steps_wait_and_ends_do_not(page: Page) -> None:
    manager, tab = page.app.manager, arrived(page)
    (mine,) = manager.runs(ANNA)
    for number in range(30):
        page.feed.pacer.allows(str(number), 0.0)
    manager._runs[mine.id].changed()
    assert not has_news(tab)
    manager._runs[mine.id].set_info(status="failed")
    assert has_news(tab)


def test_when_many_have_come_a_tab_is_told_to_look_less_often(page: Page) -> None:
    tab = arrived(page)
    assert tab.values[page.timer] == 1
    for number in range(2 * MAX_POLLS):
        page.feed.pacer.seconds(str(number))
    assert has_news(tab)
    assert tab.values[page.timer] == 3
    assert not has_news(tab)


def test_the_look_that_everybody_takes_every_second_has_one_output(page: Page) -> None:
    """Each costs half a millisecond, changed or not."""
    functions = page.blocks.config["dependencies"]
    (look,) = [each for each in functions if (page.timer._id, "tick") in each["targets"]]
    assert look["outputs"] == [page.version._id]
    function = page.blocks.fns[look["id"]]
    assert not function.preprocess and not function.postprocess  # a thread's work each
    heard = [each for each in functions if (page.version._id, "change") in each["targets"]]
    assert len(heard) == 1 and len(heard[0]["outputs"]) > 50
