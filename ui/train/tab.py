"""Step 2: what shall grow, how, in which time, and one button."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from training.classifier.config import ClassifierConfig
from training.core.messages import UserError, t
from training.data.splits import is_for_generators
from training.gan.config import GanConfig
from training.jobs.datasets import DataSet
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.glossary import TERMS, explained
from ui.common.html import box, data_title, empty_state, problem_html, say
from ui.common.parts import CopyField
from ui.train.classifier_form import ClassifierForm
from ui.train.form import lined_choices
from ui.train.gan_form import GanForm

KINDS = (ClassifierConfig.kind, GanConfig.kind)
UNFIT = ("train.no_classes", "train.one_class", "train.small_class", "train.all_alike")
Drawn = Mapping[str, Hashable]


class TrainTab:
    """Components and handlers of the tab; built inside the page's context."""

    def __init__(self, app: AppContext) -> None:
        """Build the tab."""
        self.app = app
        self.message = gr.HTML()
        self.data = gr.HTML()
        make = app.i18n.make
        self.to_data_btn = make(
            gr.Button, {"value": "train.to_data_btn"}, variant="primary", elem_classes="empty-next"
        )
        with gr.Column(visible=False) as self.body:
            self.kind = make(
                gr.Radio,
                {
                    "label": "train.kind",
                    "choices": lined_choices(lambda kind: f"train.kind_{kind}", KINDS),
                },
                value=KINDS[0],
                elem_classes="kinds",
            )
            self.forms: dict[str, Any] = {}
            self.rooms: dict[str, tuple[gr.Column, gr.Column]] = {}
            times = {kind: gr.Column(visible=kind == KINDS[0]) for kind in KINDS}
            for kind, form in zip(KINDS, (ClassifierForm, GanForm), strict=True):
                with times[kind]:
                    self.forms[kind] = form(self.app)
            self.plan = gr.HTML(elem_classes="will")
            self.start_btn = make(
                gr.Button, {"value": "train.start_btn"}, variant="primary", elem_classes="start"
            )
            self.advice = gr.HTML()
            with make(gr.Accordion, {"label": "train.more"}, open=False):
                for kind in KINDS:
                    with gr.Column(visible=kind == KINDS[0]) as room:
                        self.forms[kind].build_more()
                    self.rooms[kind] = times[kind], room
                self.details = gr.HTML()
                self.command = CopyField(
                    self.app, {"label": "train.command"}, max_lines=4, elem_classes="command"
                )
        self._wire()

    @property
    def reads(self) -> list[Any]:
        """The form's components, which ``show`` reads."""
        return [self.kind, *(each for form in self.forms.values() for each in form.components)]

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` and ``refresh`` may change."""
        return [
            *(
                self.data,
                self.to_data_btn,
                self.body,
                *self._previewed,
            ),
            *(self.kind, *self._rooms, self.forms[GanConfig.kind].fields["start_from"]),
        ]

    @property
    def _rooms(self) -> list[gr.Column]:
        """What shows or hides with the kind that is chosen."""
        return [room for rooms in self.rooms.values() for room in rooms]

    @property
    def _previewed(self) -> list[Any]:
        """What ``_preview`` may change."""
        return [self.plan, self.advice, self.details, self.command.field, self.start_btn]

    # ---- what happens when

    def _wire(self) -> None:
        on = self.app.on
        self.app.go(self.to_data_btn.click, "data")
        for form in self.forms.values():
            form.wire(on)
        on(
            self.kind.change,
            lambda call: self._show_kind(call.values[self.kind]),
            reads=[self.kind],
            writes=self._rooms,
        )
        changes = [component.change for component in self.reads]
        on(
            lambda call, **options: gr.on(changes, call, **options),
            self._preview,
            reads=self.reads,
            writes=self._previewed,
            trigger_mode="always_last",
        )
        self.started = on(
            self.start_btn.click,
            self._start,
            reads=[*self.reads, *(form.run_name for form in self.forms.values())],
            writes=[self.app.run, self.app.steps],
            message=self.message,
        )
        on(self.app.dataset.change, self._arrive, reads=self.reads, writes=self.outputs)

    def _show_kind(self, kind: object) -> Updates:
        return {
            room: gr.Column(visible=name == kind)
            for name, rooms in self.rooms.items()
            for room in rooms
        }

    def _arrive(self, call: Call) -> Updates:
        """New pictures: where they are for generators only, that is what is offered."""
        dataset = self._dataset(call.visitor)
        if dataset is None or not is_for_generators(dataset.images()):
            return self.show(call)
        chosen = replace(call, values={**call.values, self.kind: GanConfig.kind})
        return {
            **self.show(chosen),
            self.kind: GanConfig.kind,
            **self._show_kind(GanConfig.kind),
        }

    def _start(self, call: Call) -> Updates:
        dataset = self.app.datasets.require(call.visitor.owner, call.visitor.dataset)
        form, language = self.forms[call.values[self.kind]], call.language
        config = form.config(call)
        form.plan(config, dataset, language)  # says now what the run would say later
        self.app.storage.make_room(call.visitor.owner, dataset.id)
        run_id = self.app.manager.start(
            call.visitor.owner,
            config,
            dataset.folder,
            name=form.name(call.values) or form.usual_name(config, dataset, language),
            edits=dataset.current_edits(),
        )
        return {self.app.run: run_id, self.app.steps: gr.Tabs(selected="watch")}

    # ---- what is seen

    def refresh(self, visitor: Visitor, drawn: Drawn) -> tuple[Updates, Drawn]:
        """The generators to start from, where they have changed. Called every second."""
        mine = self.app.manager.runs(visitor.owner)
        form = self.forms[GanConfig.kind]
        sources = form.sources(mine)
        ids = tuple(run.id for run in sources)
        names = tuple(run.info.name for run in sources)
        key, before = (visitor.language, ids, names), drawn.get("sources")
        if before == key:
            return {}, drawn
        # One that has been deleted may be the one that was chosen.
        gone = isinstance(before, tuple) and bool(set(before[1]) - set(ids))
        return form.show_sources(mine, visitor.language, gone), {**drawn, "sources": key}

    def show(self, call: Call) -> Updates:
        """The form for the visitor's data, as filled in so far, or the way to get data."""
        dataset, language = self._dataset(call.visitor), call.language
        updates: Updates = {
            self.to_data_btn: gr.Button(visible=dataset is None),
            self.body: gr.Column(visible=dataset is not None),
        }
        if dataset is None:
            empty = empty_state(t("train.empty", language), t("train.empty_hint", language))
            return {**updates, self.data: empty}
        images = dataset.images()
        says = say(
            "train.data" if len(images.class_names) > 1 else "train.data_flat",
            language,
            name=data_title(images.name, language),
            pictures=f"{len(images):,}",
            classes=len(images.class_names),
        )
        return {
            **updates,
            self.data: f'<p class="learning-from">{says}</p>',
            **self._preview(call),
        }

    def _preview(self, call: Call) -> Updates:
        """What pressing the button would do, or why it can't be pressed."""
        dataset, language = self._dataset(call.visitor), call.language
        if dataset is None:
            return {}
        form = self.forms[call.values[self.kind]]
        try:
            config = form.config(call)
            plan = form.plan(config, dataset, language)
        except UserError as problem:
            hint = box("plain", t("train.or_generator", language)) if problem.key in UNFIT else ""
            return {
                self.plan: problem_html(problem, language) + hint,
                **dict.fromkeys((self.advice, self.details, self.command.field), ""),
                self.start_btn: gr.Button(interactive=False),
            }
        return {
            self.plan: box("plain", explained(plan.says, language, *TERMS)),
            self.advice: box("advice", _list(plan.advice)) if plan.advice else "",
            self.details: box("plain", _list(plan.details)),
            self.command.field: form.command(config, dataset),
            self.start_btn: gr.Button(interactive=True),
        }

    def _dataset(self, visitor: Visitor) -> DataSet | None:
        return self.app.datasets.find(visitor.owner, visitor.dataset)


def _list(lines: Sequence[str]) -> str:
    """HTML lines below each other."""
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"
