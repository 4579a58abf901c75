"""What all tabs share: the browser's memory, the runs, the words, and how handlers are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from training.core.home import Home
from training.core.messages import UserError
from training.intake.limits import Limits
from training.jobs.datasets import Shelf, is_id
from training.jobs.manager import RunManager
from training.jobs.storage import Keeper
from ui.common.html import bug_html, empty_state, problem_html
from ui.common.i18n import Words, speakable

Updates = dict[Block, Any]
Values = Mapping[Component, Any]


@dataclass(frozen=True)
class Visitor:
    """Who is looking and at what. Only ``owner`` and ``language`` are checked; ids are claims."""

    owner: str
    language: str
    dataset: object
    run: object
    shared: object  # run id to the pass that came with a link


Handler = Callable[..., Any]
Asker = gr.Request | None  # whose browser it is, as far as gradio knows
PROGRESS = gr.Progress()  # only a mark; gradio makes one for each call


@dataclass(frozen=True)
class Frame:
    """Shared by all tabs.

    The states live in the person's browser, each under a key of its own, so that a slow handler
    never writes back an old value of another. ``picture`` is the last one of the latent page,
    ``tray`` are those kept there.
    """

    home: Home
    manager: RunManager
    shelf: Shelf
    limits: Limits
    keeper: Keeper
    words: Words
    owner: gr.BrowserState
    language: gr.BrowserState
    dataset: gr.BrowserState
    run: gr.BrowserState
    shared: gr.BrowserState
    picture: gr.BrowserState
    tray: gr.BrowserState
    steps: gr.Tabs

    @property
    def states(self) -> list[gr.BrowserState]:
        """The states, in the order of ``Visitor``'s fields."""
        return [self.owner, self.language, self.dataset, self.run, self.shared]

    def visitor(
        self, owner: object, language: object, dataset: object, run: object, shared: object
    ) -> Visitor:
        """What the browser claims, with the parts that can be checked checked."""
        known, spoken = str(owner) if is_id(owner) else "", speakable(language, self.words.language)
        return Visitor(known, spoken, dataset or "", run or "", shared or "")

    def who(self, values: Values, request: gr.Request | None = None) -> Visitor:
        """Who calls. Somebody who has signed in is who they are, whatever the browser claims."""
        visitor = self.visitor(*(values[state] for state in self.states))
        name = getattr(request, "username", None)
        return replace(visitor, owner=self.shelf.account(name)) if name else visitor

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
        streams: bool = False,
        **options: Any,
    ) -> Any:
        """Call ``handler(visitor, values)`` on ``trigger`` and apply the updates that it returns.

        What a person can mend, and what is our fault, is said in ``message``. With
        ``progress_on`` the handler may be slow: it waits in the queue, gets a ``gr.Progress``
        as its third argument, and its progress is drawn over that component. With
        ``event_data`` it also gets what the page's script sent along. One that ``streams`` gives
        an iterator of updates, each shown as it comes.
        """
        slow = progress_on is not None
        if streams:
            assert message is not None  # where else would a problem be said?
            call = self._streamer(handler, message)
        else:
            call = self._caller(handler, message, slow, event_data)
        return trigger(
            call,
            inputs={*self.states, *reads},
            outputs=list(dict.fromkeys([*writes, *([message] if message else [])])),
            queue=slow or streams,
            show_progress="full" if slow else "hidden",
            show_progress_on=progress_on,
            api_visibility="private",
            **options,
        )

    def go(self, trigger: Any, step: str) -> None:
        """Open a step when ``trigger`` fires."""
        trigger(
            lambda: gr.Tabs(selected=step),
            outputs=self.steps,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def _caller(
        self, handler: Handler, message: gr.HTML | None, slow: bool, event_data: bool
    ) -> Callable[..., Any]:
        """What gradio calls; it tells from the signature what to pass."""

        def call(values: dict[Any, Any], request: Asker = None) -> Any:
            return self._answer(handler, message, values, request)

        def call_slowly(
            values: dict[Any, Any], request: Asker = None, progress: gr.Progress = PROGRESS
        ) -> Any:
            return self._answer(handler, message, values, request, progress)

        def call_with_data(
            values: dict[Any, Any],
            event: gr.EventData,
            request: Asker = None,
            progress: gr.Progress = PROGRESS,
        ) -> Any:
            return self._answer(handler, message, values, request, progress, event._data or {})

        return call_with_data if event_data else call_slowly if slow else call

    def _streamer(self, handler: Handler, message: gr.HTML) -> Callable[..., Any]:
        """What gradio calls for a handler whose updates come one after the other."""

        def stream(values: dict[Any, Any], request: Asker = None) -> Iterator[Any]:
            visitor = self.who(values, request)
            said: Updates = {message: ""}
            try:
                if not visitor.owner:
                    raise UserError("page.not_ready")
                for updates in handler(visitor, values):
                    yield {**said, **updates}
            except UserError as problem:
                yield {message: problem_html(problem, visitor.language)}
            except Exception:
                yield {message: bug_html(visitor.language)}

        return stream

    def _answer(
        self,
        handler: Handler,
        message: gr.HTML | None,
        values: dict[Any, Any],
        request: gr.Request | None,
        *more: Any,
    ) -> Any:
        visitor = self.who(values, request)
        if message is None:
            return handler(visitor, values, *more) or gr.skip()
        try:
            if not visitor.owner:
                raise UserError("page.not_ready")
            return {message: "", **handler(visitor, values, *more)}
        except UserError as problem:
            return {message: problem_html(problem, visitor.language)}
        except Exception:
            return {message: bug_html(visitor.language)}


class Opening:
    """The top of a tab that shows a run: a hint while there is none, messages, and the rest.

    ``body`` holds all that makes sense only once there is a run.
    """

    def __init__(self, frame: Frame) -> None:
        """Place it where the page is being built."""
        self.empty = gr.HTML()
        self.to_train_btn = frame.words.make(
            gr.Button,
            {"value": "page.to_train_btn"},
            variant="primary",
            visible=False,
            elem_classes="empty-next",
        )
        self.message = gr.HTML()
        self.body = gr.Column(visible=False)
        frame.go(self.to_train_btn.click, "train")

    @property
    def outputs(self) -> list[Block]:
        """All that ``show`` changes."""
        return [self.empty, self.to_train_btn, self.body]

    def show(self, there_is_one: bool, title: str, hint: str) -> Updates:
        """The body, or ``title`` and ``hint`` in its place."""
        return {
            self.empty: "" if there_is_one else empty_state(title, hint),
            self.to_train_btn: gr.Button(visible=not there_is_one),
            self.body: gr.Column(visible=there_is_one),
        }


def picture_input(frame: Frame, first: str, **props: Any) -> gr.Image:
    """A place for one picture by file, webcam or clipboard; ``first`` is the way shown at first.

    Handlers that read it are called with ``preprocess=False`` and take the file as it came by
    ``picture_path``: ``training.intake`` reads more kinds of pictures than gradio does, and says
    in the person's language what is wrong with the others.
    """
    return frame.words.make(
        gr.Image,
        {"label": "page.picture", "placeholder": "page.picture_hint"},
        sources=sorted(("upload", "webcam", "clipboard"), key=lambda way: way != first),
        type="filepath",
        buttons=[],
        **props,
    )


def picture_path(value: Any) -> Path | None:
    """The uploaded file of a ``picture_input``; gradio has checked that it is an upload."""
    return Path(value["path"]) if value else None


def merged(first: Any, second: Any) -> Any:
    """One update of a component out of two, the later one counting more."""
    if first is None:
        return second
    return {**_update(first), **_update(second)}


def _update(change: Any) -> dict[str, Any]:
    if isinstance(change, Block):
        change = {**change.constructor_args, "__type__": "update"}
    if not isinstance(change, dict) or change.get("__type__") != "update":
        return {"__type__": "update", "value": change}
    return change
