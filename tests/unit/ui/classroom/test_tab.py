"""The teacher's view: who sees it, what it shows, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import MakeSet
from tests.unit.training.jobs.test_manager import LONG
from tests.visiting import EVIL, Person, prop_in
from tests.waiting import is_, wait
from training.core.home import Home, new_id
from training.core.messages import t
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from ui.classroom.accounts import MAX_TRIES, People
from ui.classroom.tab import NAME as TEACHER
from ui.page import Page

PASSWORD, ANNA, BEN = "a good one", new_id(), new_id()
SECRETS = (ANNA, BEN, PASSWORD)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    home = Home(tmp_path / "home")
    manager = RunManager(home, ("cpu",))
    yield Page(home, manager, Limits(), people=People(PASSWORD, {"Ann": "apple"}))
    manager.close()


@pytest.fixture
def teacher(page: Page) -> Person:
    person = Person(page, new_id())
    person.values[page.tabs[TEACHER].password] = PASSWORD
    return person


def test_the_door_is_shown_to_those_who_ask_for_it(page: Page) -> None:
    person = Person(page, new_id())
    for asked, shown in (({}, False), ({TEACHER: ""}, True)):
        request: Any = SimpleNamespace(query_params=asked, username=None)
        answer = page._arrive(person.values, request)
        update = answer.get(page.teachers_door)
        assert bool(update is not None and prop_in(update, "visible") is True) == shown


def test_without_a_password_there_is_no_such_view(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    page = Page(home, RunManager(home, ("cpu",)), Limits())
    assert TEACHER not in page.tabs
    request: Any = SimpleNamespace(query_params={TEACHER: ""}, username=None)
    page._arrive(Person(page, new_id()).values, request)


def test_all_runs_are_listed_and_nobodys_id(page: Page, teacher: Person, make_set: MakeSet) -> None:
    manager, tab = page.app.manager, page.tabs[TEACHER]
    data = make_set({"red": 8, "green": 8}).folder
    account = page.app.datasets.account("Ann")
    for owner, name in ((ANNA, EVIL), (BEN, "ben's"), (account, "signed in")):
        manager.start(owner, LONG, data, name=name)
    first = manager.runs(ANNA)[0].id
    wait(manager, first, is_("running"))
    shown = teacher.do(tab.open_btn, "click")
    assert prop_in(shown[tab.body], "visible") and prop_in(shown[tab.timer], "active")
    said = str(shown)
    assert "1 at work and 2 waiting" in said and "ben&#x27;s" in teacher.values[tab.runs]
    assert "Ann" in teacher.values[tab.runs] and "<img src=x" not in teacher.values[tab.runs]
    assert not any(secret in said for secret in (*SECRETS, account))


def test_it_stops_one_or_all_that_wait(page: Page, teacher: Person, make_set: MakeSet) -> None:
    manager, tab = page.app.manager, page.tabs[TEACHER]
    data = make_set({"red": 8, "green": 8}).folder
    runs = [manager.start(owner, LONG, data, name="x") for owner in (ANNA, BEN, ANNA)]
    wait(manager, runs[0], is_("running"))
    teacher.do(tab.clear_btn, "click")
    assert [manager.status(run).status for run in runs] == ["running", "stopped", "stopped"]
    teacher.values[tab.picker] = runs[0]
    teacher.do(tab.stop_btn, "click")
    wait(manager, runs[0], is_("stopped"))
    for wrong in (None, "nothing", new_id(), 7, ["x"]):
        teacher.values[tab.picker] = wrong
        teacher.do(tab.stop_btn, "click")
        assert t("error.page.no_such_run.what") in teacher.values[tab.message]


def test_nothing_happens_without_the_password(page: Page, make_set: MakeSet) -> None:
    manager, tab = page.app.manager, page.tabs[TEACHER]
    data = make_set({"red": 8, "green": 8}).folder
    runs = [manager.start(owner, LONG, data, name="hers") for owner in (ANNA, BEN)]
    wait(manager, runs[0], is_("running"))
    eve = Person(page, new_id())
    eve.values[tab.picker] = runs[0]
    events = [(tab.open_btn, "click"), (tab.password, "submit"), (tab.timer, "tick")]
    events += [(tab.stop_btn, "click"), (tab.clear_btn, "click")]
    for guess in ("", "wrong", None):
        for component, event in events[: MAX_TRIES // 3]:
            eve.values[tab.password] = guess
            answer = eve.do(component, event)
            assert set(answer) == {tab.message} and "hers" not in str(answer)
    for component, event in events:
        assert set(eve.do(component, event)) == {tab.message}
    eve.values[tab.password] = PASSWORD  # right, but after so many guesses
    assert set(eve.do(tab.open_btn, "click")) == {tab.message}
    assert [manager.status(run).status for run in runs] == ["running", "queued"]
    for run in runs[::-1]:
        manager.stop(run)
