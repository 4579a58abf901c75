"""What the forms of step 2 share: fields that are named as in a config, and a time budget.

A form is built in two places: the time where everybody sees it, all else under *More settings*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from models.registry import BACKBONES
from training.core.messages import t
from training.core.settings import SWITCH, settings_of
from ui.common.context import Call, Updates, Values
from ui.common.html import duration
from ui.common.i18n import I18n, Said

PRESETS = (0.5, 1.0, 3.0, 10.0, 30.0)  # minutes


class Form:
    """Components by the names of a config's fields, each made from its setting."""

    def __init__(self, i18n: I18n, usual: Any, room: str) -> None:
        """``usual`` is the config to begin with; ``room`` begins the keys of its choices."""
        self.i18n = i18n
        self.usual = usual
        self.room = room
        self.settings = settings_of(usual)
        self.fields: dict[str, Any] = {}

    def field(
        self, name: str, kind: Any = gr.Dropdown, choices: Said | None = None, **props: Any
    ) -> Any:
        """One field: a number, a box to tick, or a ``kind`` of choice.

        A number has no bounds on the page: gradio would refuse it in its own words, where ours
        name the field and what is allowed, in the person's language.
        """
        setting = self.settings[name]
        say: dict[str, Said] = {"label": setting.key, "info": f"{setting.key}_info"}
        own: dict[str, Any] = {"value": setting.shown(getattr(self.usual, name))}
        if setting.choices == SWITCH:
            kind = gr.Checkbox
        elif choices is None and setting.bounds is not None:
            kind = gr.Number
            own["precision"] = 0 if setting.whole else None
            own |= {"step": setting.step, "min_width": 170}
        else:
            say["choices"] = choices or choices_of(self.room, name, setting.choices)
            own |= {"filterable": False} if kind is gr.Dropdown else {}
        self.fields[name] = self.i18n.make(kind, say, **{**own, **props})
        return self.fields[name]

    def build_rows(self, *rows: Sequence[str]) -> None:
        """Fields side by side, row by row."""
        for names in rows:
            with gr.Row():
                for name in names:
                    self.field(name)

    def build_budget(self) -> None:
        """Presets of the time; the field ``minutes``, for any other, is in ``build_first_row``."""
        self.presets = self.i18n.make(
            gr.Radio,
            {
                "label": "train.budget",
                "choices": lambda lang: [(duration(m * 60, lang), m) for m in PRESETS],
            },
            value=self.usual.minutes,
            elem_classes=["pills", "budget"],
        )

    def build_first_row(self) -> None:
        """What the person may call the run, and any other time than the presets."""
        with gr.Row():
            self.run_name = self.i18n.make(
                gr.Textbox,
                {
                    "label": "train.name",
                    "info": "train.name_info",
                    "placeholder": "train.name_hint",
                },
                max_length=80,
            )
            self.field("minutes")

    def build_textbook(self, note: str) -> None:
        """The button of the textbook recipe, and what that is."""
        self.textbook_btn = self.i18n.make(gr.Button, {"value": "train.textbook_btn"}, size="md")
        self.i18n.make(gr.HTML, {"value": lambda lang: f'<p class="note">{t(note, lang)}</p>'})

    def wire_budget(self, on: Callable[..., Any]) -> None:
        """A preset writes its minutes; other minutes release the preset."""
        presets, minutes = self.presets, self.fields["minutes"]
        on(
            presets.input,
            lambda call: {minutes: call.values[presets]},
            reads=[presets],
            writes=[minutes],
        )

        def release(call: Call) -> Updates:
            given = call.values[minutes]
            return {presets: given if given in PRESETS else None}

        on(minutes.input, release, reads=[minutes], writes=[presets])

    def data(self, values: Values) -> dict[str, Any]:
        """What stands in the fields, as the config has it."""
        return {name: self.settings[name].read(values[x]) for name, x in self.fields.items()}

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
