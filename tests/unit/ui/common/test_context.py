"""How handlers are called: who may call, what is said of a problem, and updates that stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest

from training.core.home import new_id
from training.core.messages import UserError, t
from ui.common.context import Frame, Updates, Values, Visitor, merged
from ui.common.i18n import Words

ANNA = new_id()
PROBLEM = t("error.latent.no_picture.what")
BUG = t("error.bug.what")


class Desk:
    """A page of one message and one picture, and what is heard of a handler."""

    def __init__(self) -> None:
        parts: Any = dict.fromkeys(("home", "manager", "shelf", "limits", "keeper", "steps"))
        with gr.Blocks() as self.blocks:
            names = ("owner", "language", "dataset", "run", "shared", "picture", "tray")
            states: Any = {name: gr.BrowserState("") for name in names}
            self.frame = Frame(**parts, **states, words=Words("en"))
            self.message, self.picture, self.button = gr.HTML(), gr.HTML(), gr.Button()

    def hear(self, handler: Callable[..., Any], owner: str = ANNA, **options: Any) -> list[Any]:
        """All that gradio would be given, one after the other."""
        with self.blocks:
            options = {"writes": [self.picture], "message": self.message, **options}
            self.frame.on(self.button.click, handler, **options)
        called = list(self.blocks.fns.values())[-1]
        assert called.fn is not None
        values = {state: "" for state in self.frame.states}
        answer = called.fn({**values, self.frame.owner: owner, self.frame.language: "en"})
        return list(answer) if isinstance(answer, Iterator) else [answer]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_streams_is_shown_as_it_comes(desk: Desk) -> None:
    def count(visitor: Visitor, values: Values) -> Iterator[Updates]:
        for number in range(3):
            yield {desk.picture: f"{visitor.owner} {number}"}

    assert desk.hear(count, streams=True) == [
        {desk.message: "", desk.picture: f"{ANNA} {number}"} for number in range(3)
    ]


@pytest.mark.parametrize(
    ("failure", "said"), [(UserError("latent.no_picture"), PROBLEM), (ZeroDivisionError(), BUG)]
)
def test_a_stream_that_fails_says_so_and_what_was_shown_stays(
    desk: Desk, failure: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(visitor: Visitor, values: Values) -> Iterator[Updates]:
        yield {desk.picture: "half"}
        raise failure

    with caplog.at_level(logging.ERROR):
        first, last = desk.hear(fail, streams=True)
    assert first[desk.picture] == "half" and set(last) == {desk.message}
    assert said in last[desk.message] and "ZeroDivision" not in last[desk.message]
    assert ("ZeroDivisionError" in caplog.text) == (said == BUG)


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("owner", ["", "../etc", "A" * 32])
def test_nobody_without_an_id_is_let_in(desk: Desk, owner: str, streams: bool) -> None:
    called = []

    def handler(visitor: Visitor, values: Values) -> Any:
        called.append(visitor)
        return iter([{desk.picture: "x"}]) if streams else {desk.picture: "x"}

    (answer,) = desk.hear(handler, owner, streams=streams)
    assert set(answer) == {desk.message} and t("error.page.not_ready.what") in answer[desk.message]
    assert called == []


@pytest.mark.parametrize(
    ("failure", "said"), [(UserError("latent.no_picture"), PROBLEM), (ZeroDivisionError(), BUG)]
)
def test_a_handler_that_fails_says_so(desk: Desk, failure: Exception, said: str) -> None:
    def fail(visitor: Visitor, values: Values) -> Updates:
        raise failure

    (answer,) = desk.hear(fail)
    assert set(answer) == {desk.message} and said in answer[desk.message]


def test_what_went_well_unsays_the_problem_before(desk: Desk) -> None:
    assert desk.hear(lambda *_: {desk.picture: "x"}) == [{desk.message: "", desk.picture: "x"}]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ({"__type__": "update", "label": "a"}, "x", {"label": "a", "value": "x"}),
        ({"__type__": "update", "label": "a", "value": 1}, 2, {"label": "a", "value": 2}),
        (1, {"__type__": "update", "label": "a"}, {"label": "a", "value": 1}),
        ({"__type__": "update", "label": "a"}, {"run": 1}, {"label": "a", "value": {"run": 1}}),
    ],
)
def test_of_two_updates_the_later_one_counts_more(first: Any, second: Any, both: Any) -> None:
    assert merged(first, second) == {"__type__": "update", **both}
    assert merged(None, second) == second


def test_an_update_written_as_a_component_changes_only_what_it_names() -> None:
    update = merged(gr.Slider(label="a", visible=False), gr.Slider(value=3))
    assert update == {"__type__": "update", "label": "a", "visible": False, "value": 3}
