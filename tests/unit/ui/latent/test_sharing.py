"""Whose a generator is on the latent page, and whom a link lets in."""

from __future__ import annotations

import numpy as np
import pytest

from models.weights import shipped_names
from tests.visiting import BEN, Person, prop_in
from training.core.home import new_id
from training.core.messages import t
from training.latent.recipe import Recipe
from ui.latent.links import Link
from ui.page import Page

EVERYBODYS = shipped_names("gan")[0]


# ---- whose it is


def test_a_stranger_sees_what_is_everybodys(page: Page, anna: Person, runs: dict[str, str]) -> None:
    anna.open(runs["plain"])
    ben = Person(page, BEN)
    ben.arrive()
    assert ben.values[ben.tab.picker] == EVERYBODYS
    refusal = t("error.page.no_such_run.what")
    picture = ben.values[ben.tab.picture_panel.picture]
    for claim in (runs["plain"], "../../etc", ["x"], new_id()):
        answer = ben.open(claim)
        assert refusal in ben.problem() and set(answer) == {ben.tab.message}
    assert ben.open(None) == {ben.tab.message: ""}
    for button in (ben.tab.picture_panel.random_btn, ben.tab.names.name_btn, ben.tab.mine.real_btn):
        ben.values |= {ben.tab.picker: runs["plain"], ben.tab.message: ""}
        assert set(ben.do(button, "click")) == {ben.tab.message} and refusal in ben.problem()
    assert ben.values[ben.tab.picture_panel.picture] == picture


def test_nobody_is_nobody(page: Page, runs: dict[str, str]) -> None:
    nobody = Person(page, "")
    assert set(nobody.open(runs["plain"])) == {nobody.tab.message}
    assert t("error.page.not_ready.what") in nobody.problem()


@pytest.fixture
def guest(page: Page, anna: Person, runs: dict[str, str]) -> Person:
    """Ben, after Anna has sent him a link."""
    anna.open(runs["classes"])
    anna.set(anna.tab.picture_panel.seed, 5, "input")
    anna.values[anna.tab.sliders.directions[1]] = 2.0
    anna.do(anna.tab.tray.link_btn, "click")
    ben = Person(page, BEN)
    ben.arrive(anna.values[anna.tab.tray.link.field])
    return ben


def test_a_link_leads_to_the_picture_and_lets_steer(
    guest: Person, anna: Person, runs: dict[str, str]
) -> None:
    assert not guest.values[guest.tab.link_message] and guest.problem() == ""
    assert guest.values[guest.tab.picker] == guest.values[guest.page.app.run] == runs["classes"]
    assert np.array_equal(guest.shown(), anna.painted()) and not guest.now().mine
    assert guest.steer(guest.stage(), psi=0.5)["source"]
    guest.do(guest.tab.picture_panel.random_btn, "click")
    assert guest.problem() == "" and np.array_equal(guest.shown(), guest.painted())


def test_a_guest_names_nothing_and_sees_no_training_pictures(
    guest: Person, anna: Person, runs: dict[str, str]
) -> None:
    tab = guest.tab
    opened = guest.do(tab.picker, "change")
    for part in (tab.names.body, tab.mine.real_btn):
        assert prop_in(opened[part], "visible") is False
    guest.values |= {tab.names.named: 0, tab.names.name: "mine now"}
    assert set(guest.do(tab.names.name_btn, "click")) == {tab.message}
    assert t("error.page.no_such_run.what") in guest.problem()
    assert set(guest.do(tab.mine.real_btn, "click")) == {tab.message}
    assert t("error.page.no_such_run.what") in guest.problem()
    folder = guest.page.app.manager.folder(runs["classes"]).path
    assert "mine now" not in (folder / "directions.json").read_text(encoding="utf-8")
    mine = anna.do(anna.tab.picker, "change")
    for part in (anna.tab.names.body, anna.tab.mine.real_btn):
        assert prop_in(mine[part], "visible") is True


def test_a_guest_passes_on_no_more_than_they_have(guest: Person, runs: dict[str, str]) -> None:
    guest.do(guest.tab.tray.link_btn, "click")
    link = Link.from_text(guest.values[guest.tab.tray.link.field])
    assert link.token == guest.values[guest.page.app.shared][runs["classes"]]


@pytest.mark.parametrize("why", ["expired", "forged", "deleted", "damaged"])
def test_a_link_that_is_no_good_says_so(
    page: Page, anna: Person, runs: dict[str, str], why: str
) -> None:
    passes, run = anna.tab.session.tokens, runs["doomed too" if why == "deleted" else "plain"]
    token = passes.make(run, now=1e9 if why == "expired" else None)
    link = Link(runs["style"] if why == "forged" else run, token, Recipe(seed=5)).to_text()
    if why == "deleted":
        page.app.manager.delete(run)
    ben = Person(page, BEN)
    ben.arrive(link[:-9] if why == "damaged" else link)
    error = "latent.no_recipe" if why == "damaged" else "latent.no_link"
    assert t(f"error.{error}.what") in ben.values[ben.tab.link_message]
    assert not ben.values[page.app.shared] and ben.values[ben.tab.picker] == EVERYBODYS
    assert np.array_equal(ben.shown(), ben.painted())


def test_ones_own_old_link_still_leads_there(anna: Person, runs: dict[str, str]) -> None:
    token = anna.tab.session.tokens.make(runs["plain"], now=1e9)
    anna.arrive(Link(runs["plain"], token, Recipe(seed=9)).to_text())
    assert anna.now().recipe.seed == 9 and anna.now().mine
    assert anna.steer(anna.stage(), psi=0.5)["source"]
