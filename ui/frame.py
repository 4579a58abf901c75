"""What all tabs share: the browser's memory, the runs, the words, and how handlers are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from training.home import Home
from training.limits import Limits
from training.runs import RunManager
from training.text import UserError
from ui.session import Shelf, is_id
from ui.text import Words, bug_html, problem_html, speakable

Updates = dict[Block, Any]
Values = Mapping[Component, Any]


@dataclass(frozen=True)
class Visitor:
    """Who is looking and at what. Only ``owner`` and ``language`` are checked; ids are claims."""

    owner: str
    language: str
    dataset: object
    run: object


Handler = Callable[..., Updates]


@dataclass(frozen=True)
class Frame:
    """Shared by all tabs. The four states live in the person's browser, each under its own key,
    so that a slow handler never writes back an old value of another.
    """

    home: Home
    manager: RunManager
    shelf: Shelf
    limits: Limits
    words: Words
    owner: gr.BrowserState
    language: gr.BrowserState
    dataset: gr.BrowserState
    run: gr.BrowserState
    steps: gr.Tabs

    @property
    def states(self) -> list[gr.BrowserState]:
        """The four states, in the order of ``Visitor``'s fields."""
        return [self.owner, self.language, self.dataset, self.run]

    def visitor(self, owner: object, language: object, dataset: object, run: object) -> Visitor:
        """What the browser claims, with the parts that can be checked checked."""
        known = str(owner) if is_id(owner) else ""
        return Visitor(known, speakable(language, self.words.language), dataset, run)

    def on(
        self,
        trigger: Any,
        handler: Handler,
        *,
        reads: Iterable[Component] = (),
        writes: Iterable[Block] = (),
        message: gr.HTML | None = None,
        progress_on: Component | None = None,
        **options: Any,
    ) -> Any:
        """Call ``handler(visitor, values)`` on ``trigger`` and apply the updates that it returns.

        What a person can mend, and what is our fault, is said in ``message``. With
        ``progress_on`` the handler may be slow: it waits in the queue, gets a ``gr.Progress``
        as its third argument, and its progress is drawn over that component.
        """
        reads = [*self.states, *reads]
        outputs = list(dict.fromkeys([*writes, *([message] if message else [])]))
        slow = progress_on is not None
        return trigger(
            self._call_slowly(handler, message) if slow else self._call(handler, message),
            inputs=set(reads),
            outputs=outputs,
            queue=slow,
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

    def _call(self, handler: Handler, message: gr.HTML | None) -> Callable[..., Any]:
        def call(values: dict[Any, Any]) -> Any:
            return self._answer(handler, message, values)

        return call

    def _call_slowly(self, handler: Handler, message: gr.HTML | None) -> Callable[..., Any]:
        def call(values: dict[Any, Any], progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
            return self._answer(handler, message, values, progress)

        return call

    def _answer(
        self, handler: Handler, message: gr.HTML | None, values: dict[Any, Any], *more: Any
    ) -> Any:
        visitor = self.visitor(*(values[state] for state in self.states))
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


def picture_input(frame: Frame, first: str, **props: Any) -> gr.Image:
    """A place for one picture by file, webcam or clipboard; ``first`` is the way shown at first.

    It hands over the file as it came, since ``training.intake`` reads more kinds of pictures
    than gradio does and says in the person's language what is wrong with the others.
    """
    image = frame.words.make(
        gr.Image,
        {"label": "page.picture", "placeholder": "page.picture_hint"},
        sources=sorted(("upload", "webcam", "clipboard"), key=lambda way: way != first),
        type="filepath",
        buttons=[],
        **props,
    )
    image.preprocess = lambda payload: payload.path if payload else None  # type: ignore
    return image
