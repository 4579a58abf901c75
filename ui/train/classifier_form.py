"""The form of step 2 for a classifier: every field of ``ClassifierConfig``, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from models.registry import BACKBONES
from training.classifier.config import (
    AUGMENTATIONS,
    METHODS,
    OPTIMIZERS,
    SCHEDULES,
    TEXTBOOK,
    ClassifierConfig,
    default_config,
)
from training.core.messages import UserError, t
from training.data.splits import split_images
from training.jobs.datasets import DataSet
from ui.common.context import Frame, Updates, Values, Visitor
from ui.train.classifier_plan import command_line, plan_html, run_name
from ui.train.form import Form, backbone_label, choices_of, lined_choices

WHOLE = ("batch_size", "seed", "image_size", "images")
NUMBERS = ("batch_size", "weight_decay", "layer_decay", "label_smoothing", "l2_sp")
NUMBERS_LAST = ("seed", "image_size", "images")
ZERO_IS_NONE = ("image_size", "images")


class TrainForm(Form):
    """The components, by the names of the config's fields in ``fields``."""

    def __init__(self, frame: Frame) -> None:
        """Build the form where the page stands."""
        super().__init__(frame.words, default_config(), lambda name: f"train.{name}")
        self.build_budget()
        self._build_method()
        with self.words.make(gr.Accordion, {"label": "train.more"}, open=False):
            self._build_more()

    @property
    def components(self) -> list[Any]:
        """All that ``config`` reads."""
        return [*self.fields.values(), self.lr_mode]

    def _build_method(self) -> None:
        with gr.Row():
            with gr.Column(scale=2):
                self.field("backbone", gr.Dropdown, backbone_choices, filterable=False)
                self.build_textbook("train.textbook_note")
            with gr.Column(scale=3):
                methods = lined_choices(lambda name: f"train.method_{name}", METHODS)
                self.field("method", gr.Radio, methods, elem_classes="methods")

    def _build_more(self) -> None:
        make = self.words.make
        with gr.Row():
            self.build_name()
            self.lr_mode = make(
                gr.Radio,
                {"label": "train.lr_mode", "choices": choices_of("train", "lr", ("find", "own"))},
                value="find",
            )
            self.field("lr", gr.Number, value=TEXTBOOK.lr, step=0.0001, visible=False)
        with gr.Row():
            for name, options in (
                ("optimizer", OPTIMIZERS),
                ("schedule", SCHEDULES),
                ("augment", AUGMENTATIONS),
            ):
                self.field(name, gr.Dropdown, choices_of("train", name, options), filterable=False)
        with gr.Row():
            for name in ("mirror", "class_weights", "grow"):
                self.field(name, gr.Checkbox)
        for names in (NUMBERS, NUMBERS_LAST):
            with gr.Row():
                for name in names:
                    whole = name in WHOLE
                    value = getattr(self.usual, name) or 0
                    digits, step = (0, 1) if whole else (None, 0.01)
                    self.field(
                        name, gr.Number, value=value, precision=digits, step=step, min_width=170
                    )

    # ---- what happens when

    def wire(self, on: Callable[..., Any]) -> None:
        """What one field does to another."""
        method, backbone, lr = (self.fields[name] for name in ("method", "backbone", "lr"))
        both = [backbone, method]
        on(backbone.input, lambda _, v: self.fit_method(v), reads=both, writes=[method])
        on(method.input, lambda _, v: self.fit_backbone(v), reads=both, writes=[backbone])
        on(self.textbook_btn.click, lambda *_: self.textbook(), writes=self.components)
        on(
            self.lr_mode.change,
            lambda _, values: {lr: gr.Number(visible=values[self.lr_mode] == "own")},
            reads=[self.lr_mode],
            writes=[lr],
        )
        self.wire_budget(on)

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

    # ---- what the form says

    def config(self, visitor: Visitor, values: Values) -> ClassifierConfig:
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

    def plan(self, config: ClassifierConfig, dataset: DataSet, language: str) -> str:
        """What pressing the button will do.

        Raises:
            UserError: a classifier can't learn from these pictures.
        """
        images = dataset.images()
        return plan_html(config, images, split_images(images, config.seed), language)

    def command(self, config: ClassifierConfig, dataset: DataSet) -> str:
        """The same training from a terminal."""
        return command_line(config, dataset)

    def usual_name(self, config: ClassifierConfig, dataset: DataSet, language: str) -> str:
        """What to call a run that its owner did not name."""
        return run_name(dataset, t(f"train.method_{config.method}", language), language)


def backbone_choices(language: str) -> list[tuple[str, str]]:
    """Every backbone with what it costs to have."""
    return [(backbone_label(name, language), name) for name in BACKBONES]
