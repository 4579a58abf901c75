"""What the forms of step 2 share: fields that are named as in a config, and a time budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from models.registry import BACKBONES
from training.core.checks import MINUTES_DEFAULT
from training.core.messages import t
from ui.common.context import Values
from ui.common.html import duration
from ui.common.i18n import Said, Words

PRESETS = (0.5, 1.0, 3.0, 10.0, 30.0)  # minutes


class Form:
    """Components by the names of a config's fields; ``key`` gives the sentence for a field."""

    def __init__(self, words: Words, usual: Any, key: Callable[[str], str]) -> None:
        """``usual`` is the config whose values the fields begin with."""
        self.words = words
        self.usual = usual
        self.key = key
        self.fields: dict[str, Any] = {}

    def field(self, name: str, kind: Any, choices: Said | None = None, **props: Any) -> Any:
        """One field, with its sentences found by its name."""
        say: dict[str, Said] = {"label": self.key(name), "info": self.key(f"{name}_info")}
        if choices is not None:
            say["choices"] = choices
        props = {"value": getattr(self.usual, name), **props}
        self.fields[name] = self.words.make(kind, say, **props)
        return self.fields[name]

    def build_budget(self) -> None:
        """Presets of the time, and the field ``minutes`` beside them for any other."""
        with gr.Row(elem_classes="budget", equal_height=True):
            self.presets = self.words.make(
                gr.Radio,
                {
                    "label": "train.budget",
                    "info": "train.budget_info",
                    "choices": lambda lang: [(duration(m * 60, lang), m) for m in PRESETS],
                },
                value=MINUTES_DEFAULT,
                scale=4,
                elem_classes="pills",
            )
            self.field(
                "minutes", gr.Number, value=MINUTES_DEFAULT, step=0.5, scale=1, min_width=150
            )

    def build_name(self) -> None:
        """What the person may call the run."""
        self.run_name = self.words.make(
            gr.Textbox, {"label": "train.name", "placeholder": "train.name_hint"}, max_length=80
        )

    def build_textbook(self, note: str) -> None:
        """The button of the textbook recipe, and what that is."""
        self.textbook_btn = self.words.make(gr.Button, {"value": "train.textbook_btn"}, size="md")
        self.words.make(gr.HTML, {"value": lambda lang: f'<p class="note">{t(note, lang)}</p>'})

    def wire_budget(self, on: Callable[..., Any]) -> None:
        """A preset writes its minutes; other minutes release the preset."""
        presets, minutes = self.presets, self.fields["minutes"]
        on(
            presets.input,
            lambda _, values: {minutes: values[presets]},
            reads=[presets],
            writes=[minutes],
        )
        on(
            minutes.input,
            lambda _, values: {presets: values[minutes] if values[minutes] in PRESETS else None},
            reads=[minutes],
            writes=[presets],
        )

    def name(self, values: Values) -> str:
        """What the person calls the run; empty where they don't."""
        return str(values[self.run_name] or "").strip()[:80]


def choices_of(form: str, name: str, options: Sequence[str]) -> Said:
    """The choices of a field, each called ``<form>.<name>_<option>``."""
    return lambda language: [(t(f"{form}.{name}_{each}", language), each) for each in options]


def lined_choices(key: Callable[[str], str], options: Sequence[str]) -> Said:
    """Options whose explanation, ``<key>_info``, stands on a line of its own."""
    return lambda lang: [
        (f"{t(key(each), lang)}\n{t(key(each) + '_info', lang)}", each) for each in options
    ]


def backbone_label(name: str, language: str) -> str:
    """A backbone with what it costs to have."""
    card = BACKBONES[name].card
    key = "train.weights_none" if card is None else "train.weights_download"
    if card is not None and card.is_here():
        key = "train.weights_here"
    return t(key, language, name=name, size=f"{card.size_mb:.0f}" if card else "")
