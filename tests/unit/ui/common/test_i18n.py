"""The page says everything in every language, and never takes a name for markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from training.core.home import Home, new_id
from training.core.messages import LANGUAGES, Message, UserError, t
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from training.runs.folder import RunFolder, RunInfo
from training.runs.state import RunState
from ui.common import html
from ui.common import i18n as text
from ui.common.context import Call, Visitor, merged
from ui.page import REFRESHED, STEPS, Page

ANNA, BEN = new_id(), new_id()
EVIL = "<img src=x onerror=alert(1)>{0}${1}"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page with one stopped run of Anna's, named by somebody who means harm."""
    home = Home(tmp_path)
    info = RunInfo(
        id=new_id(),
        owner=ANNA,
        kind="classifier",
        name=EVIL,
        created=1.0,
        data="../../datasets/gone",
        edits={},
        config={"minutes": 3, "method": "quick", "backbone": "seedling_net", "seed": 0},
        status=RunState.STOPPED,
    )
    RunFolder.create(home.runs / info.id, info)
    yield Page(home, RunManager(home, ("cpu",)), Limits())


def visitor(owner: str, page: Page, language: str = "en") -> Visitor:
    run = next(iter(page.app.manager.runs(ANNA)))
    return Visitor(owner, language, "", run.id, {})


def everything(page: Page, who: Visitor) -> dict[Any, Any]:
    values = {component: component.value for component in page.tabs["train"].reads}
    return page._all(who, values)


def test_a_component_says_what_it_should_in_each_language() -> None:
    i18n = text.I18n("en")
    with gr.Blocks():
        button = i18n.make(gr.Button, {"value": "train.start_btn"}, variant="primary")
    assert button.value == t("train.start_btn", "en")
    assert i18n.updates("zh")[button]["value"] == t("train.start_btn", "zh")
    assert button.variant == "primary"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_page_can_be_said_to_anybody(page: Page, language: str) -> None:
    for owner in (ANNA, BEN, ""):
        updates = everything(page, visitor(owner, page, language))
        assert set(page.app.i18n.components) <= set(updates)


def test_a_name_is_never_markup(page: Page) -> None:
    updates = everything(page, visitor(ANNA, page))
    status = updates[page.tabs["watch"].status]
    assert "&lt;img" in status
    assert "<img" not in status


def test_a_stranger_sees_no_run(page: Page) -> None:
    said = json.dumps(everything(page, visitor(BEN, page)), default=str, skipkeys=True)
    assert "onerror" not in said
    anna = everything(page, visitor(ANNA, page))
    assert "onerror" in str(anna[page.tabs["watch"].status])


def test_a_stranger_can_do_nothing_with_a_run(page: Page) -> None:
    watch, result, tries = (page.tabs[name] for name in ("watch", "result", "try"))
    stranger = visitor(BEN, page)
    for tab in (watch, result, tries):
        with pytest.raises(UserError):
            tab._pick(Call(stranger, {tab.picker: stranger.run}))
    for act in (watch._delete, watch._ask, watch._doer(page.app.manager.stop)):
        with pytest.raises(UserError):
            act(Call(stranger, {watch.doomed: stranger.run, watch.picker: stranger.run}))
    assert len(page.app.manager.runs(ANNA)) == 1


def test_what_has_not_changed_is_not_sent_again(page: Page) -> None:
    who = visitor(ANNA, page)
    updates, seen = page.tabs["watch"].refresh(who, {})
    assert updates
    assert page.tabs["watch"].refresh(who, seen) == ({}, seen)


def test_values_are_escaped_and_numbers_are_not() -> None:
    said = html.message_html(Message("watch.says_running", {"name": EVIL, "count": 3}), "en")
    assert "<img" not in said
    assert "<b>" in said
    problem = UserError("train.small_class", name=EVIL, count=1, least=4, missing=3)
    assert "<img" not in html.problem_html(problem, "zh")


def test_sentences_with_braces_in_a_name_survive() -> None:
    assert "{0}${1}" in html.say("watch.says_running", "en", name=EVIL)


@pytest.mark.parametrize("language", ["", None, "fr", 3, "../en", ["en"]])
def test_an_unknown_language_is_the_usual_one(language: object) -> None:
    assert text.speakable(language, "zh") == "zh"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "1 second"),
        (0.4, "1 second"),
        (30, "30 seconds"),
        (60, "1 minute"),
        (89, "89 seconds"),
        (180, "3 minutes"),
        (7200, "2 hours"),
        (5400, "1.5 hours"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert html.duration(seconds, "en") == said


def test_no_call_makes_the_browser_walk_over_all_that_it_may_change(page: Page) -> None:
    """Every target of progress costs the browser time at each call; see ``AppContext.on``."""
    calls = [fn for fn in page.blocks.fns.values() if fn.fn is not None]
    assert calls and all(len(fn.show_progress_on or fn.outputs) == 1 for fn in calls)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr-CH, en;q=0.8, zh;q=0.9", "zh"),
        ("de, zh;q=0, en;q=0.1", "en"),
        ("EN-gb", "en"),
        ("de-DE", ""),
        ("", ""),
        ("zh;q=much,;;,=,", "zh"),
        ("en;q=-1", "en"),
    ],
)
def test_the_first_language_is_the_browsers(header: str, language: str) -> None:
    assert text.accepted(header) == language


def test_what_was_picked_or_set_comes_before_the_browsers_language(page: Page) -> None:
    values: dict[Any, Any] = {state: "" for state in page.app.states}
    asks = gr.Request(headers={"accept-language": "zh-CN"}, query_params={})
    assert page.app.who(values, asks).language == "zh"
    assert page.app.who({**values, page.app.language: "en"}, asks).language == "en"
    page.app.i18n.fixed = True
    assert page.app.who(values, asks).language == "en"


def words_of(script: str) -> dict[str, list[Any]]:
    """What a script of the page says, by language."""
    found: dict[str, list[Any]] = json.loads(script.partition("said = ")[2].partition(", wait")[0])
    return found


def test_the_browser_has_every_fixed_word_of_every_step(page: Page) -> None:
    i18n = page.app.i18n
    parts = {part: i18n.scripts(part, {}, 1) for part in ("page", *page.tabs)}
    found = {each for words, _, _ in parts.values() for each in words}
    assert set(i18n.components) - found == {page.tabs["result"].try_btn}  # the server's alone
    start = page.tabs["train"].start_btn
    words, at_once, later = parts["train"]
    for script in (at_once, later):
        for language in LANGUAGES:
            said = words_of(script)[language][words.index(start)]
            assert said == {"__type__": "update", "value": t("train.start_btn", language)}


def test_what_handlers_write_the_browser_does_not_put_back(page: Page) -> None:
    """Else the order in which answers arrive would decide."""
    for step in REFRESHED:
        written, _ = page.tabs[step].refresh(visitor(ANNA, page), {})
        for component, said in page.app.i18n.fixed_words(step, "zh").items():
            change = merged({"__type__": "update"}, written.get(component, {"__type__": "update"}))
            assert not set(said) & set(change) - {"__type__"}, component


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_said_in_the_language_just_picked(page: Page, step: str) -> None:
    who = visitor(ANNA, page)
    speak = page.switch._speaker(step, page._speak)
    states = dict(zip(page.app.states, (who.owner, "en", "", who.run, {}), strict=True))
    train = {component: component.value for component in page.tabs["train"].reads}
    values: dict[Any, Any] = {**train, **states, page.language_radio: "zh", page.drawn: {}}
    late = gr.Request(session_hash="tab")
    other = gr.Request(session_hash="another tab")
    said = speak(values, late)
    assert set(said) <= {page.drawn, *page.tabs[step].outputs}
    assert page.switch.is_overtaken(who, late)
    assert not page.switch.is_overtaken(visitor(ANNA, page, "zh"), late)
    assert not page.switch.is_overtaken(who, other)
    old: dict[Any, Any] = {**states, page.drawn: {}, page.app.stamp: ""}
    assert page._refresh(old, late) == gr.skip()
    assert page._refresh(old, other) != gr.skip()


def test_another_language_draws_no_curve_anew(page: Page) -> None:
    watch = page.tabs["watch"]
    _, drawn = watch.refresh(visitor(ANNA, page), {})
    said, _ = watch.refresh(visitor(ANNA, page, "zh"), drawn)
    assert watch.status in said
    assert not {*watch.charts.values(), watch.lr_plot} & set(said)
