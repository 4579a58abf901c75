"""The form of step 2 for a classifier: every field of ``ClassifierConfig``, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from models.registry import BACKBONES
from training.classifier.config import METHODS, TEXTBOOK, ClassifierConfig, default_config
from training.core.messages import UserError, t
from training.data.splits import split_images
from training.jobs.datasets import DataSet
from ui.common.context import AppContext, Call, Updates
from ui.train.classifier_plan import StartPreview, classifier_plan, command_line, run_name
from ui.train.form import Form, backbone_label, choices_of, lined_choices

ROWS = (
    ("optimizer", "schedule", "augment"),
    ("mirror", "class_weights", "grow"),
    ("batch_size", "weight_decay", "layer_decay", "label_smoothing", "l2_sp"),
    ("seed", "image_size", "images"),
)


class ClassifierForm(Form):
    """The components, by the names of the config's fields in ``fields``."""

    def __init__(self, app: AppContext) -> None:
        """Build the presets of the time where the page stands."""
        super().__init__(app.i18n, default_config(), "train")
        self.build_budget()

    @property
    def components(self) -> list[Any]:
        """All that ``config`` reads."""
        return [*self.fields.values(), self.lr_mode]

    def build_more(self) -> None:
        """All fields but the presets of the time."""
        make = self.i18n.make
        self.build_first_row()
        with gr.Row():
            with gr.Column(scale=2):
                self.field("backbone", choices=backbone_choices)
                self.build_textbook("train.textbook_note")
            with gr.Column(scale=3):
                methods = lined_choices(lambda name: f"train.method_{name}", METHODS)
                self.field("method", gr.Radio, methods, elem_classes="methods")
        with gr.Row():
            self.lr_mode = make(
                gr.Radio,
                {"label": "train.lr_mode", "choices": choices_of("train", "lr", ("find", "own"))},
                value="find",
            )
            self.field("lr", value=TEXTBOOK.lr, visible=False)
        self.build_rows(*ROWS)

    # ---- what happens when

    def wire(self, on: Callable[..., Any]) -> None:
        """What one field does to another."""
        method, backbone, lr = (self.fields[name] for name in ("method", "backbone", "lr"))
        both = [backbone, method]
        on(backbone.input, self.fit_method, reads=both, writes=[method])
        on(method.input, self.fit_backbone, reads=both, writes=[backbone])
        on(self.textbook_btn.click, lambda call: self.textbook(), writes=self.components)
        on(
            self.lr_mode.change,
            lambda call: {lr: gr.Number(visible=call.values[self.lr_mode] == "own")},
            reads=[self.lr_mode],
            writes=[lr],
        )
        self.wire_budget(on)

    def textbook(self) -> Updates:
        """The textbook recipe, in the person's own time."""
        recipe = TEXTBOOK.to_json()
        updates: Updates = {
            component: self.settings[name].shown(recipe[name])
            for name, component in self.fields.items()
            if name not in ("minutes", "lr")
        }
        updates[self.fields["lr"]] = gr.Number(value=TEXTBOOK.lr, visible=True)
        return {**updates, self.lr_mode: "own"}

    def fit_method(self, call: Call) -> Updates:
        """A backbone without pretrained weights can only be trained from scratch."""
        method, values = self.fields["method"], call.values
        if BACKBONES[values[self.fields["backbone"]]].card is None:
            return {method: "scratch"}
        return {method: "quick"} if values[method] == "scratch" else {}

    def fit_backbone(self, call: Call) -> Updates:
        """A method that builds on pretrained weights needs a backbone that has some."""
        backbone, values = self.fields["backbone"], call.values
        if values[self.fields["method"]] == "scratch" or BACKBONES[values[backbone]].card:
            return {}
        return {backbone: default_config(method=values[self.fields["method"]]).backbone}

    # ---- what the form says

    def config(self, call: Call) -> ClassifierConfig:
        """The form as a config.

        Raises:
            UserError: a field is empty or out of bounds, or the method needs other weights.
        """
        data = self.data(call.values)
        if call.values[self.lr_mode] == "find":
            data["lr"] = None
        elif data["lr"] is None:
            raise UserError("train.lr_missing")
        config = ClassifierConfig.from_json(data)
        if BACKBONES[config.backbone].card is None and config.method != "scratch":
            raise UserError("train.no_pretrained", backbone=config.backbone)
        return config

    def plan(self, config: ClassifierConfig, dataset: DataSet, language: str) -> StartPreview:
        """What pressing the button will do.

        Raises:
            UserError: a classifier can't learn from these pictures.
        """
        images = dataset.images()
        return classifier_plan(config, split_images(images, config.seed), language)

    def command(self, config: ClassifierConfig, dataset: DataSet) -> str:
        """The same training from a terminal."""
        return command_line(config, dataset)

    def usual_name(self, config: ClassifierConfig, dataset: DataSet, language: str) -> str:
        """What to call a run that its owner did not name."""
        return run_name(dataset, t(f"train.method_{config.method}", language), language)


def backbone_choices(language: str) -> list[tuple[str, str]]:
    """Every backbone with what it costs to have."""
    return [(backbone_label(name, language), name) for name in BACKBONES]
