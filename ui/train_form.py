"""The form of step 2: every field of ``ClassifierConfig`` as a component, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from models.registry import BACKBONES
from training.config import (
    AUGMENTATIONS,
    METHODS,
    MINUTES_DEFAULT,
    OPTIMIZERS,
    SCHEDULES,
    TEXTBOOK,
    ClassifierConfig,
    default_config,
)
from training.text import UserError, t
from ui.frame import Updates, Values
from ui.text import Said, Words, duration
from ui.train_plan import backbone_choices

PRESETS = (0.5, 1.0, 3.0, 10.0, 30.0)  # minutes
WHOLE = ("batch_size", "seed", "image_size", "images")
NUMBERS = ("batch_size", "weight_decay", "layer_decay", "label_smoothing", "l2_sp")
NUMBERS_LAST = ("seed", "image_size", "images")
ZERO_IS_NONE = ("image_size", "images")


class TrainForm:
    """The components, by the names of the config's fields in ``fields``."""

    def __init__(self, words: Words) -> None:
        """Build the form where the page stands."""
        self.words = words
        self.usual = default_config()
        self.fields: dict[str, Any] = {}
        self._build_budget()
        self._build_method()
        with words.make(gr.Accordion, {"label": "train.more"}, open=False):
            self._build_more()

    @property
    def components(self) -> list[Any]:
        """All that ``config`` reads."""
        return [*self.fields.values(), self.lr_mode]

    def _field(self, name: str, kind: Any, choices: Said | None = None, **props: Any) -> Any:
        """One field, with its sentences found by its name."""
        say: dict[str, Said] = {"label": f"train.{name}", "info": f"train.{name}_info"}
        if choices is not None:
            say["choices"] = choices
        props = {"value": getattr(self.usual, name), **props}
        self.fields[name] = self.words.make(kind, say, **props)

    def _build_budget(self) -> None:
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
            self._field(
                "minutes", gr.Number, value=MINUTES_DEFAULT, step=0.5, scale=1, min_width=150
            )

    def _build_method(self) -> None:
        make = self.words.make
        with gr.Row():
            with gr.Column(scale=2):
                self._field("backbone", gr.Dropdown, backbone_choices, filterable=False)
                self.textbook_btn = make(gr.Button, {"value": "train.textbook_btn"}, size="md")
                note = "train.textbook_note"
                make(gr.HTML, {"value": lambda lang: f'<p class="note">{t(note, lang)}</p>'})
            with gr.Column(scale=3):
                self._field("method", gr.Radio, method_choices, elem_classes="methods")

    def _build_more(self) -> None:
        make = self.words.make
        with gr.Row():
            self.run_name = make(
                gr.Textbox, {"label": "train.name", "placeholder": "train.name_hint"}, max_length=80
            )
            self.lr_mode = make(
                gr.Radio,
                {"label": "train.lr_mode", "choices": choices_of("lr", ("find", "own"))},
                value="find",
            )
            self._field("lr", gr.Number, value=TEXTBOOK.lr, step=0.0001, visible=False)
        with gr.Row():
            for name, options in (
                ("optimizer", OPTIMIZERS),
                ("schedule", SCHEDULES),
                ("augment", AUGMENTATIONS),
            ):
                self._field(name, gr.Dropdown, choices_of(name, options), filterable=False)
        with gr.Row():
            for name in ("mirror", "class_weights"):
                self._field(name, gr.Checkbox)
        for names in (NUMBERS, NUMBERS_LAST):
            with gr.Row():
                for name in names:
                    whole = name in WHOLE
                    value = getattr(self.usual, name) or 0
                    digits, step = (0, 1) if whole else (None, 0.01)
                    self._field(
                        name, gr.Number, value=value, precision=digits, step=step, min_width=170
                    )

    def config(self, values: Values) -> ClassifierConfig:
        """The form as a config.

        Raises:
            UserError: a field is empty or out of bounds, or the method needs other weights.
        """
        data = {name: values[component] for name, component in self.fields.items()}
        for name in ZERO_IS_NONE:
            data[name] = data[name] or None
        if values[self.lr_mode] == "find":
            data["lr"] = None
        elif data["lr"] is None:
            raise UserError("train.lr_missing")
        config = ClassifierConfig.from_json(data)
        if BACKBONES[config.backbone].card is None and config.method != "scratch":
            raise UserError("train.no_pretrained", backbone=config.backbone)
        return config

    def textbook(self) -> Updates:
        """The textbook recipe, in the person's own time."""
        recipe = TEXTBOOK.to_json()
        updates: Updates = {
            component: recipe[name] or 0 if name in ZERO_IS_NONE else recipe[name]
            for name, component in self.fields.items()
            if name not in ("minutes", "lr")
        }
        updates[self.fields["lr"]] = gr.Number(value=TEXTBOOK.lr, visible=True)
        return {**updates, self.lr_mode: "own"}

    def fit_method(self, values: Values) -> Updates:
        """A backbone without pretrained weights can only be trained from scratch."""
        method = self.fields["method"]
        if BACKBONES[values[self.fields["backbone"]]].card is None:
            return {method: "scratch"}
        return {method: "quick"} if values[method] == "scratch" else {}

    def fit_backbone(self, values: Values) -> Updates:
        """A method that builds on pretrained weights needs a backbone that has some."""
        backbone = self.fields["backbone"]
        if values[self.fields["method"]] == "scratch" or BACKBONES[values[backbone]].card:
            return {}
        return {backbone: default_config(method=values[self.fields["method"]]).backbone}


def choices_of(name: str, options: Sequence[str]) -> Said:
    """The choices of a field, each called ``train.<field>_<option>``."""
    return lambda language: [(t(f"train.{name}_{each}", language), each) for each in options]


def method_choices(language: str) -> list[tuple[str, str]]:
    """Every method with its explanation on a line of its own."""
    return [
        (
            t(f"train.method_{name}", language) + "\n" + t(f"train.method_{name}_info", language),
            name,
        )
        for name in METHODS
    ]
