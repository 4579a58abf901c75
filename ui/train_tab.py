"""Step 2: a backbone, a method, a time budget, and one button."""

from __future__ import annotations

import html
import shlex
from typing import Any

import gradio as gr
from gradio.components import Component

from models.registry import BACKBONES
from training.config import (
    AUGMENTATIONS,
    METHODS,
    MINUTES_DEFAULT,
    OPTIMIZERS,
    SCHEDULES,
    TEXTBOOK,
    ClassifierConfig,
)
from training.imageset import ImageSet
from training.splits import Split, split_images
from training.text import UserError, t
from ui.data_view import data_title
from ui.frame import Frame, Updates, Values, Visitor
from ui.session import DataSet, config_changes
from ui.text import box, duration, empty_state, problem_html, say

PRESETS = (0.5, 1.0, 3.0, 10.0, 30.0)  # minutes
# Tried in this order when somebody opens the page: the best that is here without a download.
PREFERRED = ("mobilenet_v2", "mobilenet_v3_large", "resnet18", "mobilenet_v3_small")
NUMBERS = {
    "batch_size": 0,
    "weight_decay": None,
    "layer_decay": None,
    "label_smoothing": None,
    "l2_sp": None,
    "seed": 0,
}
OPTIONAL = ("image_size", "images")  # numbers where 0 stands for None


class TrainTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        self.usual = usual_config()
        self.fields: dict[str, Component] = {}
        self.message = gr.HTML()
        self.data = gr.HTML()
        make = frame.words.make
        self.to_data_btn = make(
            gr.Button, {"value": "train.to_data_btn"}, variant="primary", elem_classes="empty-next"
        )
        with gr.Column(visible=False) as self.form:
            self._build_budget()
            self._build_method()
            with make(gr.Accordion, {"label": "train.more"}, open=False):
                self._build_more()
            self.plan = gr.HTML()
            self.start_btn = make(
                gr.Button, {"value": "train.start_btn"}, variant="primary", elem_classes="start"
            )
            with make(gr.Accordion, {"label": "train.command"}, open=False):
                self.command = gr.Textbox(
                    show_label=False,
                    interactive=False,
                    buttons=["copy"],
                    lines=1,
                    max_lines=4,
                    elem_classes="command",
                    container=False,
                )
        self._wire()

    # ---- what stands where

    def _build_budget(self) -> None:
        make = self.frame.words.make
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
        make = self.frame.words.make
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
        make = self.frame.words.make
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

    # ---- what happens when

    def _wire(self) -> None:
        on = self.frame.on
        reads = [*self.fields.values(), self.lr_mode, self.run_name]
        seen = [self.plan, self.command, self.start_btn]
        self.frame.go(self.to_data_btn.click, "data")
        minutes, backbone = self.fields["minutes"], self.fields["backbone"]
        on(
            self.presets.input,
            lambda _, values: {minutes: values[self.presets]},
            reads=[self.presets],
            writes=[minutes],
        )
        on(
            backbone.input,
            self._fit_method,
            reads=[backbone, self.fields["method"]],
            writes=[self.fields["method"], self.message],
            message=self.message,
        )
        on(
            self.fields["method"].input,
            self._fit_backbone,
            reads=[backbone, self.fields["method"]],
            writes=[backbone],
            message=self.message,
        )
        on(
            self.lr_mode.change,
            lambda _, values: {self.fields["lr"]: gr.Number(visible=values[self.lr_mode] == "own")},
            reads=[self.lr_mode],
            writes=[self.fields["lr"]],
        )
        on(
            self.textbook_btn.click,
            self._textbook,
            writes=[*reads, self.presets],
            message=self.message,
        )
        changes = [component.change for component in (*self.fields.values(), self.lr_mode)]
        on(
            lambda fn, **options: gr.on(changes, fn, **options),
            self._preview,
            reads=reads,
            writes=seen,
            trigger_mode="always_last",
        )
        on(
            self.start_btn.click,
            self._start,
            reads=reads,
            writes=[self.frame.run, self.frame.steps],
            message=self.message,
        )
        on(self.frame.dataset.change, self.show_with, reads=reads, writes=self.outputs)

    def _fit_method(self, visitor: Visitor, values: Values) -> Updates:
        """A backbone without pretrained weights can only be trained from scratch."""
        method = self.fields["method"]
        card = BACKBONES[values[self.fields["backbone"]]].card
        if card is None:
            return {method: "scratch"}
        return {method: "quick"} if values[method] == "scratch" else {}

    def _fit_backbone(self, visitor: Visitor, values: Values) -> Updates:
        """A method that builds on pretrained weights needs a backbone that has some."""
        backbone = self.fields["backbone"]
        if values[self.fields["method"]] == "scratch" or BACKBONES[values[backbone]].card:
            return {}
        return {backbone: best_here() or PREFERRED[0]}

    def _textbook(self, visitor: Visitor, values: Values) -> Updates:
        fields = TEXTBOOK.to_json()
        updates: Updates = {
            component: fields[name] for name, component in self.fields.items() if name != "minutes"
        }
        updates[self.fields["lr"]] = gr.Number(value=TEXTBOOK.lr, visible=True)
        return {**updates, self.lr_mode: "own"}

    def _start(self, visitor: Visitor, values: Values) -> Updates:
        dataset = self.frame.shelf.require(visitor.owner, visitor.dataset)
        config = self._config(values)
        split_images(dataset.images(), config.seed)  # says now what the run would say later
        name = str(values[self.run_name] or "").strip()[:80]
        run_id = self.frame.manager.start(
            visitor.owner,
            config,
            dataset.folder,
            name=name or self._name(dataset, config, visitor.language),
            edits=dataset.current_edits(),
        )
        return {self.frame.run: run_id, self.frame.steps: gr.Tabs(selected="watch")}

    def _name(self, dataset: DataSet, config: ClassifierConfig, language: str) -> str:
        title = data_title(dataset.original().name, language)
        return f"{title} · {t(f'train.method_{config.method}', language)}"

    # ---- what is seen

    @property
    def outputs(self) -> list[Any]:
        """All that ``show_with`` may change."""
        return [self.data, self.to_data_btn, self.form, self.plan, self.command, self.start_btn]

    def show_with(self, visitor: Visitor, values: Values) -> Updates:
        """The form for the visitor's data, or the way to get data; ``values`` is the form so far."""
        dataset = self.frame.shelf.find(visitor.owner, visitor.dataset)
        language = visitor.language
        updates: Updates = {
            self.to_data_btn: gr.Button(visible=dataset is None),
            self.form: gr.Column(visible=dataset is not None),
        }
        if dataset is None:
            empty = empty_state(t("train.empty", language), t("train.empty_hint", language))
            return {**updates, self.data: empty}
        images = dataset.images()
        title = data_title(images.name, language)
        says = say(
            "train.data",
            language,
            name=title,
            pictures=f"{len(images):,}",
            classes=len(images.class_names),
        )
        return {
            **updates,
            self.data: f'<p class="learning-from">{says}</p>',
            **self._preview(visitor, values),
        }

    def _preview(self, visitor: Visitor, values: Values) -> Updates:
        """What pressing the button would do, or why it can't be pressed."""
        dataset = self.frame.shelf.find(visitor.owner, visitor.dataset)
        if dataset is None:
            return {}
        try:
            config, images = self._config(values), dataset.images()
            plan = plan_html(config, images, split_images(images, config.seed), visitor.language)
        except UserError as problem:
            return {
                self.plan: problem_html(problem, visitor.language),
                self.command: "",
                self.start_btn: gr.Button(interactive=False),
            }
        return {
            self.plan: plan,
            self.command: command_line(config, dataset),
            self.start_btn: gr.Button(interactive=True),
        }
