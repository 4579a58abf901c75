"""How handlers are called: who may call, what is said of a problem, and updates that stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest

from training.core.home import new_id
from training.core.messages import UserError, t
from ui.common.context import AppContext, Call, Updates, merged
from ui.common.i18n import I18n

ANNA = new_id()
PROBLEM = t("error.latent.no_picture.what")
BUG = t("error.bug.what")


class Harness:
    """A page of one message and one picture, and what is heard of a handler."""

    def __init__(self) -> None:
        parts: Any = dict.fromkeys(
            ("home", "manager", "datasets", "limits", "storage", "stamp", "steps")
        )
        with gr.Blocks() as self.blocks:
            names = ("owner", "language", "dataset", "run", "shared", "picture", "tray")
            states: Any = {name: gr.BrowserState("") for name in names}
            self.app = AppContext(**parts, **states, i18n=I18n("en"))
            self.message, self.picture, self.button = gr.HTML(), gr.HTML(), gr.Button()

    def hear(
        self, handler: Callable[[Call], Any], owner: str = ANNA, *, streams: bool = False
    ) -> list[Any]:
        """All that gradio would be given, one after the other."""
        with self.blocks:
            options: Any = {"reads": [], "writes": [self.picture], "message": self.message}
            connect = self.app.stream if streams else self.app.on
            connect(self.button.click, handler, **options)
        called = list(self.blocks.fns.values())[-1]
        assert called.fn is not None
        values = {state: "" for state in self.app.states}
        answer = called.fn({**values, self.app.owner: owner, self.app.language: "en"})
        return list(answer) if isinstance(answer, Iterator) else [answer]


@pytest.fixture
def harness() -> Harness:
    return Harness()


def test_what_streams_is_shown_as_it_comes(harness: Harness) -> None:
    def count(call: Call) -> Iterator[Updates]:
        for number in range(3):
            yield {harness.picture: f"{call.visitor.owner} {number}"}

    assert harness.hear(count, streams=True) == [
        {harness.message: "", harness.picture: f"{ANNA} {number}"} for number in range(3)
    ]


@pytest.mark.parametrize(
    ("failure", "said"), [(UserError("latent.no_picture"), PROBLEM), (ZeroDivisionError(), BUG)]
)
def test_a_stream_that_fails_says_so_and_what_was_shown_stays(
    harness: Harness, failure: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: Call) -> Iterator[Updates]:
        yield {harness.picture: "half"}
        raise failure

    with caplog.at_level(logging.ERROR):
        first, last = harness.hear(fail, streams=True)
    assert first[harness.picture] == "half" and set(last) == {harness.message}
    assert said in last[harness.message] and "ZeroDivision" not in last[harness.message]
    assert ("ZeroDivisionError" in caplog.text) == (said == BUG)


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("owner", ["", "../etc", "A" * 32])
def test_nobody_without_an_id_is_let_in(harness: Harness, owner: str, streams: bool) -> None:
    called = []

    def handler(call: Call) -> Any:
        called.append(call.visitor)
        return iter([{harness.picture: "x"}]) if streams else {harness.picture: "x"}

    (answer,) = harness.hear(handler, owner, streams=streams)
    assert (
        set(answer) == {harness.message}
        and t("error.page.not_ready.what") in answer[harness.message]
    )
    assert called == []


@pytest.mark.parametrize(
    ("failure", "said"), [(UserError("latent.no_picture"), PROBLEM), (ZeroDivisionError(), BUG)]
)
def test_a_handler_that_fails_says_so(harness: Harness, failure: Exception, said: str) -> None:
    def fail(call: Call) -> Updates:
        raise failure

    (answer,) = harness.hear(fail)
    assert set(answer) == {harness.message} and said in answer[harness.message]


def test_what_went_well_unsays_the_problem_before(harness: Harness) -> None:
    assert harness.hear(lambda *_: {harness.picture: "x"}) == [
        {harness.message: "", harness.picture: "x"}
    ]


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
