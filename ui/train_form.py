"""The form of step 2: every field of ``ClassifierConfig`` as a component, and back."""

from __future__ import annotations

import html

import gradio as gr
from gradio.components import FormComponent

from models.registry import BACKBONES
from training.config import (
    AUGMENTATIONS,
    METHODS,
    MINUTES_DEFAULT,
    OPTIMIZERS,
    SCHEDULES,
    ClassifierConfig,
)
from training.text import UserError, t
from ui.frame import Updates, Values
from ui.text import Words, duration
from ui.train_plan import backbone_choices, usual_config

PRESETS = (0.5, 1.0, 3.0, 10.0, 30.0)  # minutes
# Name to digits after the point; None is any.
NUMBERS = {
    "batch_size": 0,
    "weight_decay": None,
    "layer_decay": None,
    "label_smoothing": None,
    "l2_sp": None,
    "seed": 0,
}
OPTIONAL = ("image_size", "images")  # numbers where 0 stands for None


class TrainForm:
    """The components, by the names of the config's fields in ``fields``."""

    def __init__(self, words: Words) -> None:
        """Build the form where the page stands."""
        self.words = words
        self.usual = usual_config()
        self.fields: dict[str, FormComponent] = {}
        self._build_budget()
        self._build_method()
        with words.make(gr.Accordion, {"label": "train.more"}, open=False):
            self._build_more()

    @property
    def components(self) -> list[FormComponent]:
        """All that ``config`` reads."""
        return [*self.fields.values(), self.lr_mode]

    def _build_budget(self) -> None:
        make = self.words.make
        with gr.Row(elem_classes="budget", equal_height=True):
            self.presets = make(
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
                "minutes",
                make(
                    gr.Number,
                    {"label": "train.minutes"},
                    value=MINUTES_DEFAULT,
                    step=0.5,
                    scale=1,
                    min_width=120,
                ),
            )

    def _build_method(self) -> None:
        make = self.words.make
        with gr.Row():
            with gr.Column(scale=2):
                self._field(
                    "backbone",
                    make(
                        gr.Dropdown,
                        {
                            "label": "train.backbone",
                            "info": "train.backbone_info",
                            "choices": backbone_choices,
                        },
                        value=self.usual.backbone,
                        filterable=False,
                    ),
                )
                self.textbook_btn = make(gr.Button, {"value": "train.textbook_btn"}, size="md")
                self.textbook_note = make(
                    gr.HTML, {"value": lambda lang: _note(t("train.textbook_note", lang))}
                )
            with gr.Column(scale=3):
                self._field(
                    "method",
                    make(
                        gr.Radio,
                        {
                            "label": "train.method",
                            "choices": lambda lang: [
                                (
                                    f"{t(f'train.method_{m}', lang)}\n{t(f'train.method_{m}_info', lang)}",
                                    m,
                                )
                                for m in METHODS
                            ],
                        },
                        value=self.usual.method,
                        elem_classes="methods",
                    ),
                )

    def _build_more(self) -> None:
        make = self.words.make
        with gr.Row():
            self.run_name = make(
                gr.Textbox, {"label": "train.name", "placeholder": "train.name_hint"}, max_length=80
            )
            self.lr_mode = make(
                gr.Radio,
                {
                    "label": "train.lr_mode",
                    "choices": lambda lang: [
                        (t("train.lr_find", lang), "find"),
                        (t("train.lr_own", lang), "own"),
                    ],
                },
                value="find",
            )
            self._field(
                "lr",
                make(
                    gr.Number,
                    {"label": "train.lr", "info": "train.lr_info"},
                    value=0.001,
                    step=0.0001,
                    visible=False,
                ),
            )
        with gr.Row():
            for name, options in (
                ("optimizer", OPTIMIZERS),
                ("schedule", SCHEDULES),
                ("augment", AUGMENTATIONS),
            ):
                self._field(
                    name,
                    make(
                        gr.Dropdown,
                        {
                            "label": f"train.{name}",
                            "info": f"train.{name}_info",
                            "choices": lambda lang, n=name, o=options: [
                                (t(f"train.{n}_{each}", lang), each) for each in o
                            ],
                        },
                        value=getattr(self.usual, name),
                        filterable=False,
                    ),
                )
        with gr.Row():
            for name in ("mirror", "class_weights"):
                self._field(
                    name,
                    make(
                        gr.Checkbox,
                        {"label": f"train.{name}", "info": f"train.{name}_info"},
                        value=getattr(self.usual, name),
                    ),
                )
        with gr.Row():
            for name in (*NUMBERS, *OPTIONAL):
                self._field(
                    name,
                    make(
                        gr.Number,
                        {"label": f"train.{name}", "info": f"train.{name}_info"},
                        value=getattr(self.usual, name) or 0,
                        precision=NUMBERS.get(name),
                        step=1 if NUMBERS.get(name) == 0 or name in OPTIONAL else 0.01,
                        min_width=220,
                    ),
                )

    def _field(self, name: str, component: Component) -> None:
        self.fields[name] = component

    def config(self, values: Values) -> ClassifierConfig:
        """The form as a config.

        Raises:
            UserError: a field is empty or out of bounds, or the method needs other weights.
        """
        data = {name: values[component] for name, component in self.fields.items()}
        for name in OPTIONAL:
            data[name] = int(data[name]) if data[name] else None
        if values[self.lr_mode] == "find":
            data["lr"] = None
        elif data["lr"] is None:
            raise UserError("train.lr_missing")
        config = ClassifierConfig.from_json(data)
        if BACKBONES[config.backbone].card is None and config.method != "scratch":
            raise UserError("train.no_pretrained", backbone=config.backbone)
        return config


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'
