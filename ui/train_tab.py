"""Step 2: a backbone, a method, a time budget, and one button."""

from __future__ import annotations

from typing import Any

import gradio as gr

from training.config import ClassifierConfig
from training.splits import split_images
from training.text import UserError, t
from ui.data_view import data_title
from ui.frame import Frame, Updates, Values, Visitor
from ui.session import DataSet
from ui.text import empty_state, problem_html, say
from ui.train_form import PRESETS, TrainForm
from ui.train_plan import command_line, plan_html


class TrainTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Build the tab."""
        self.frame = frame
        self.message = gr.HTML()
        self.data = gr.HTML()
        make = frame.words.make
        self.to_data_btn = make(
            gr.Button, {"value": "train.to_data_btn"}, variant="primary", elem_classes="empty-next"
        )
        with gr.Column(visible=False) as self.body:
            self.form = TrainForm(frame.words)
            self.plan = gr.HTML()
            self.start_btn = make(
                gr.Button, {"value": "train.start_btn"}, variant="primary", elem_classes="start"
            )
            with make(gr.Accordion, {"label": "train.command"}, open=False):
                self.command = make(
                    gr.Textbox,
                    {"label": "train.command"},
                    show_label=False,
                    interactive=False,
                    buttons=["copy"],
                    max_lines=4,
                    elem_classes="command",
                    container=False,
                )
        self._wire()

    @property
    def reads(self) -> list[Any]:
        """The form's components, which ``show`` reads."""
        return self.form.components

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [self.data, self.to_data_btn, self.body, self.plan, self.command, self.start_btn]

    # ---- what happens when

    def _wire(self) -> None:
        on, form, message = self.frame.on, self.form, self.message
        method, backbone = form.fields["method"], form.fields["backbone"]
        self.frame.go(self.to_data_btn.click, "data")
        on(
            backbone.input,
            lambda _, values: form.fit_method(values),
            reads=[backbone, method],
            writes=[method],
        )
        on(
            method.input,
            lambda _, values: form.fit_backbone(values),
            reads=[backbone, method],
            writes=[backbone],
        )
        on(form.textbook_btn.click, lambda *_: form.textbook(), writes=form.components)
        changes = [component.change for component in form.components]
        on(
            lambda call, **options: gr.on(changes, call, **options),
            self._preview,
            reads=self.reads,
            writes=[self.plan, self.command, self.start_btn],
            trigger_mode="always_last",
        )
        on(
            self.start_btn.click,
            self._start,
            reads=[*self.reads, form.run_name],
            writes=[self.frame.run, self.frame.steps],
            message=message,
        )
        on(self.frame.dataset.change, self.show, reads=self.reads, writes=self.outputs)
        self._wire_budget()

    def _wire_budget(self) -> None:
        """A preset writes its minutes; other minutes release the preset."""
        on, presets, minutes = self.frame.on, self.form.presets, self.form.fields["minutes"]
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
        on(
            self.form.lr_mode.change,
            lambda _, values: {
                self.form.fields["lr"]: gr.Number(visible=values[self.form.lr_mode] == "own")
            },
            reads=[self.form.lr_mode],
            writes=[self.form.fields["lr"]],
        )

    def _start(self, visitor: Visitor, values: Values) -> Updates:
        dataset = self.frame.shelf.require(visitor.owner, visitor.dataset)
        config = self.form.config(values)
        split_images(dataset.images(), config.seed)  # says now what the run would say later
        name = str(values[self.form.run_name] or "").strip()[:80]
        run_id = self.frame.manager.start(
            visitor.owner,
            config,
            dataset.folder,
            name=name or run_name(dataset, config, visitor.language),
            edits=dataset.current_edits(),
        )
        return {self.frame.run: run_id, self.frame.steps: gr.Tabs(selected="watch")}

    # ---- what is seen

    def show(self, visitor: Visitor, values: Values) -> Updates:
        """The form for the visitor's data, as filled in so far, or the way to get data."""
        dataset, language = self._dataset(visitor), visitor.language
        updates: Updates = {
            self.to_data_btn: gr.Button(visible=dataset is None),
            self.body: gr.Column(visible=dataset is not None),
        }
        if dataset is None:
            empty = empty_state(t("train.empty", language), t("train.empty_hint", language))
            return {**updates, self.data: empty}
        images = dataset.images()
        says = say(
            "train.data",
            language,
            name=data_title(images.name, language),
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
        dataset = self._dataset(visitor)
        if dataset is None:
            return {}
        try:
            config, images = self.form.config(values), dataset.images()
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

    def _dataset(self, visitor: Visitor) -> DataSet | None:
        return self.frame.shelf.find(visitor.owner, visitor.dataset)


def run_name(dataset: DataSet, config: ClassifierConfig, language: str) -> str:
    """What to call a run that its owner did not name."""
    title = data_title(dataset.original().name, language)
    return f"{title} · {t(f'train.method_{config.method}', language)}"
