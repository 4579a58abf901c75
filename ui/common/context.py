"""What all tabs share.

The browser's memory, the runs, the texts, and how handlers are called: with one ``Call``, after
which problems are said in the visitor's language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from training.core.home import Home
from training.core.messages import UserError
from training.intake.limits import Limits
from training.jobs.datasets import DatasetStore, is_id
from training.jobs.manager import RunManager
from training.jobs.storage import Storage
from ui.common.html import bug_html, problem_html
from ui.common.i18n import I18n, accepted, speakable

Updates = dict[Block, Any]
Values = Mapping[Component, Any]


@dataclass(frozen=True)
class Visitor:
    """Who calls, and what they picked. Only ``owner`` and ``language`` are checked.

    Ids of data sets and runs are a browser's claims: a handler finds out whose they are.
    """

    owner: str
    language: str
    dataset: object
    run: object
    shared: object  # run id to the pass that came with a link


PROGRESS = gr.Progress()  # only a mark; Gradio makes one for each call


@dataclass(frozen=True)
class Call:
    """The one argument of every handler.

    Attributes:
        visitor: who calls.
        values: component to value, for those that the handler reads.
        progress: call it with a share or a count; only slow handlers have it drawn.
        data: what the page's script sent along with the event; as untrusted as ``values``.
    """

    visitor: Visitor
    values: Values
    progress: gr.Progress = PROGRESS
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def language(self) -> str:
        """Of the sentences in the answer; one that the page speaks, whatever was claimed."""
        return self.visitor.language


Handler = Callable[[Call], Updates | None]
StreamingHandler = Callable[[Call], Iterator[Updates]]
Asker = gr.Request | None  # whose browser it is, as far as Gradio knows


@dataclass(frozen=True)
class AppContext:
    """Given to every tab when it is built.

    The states live in the person's browser, each under a key of its own, so that a slow handler
    never writes back an old value of another. ``picture`` is the last one of the latent page,
    ``tray`` are those kept there.

    ``stamp`` is hidden and says which drawing of the runs a tab shows. Whoever draws them in answer
    to a press writes "" there: answers may arrive in another order than they were made in, and a
    drawing that is not the newest has to be made up for.
    """

    home: Home
    manager: RunManager
    datasets: DatasetStore
    limits: Limits
    storage: Storage
    i18n: I18n
    owner: gr.BrowserState
    language: gr.BrowserState
    dataset: gr.BrowserState
    run: gr.BrowserState
    shared: gr.BrowserState
    picture: gr.BrowserState
    tray: gr.BrowserState
    stamp: gr.HTML
    steps: gr.Tabs

    @property
    def states(self) -> list[gr.BrowserState]:
        """The states, in the order of ``Visitor``'s fields."""
        return [self.owner, self.language, self.dataset, self.run, self.shared]

    def visitor(
        self, owner: object, language: object, dataset: object, run: object, shared: object
    ) -> Visitor:
        """What the browser claims, with the parts that can be checked checked."""
        known, spoken = str(owner) if is_id(owner) else "", speakable(language, self.i18n.language)
        return Visitor(known, spoken, dataset or "", run or "", shared or "")

    def who(self, values: Values, request: gr.Request | None = None) -> Visitor:
        """Who calls. Somebody who has signed in is who they are, whatever the browser claims."""
        visitor = self.visitor(*(values[state] for state in self.states))
        if request is not None and not self.i18n.fixed and not values[self.language]:
            own = accepted(getattr(request, "headers", {}).get("accept-language", ""))
            visitor = replace(visitor, language=own or visitor.language)
        name = getattr(request, "username", None)
        return replace(visitor, owner=self.datasets.account(name)) if name else visitor

    def on(
        self,
        trigger: Any,
        handler: Handler,
        *,
        reads: Iterable[Component] = (),
        writes: Iterable[Block] = (),
        message: gr.HTML | None = None,
        progress_on: Component | None = None,
        event_data: bool = False,
        refused: Handler | None = None,
        **options: Any,
    ) -> Any:
        """Call ``handler(call)`` on ``trigger`` and apply the updates that it returns.

        Args:
            trigger: an event of a component, such as ``button.click``.
            handler: gets a ``Call``; gives updates, or ``None`` where nothing changes.
            reads: the components whose values the handler needs.
            writes: those that it may change.
            message: shows problems, the person's to mend or our own; a success clears it.
                Without one errors are Gradio's to report, and visitors need no id.
            progress_on: draw ``call.progress`` over this component. The handler may then be slow:
                it waits in the queue.
            event_data: let the page's script send ``call.data`` along.
            refused: what changes beside ``message`` when there was a problem.
            options: Gradio's own, such as ``trigger_mode``.
        """
        slow = progress_on is not None
        return trigger(
            self._caller(handler, message, slow, event_data, refused),
            inputs={*self.states, *reads},  # a set: Gradio then passes one dict by component
            outputs=list(dict.fromkeys([*writes, *([message] if message else [])])),
            queue=slow,
            show_progress="full" if slow else "hidden",
            # Hidden or not, the browser updates a status for every component that was ever a target
            # of progress, at the start and end of each call. With all outputs as targets that was
            # most of its work: another language took 3.3 s, and takes 1.3 s (medians, mid-run).
            show_progress_on=progress_on or self.owner,
            api_visibility="private",
            **options,
        )

    def stream(
        self,
        trigger: Any,
        handler: StreamingHandler,
        *,
        reads: Iterable[Component],
        writes: Iterable[Block],
        message: gr.HTML,
        **options: Any,
    ) -> Any:
        """As ``on``, for a handler that yields updates, each shown as it comes.

        An error ends it; what was shown until then stays.
        """
        return trigger(
            self._streamer(handler, message),
            inputs={*self.states, *reads},
            outputs=list(dict.fromkeys([*writes, message])),
            show_progress="hidden",
            show_progress_on=self.owner,
            api_visibility="private",
            **options,
        )

    def go(self, trigger: Any, step: str) -> None:
        """Open a step when ``trigger`` fires; ``step`` is the id of its ``gr.Tab``."""
        trigger(
            lambda: gr.Tabs(selected=step),
            outputs=self.steps,
            queue=False,
            show_progress="hidden",
            show_progress_on=self.owner,
            api_visibility="private",
        )

    def _caller(
        self,
        handler: Handler,
        message: gr.HTML | None,
        slow: bool,
        event_data: bool,
        refused: Handler | None,
    ) -> Callable[..., Any]:
        """What Gradio calls; it tells from the annotations what to pass.

        Event data and progress cost a message each, so only those who use them ask for them.
        """

        def quick(values: dict[Any, Any], request: Asker = None) -> Any:
            return self._answer(handler, message, refused, self.call(values, request))

        def slowly(
            values: dict[Any, Any], request: Asker = None, progress: gr.Progress = PROGRESS
        ) -> Any:
            call = self.call(values, request, progress)
            return self._answer(handler, message, refused, call)

        def with_data(
            values: dict[Any, Any],
            event: gr.EventData,
            request: Asker = None,
            progress: gr.Progress = PROGRESS,
        ) -> Any:
            data = event._data or {}  # as a whole: the public way gives one item at a time
            call = self.call(values, request, progress, data)
            return self._answer(handler, message, refused, call)

        return with_data if event_data else slowly if slow else quick

    def _streamer(self, handler: StreamingHandler, message: gr.HTML) -> Callable[..., Any]:
        """As ``_caller``, as a generator, whose every yield Gradio sends to the browser."""

        def stream(values: dict[Any, Any], request: Asker = None) -> Iterator[Any]:
            call = self.call(values, request)
            try:
                if not call.visitor.owner:
                    raise UserError("page.not_ready")
                for updates in handler(call):
                    yield {message: "", **updates}
            except UserError as problem:
                yield {message: problem_html(problem, call.language)}
            except Exception:
                yield {message: bug_html(call.language)}

        return stream

    def call(
        self,
        values: Values,
        request: Asker = None,
        progress: gr.Progress = PROGRESS,
        data: Mapping[str, Any] | None = None,
    ) -> Call:
        """A handler's argument, from what Gradio passes; signing in outweighs the states."""
        return Call(self.who(values, request), values, progress, data or {})

    def _answer(
        self, handler: Handler, message: gr.HTML | None, refused: Handler | None, call: Call
    ) -> Any:
        if message is None:
            return handler(call) or gr.skip()
        try:
            if not call.visitor.owner:
                raise UserError("page.not_ready")
            return {message: "", **(handler(call) or {})}
        except UserError as problem:
            said = problem_html(problem, call.language)
        except Exception:
            said = bug_html(call.language)
        return {message: said, **((refused(call) or {}) if refused else {})}


def merged(first: Any, second: Any) -> Any:
    """One update of a component out of two; where both set a property, ``second`` holds.

    Gradio takes one update for each component, and two parts of the page may have something to say.
    """
    if first is None:
        return second
    return {**_update(first), **_update(second)}


def _update(change: Any) -> dict[str, Any]:
    """A bare value, or a component that names what to change, in the form of ``gr.update``."""
    if isinstance(change, Block):
        change = {**change.constructor_args, "__type__": "update"}
    if not isinstance(change, dict) or change.get("__type__") != "update":
        return {"__type__": "update", "value": change}
    return change
