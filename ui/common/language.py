"""Another language is picked.

First the words of the step in sight, then all else, and no answer that is late in the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from ui.common.context import AppContext, Asker, Call, Updates, Visitor
from ui.common.i18n import LANGUAGE, SET_LANGUAGE

LATE_SECONDS = 10.0  # s that an answer in the language before may still be on its way

Drawn = Mapping[str, Any]
# Gives what a step shows in a call's language, and what is then drawn.
Say = Callable[[str, Call, Drawn, Asker], tuple[Updates, Drawn]]


class LanguageSwitch:
    """What a press on ``radio`` does; ``drawn`` is what an open tab shows, by keys."""

    def __init__(self, app: AppContext, radio: gr.Radio, drawn: gr.State) -> None:
        self.app, self.radio, self.drawn = app, radio, drawn
        self._picked: dict[str, tuple[str, float]] = {}  # open tab to language and monotonic s

    def wire(self, tabs: Mapping[str, Any], steps: Mapping[str, Say], **quick: Any) -> None:
        """Fixed words of all ``tabs`` by the browser; of ``steps`` the rest, said by the server."""
        app, radio = self.app, self.radio
        for turn, part in enumerate(("page", *tabs)):
            tab = tabs.get(part)
            more: dict[Any, Any] = {tab.message: ""} if tab else {app.language: LANGUAGE}
            words, at_once, later = app.i18n.scripts(part, more, turn)
            said = radio.input(None, radio, words, js=at_once)
            said = said.then(None, radio, words, js=later)
            if tab is None or part not in steps:
                continue
            reads: list[Component] = getattr(tab, "reads", [])
            spoken = said.then(
                self._speaker(part, steps[part]),
                inputs={*app.states, radio, self.drawn, *reads},
                outputs=list(dict.fromkeys([self.drawn, *tab.outputs])),
                trigger_mode="always_last",  # who presses twice wants the second language
                **quick,
            )
            if part == "latent":
                tab.respeak(spoken.then)
        radio.input(None, radio, radio, js=SET_LANGUAGE)

    def _speaker(self, step: str, say: Say) -> Any:
        def speak(values: Mapping[Any, Any], request: Asker = None) -> Updates:
            chosen = {**values, self.app.language: values[self.radio]}
            visitor = self.app.who(chosen, request)
            self._note(visitor, request)
            updates, drawn = say(step, Call(visitor, chosen), values[self.drawn] or {}, request)
            return {**updates, self.drawn: drawn}

        return speak

    def _note(self, visitor: Visitor, request: Asker) -> None:
        now = time.monotonic()
        fresh = {tab: at for tab, at in self._picked.items() if now - at[1] < LATE_SECONDS}
        self._picked = {**fresh, _tab(request): (visitor.language, now)}

    def is_overtaken(self, visitor: Visitor, request: Asker) -> bool:
        """Whether another language was picked since the visitor's call was sent."""
        language, picked = self._picked.get(_tab(request), ("", 0.0))
        return time.monotonic() - picked < LATE_SECONDS and language != visitor.language


def _tab(request: Asker) -> str:
    return getattr(request, "session_hash", None) or ""
