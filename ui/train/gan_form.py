"""The form of step 2 for a generator: every field of ``GanConfig`` as a component, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from models.gans.registry import ARCHITECTURES, WIDTHS, list_architectures
from models.weights import read_card, shipped_folder, shipped_names
from training.core.messages import UserError, t
from training.core.settings import settings_of
from training.data.splits import split_for_generator
from training.gan.config import GAN_TEXTBOOK, GanConfig, d_backbones
from training.gan.transfer import SCRATCH, decide, default_start
from training.jobs.datasets import DataSet
from training.jobs.live import RunStatus
from ui.common.access import require_run, run_labels
from ui.common.context import AppContext, Call, Updates
from ui.common.html import shipped_label
from ui.train.classifier_plan import StartPreview, run_name
from ui.train.form import Form, backbone_label, lined_choices
from ui.train.gan_plan import command_line, gan_plan

FITTING = "fitting"  # to start from the shipped model that is built like this
ROWS = (
    ("batch_size", "lr", "d_lr_factor", "gamma"),
    ("augment_strength", "ema_half_life", "path_length", "freeze_d"),
    ("class_start", "seed", "images"),
)


class GanForm(Form):
    """The components, by the names of the config's fields in ``fields``."""

    def __init__(self, app: AppContext) -> None:
        """Build the presets of the time where the page stands."""
        super().__init__(app.i18n, GanConfig(), "gan")
        self.app = app
        self.build_budget()

    @property
    def components(self) -> list[Any]:
        """All that ``config`` reads."""
        return list(self.fields.values())

    def build_more(self) -> None:
        """All fields but the presets of the time."""
        self.build_first_row()
        with gr.Row():
            with gr.Column(scale=3):
                entries = lined_choices(lambda name: f"gan.arch_{name}", list_architectures())
                self.field("architecture", gr.Radio, entries, elem_classes="methods")
            with gr.Column(scale=2):
                self.field("resolution", gr.Radio, self._sizes, elem_classes="pills")
                self.field("loss", choices=loss_choices)
                self.field("start_from", choices=start_choices, value=FITTING, served=["choices"])
                self.field("conditional")
                self.build_textbook("gan.textbook_note")

        self.build_rows(("schedule", "augment", "penalty_form"))
        with gr.Row():
            self.field("d_backbone", choices=d_backbone_choices)
            self.field("width", choices=width_choices)
            self.field("mirror")
        self.build_rows(*ROWS)

    def _sizes(self, language: str) -> list[tuple[str, int]]:
        return [(f"{side} px", side) for side in self.settings["resolution"].choices]

    # ---- what happens when

    def wire(self, on: Callable[..., Any]) -> None:
        """What one field does to another."""
        architecture, resolution = (self.fields[n] for n in ("architecture", "resolution"))
        both = [architecture, resolution]
        on(architecture.input, self.fit_resolution, reads=both, writes=[resolution])
        on(resolution.input, self.fit_architecture, reads=both, writes=both)
        start = self.fields["start_from"]
        on(start.input, self._fit_source, reads=[start], writes=both)
        on(self.textbook_btn.click, lambda call: self.textbook(), writes=self.components)
        self.wire_budget(on)

    def fit_resolution(self, call: Call) -> Updates:
        """Not every network can be built for every size: take the nearest."""
        values = call.values
        sides = ARCHITECTURES[values[self.fields["architecture"]]].resolutions
        wanted = values[self.fields["resolution"]]
        if wanted in sides:
            return {}
        return {self.fields["resolution"]: min(sides, key=lambda side: abs(side - wanted))}

    def fit_architecture(self, call: Call) -> Updates:
        """A size that the chosen network can't be built for needs another network."""
        values = call.values
        architecture, wanted = self.fields["architecture"], values[self.fields["resolution"]]
        if wanted in ARCHITECTURES[values[architecture]].resolutions:
            return {}
        able = (name for name, entry in ARCHITECTURES.items() if wanted in entry.resolutions)
        usual = self.usual.architecture
        names = sorted(able, key=lambda name: name != usual)
        return {architecture: names[0]}

    def _fit_source(self, call: Call) -> Updates:
        """What starts from a network has to be built like it."""
        wanted = call.values[self.fields["start_from"]]
        built: Mapping[str, Any]
        if wanted in shipped_names("gan"):
            built = read_card(shipped_folder(wanted))["model"]["shape"]
        elif (source := self._source(call)) is not None:
            built = source.info.config
        else:
            return {}
        return {self.fields[name]: built[name] for name in ("architecture", "resolution")}

    def textbook(self) -> Updates:
        """The textbook recipe, in the person's own time."""
        recipe = GAN_TEXTBOOK.to_json()
        return {
            component: SCRATCH if name == "start_from" else self.settings[name].shown(recipe[name])
            for name, component in self.fields.items()
            if name != "minutes"
        }

    def sources(self, runs: Sequence[RunStatus]) -> list[RunStatus]:
        """Those of the runs that have a generator to start from, be it one that was cut short."""
        folder = self.app.manager.folder
        return [
            run for run in runs if run.info.kind == GanConfig.kind and folder(run.id).has_weights()
        ]

    def show_sources(self, mine: Sequence[RunStatus], language: str, forget: bool) -> Updates:
        """The visitor's generators as places to start from; ``forget`` what had been chosen."""
        labels = run_labels(mine)
        choices = start_choices(language) + [
            (t("gan.from_run", language, name=labels[run.id]), run.id) for run in self.sources(mine)
        ]
        dropdown = gr.Dropdown(choices=choices, value=FITTING) if forget else gr.Dropdown(choices)
        return {self.fields["start_from"]: dropdown}

    # ---- what the form says

    def _source(self, call: Call) -> RunStatus | None:
        """The run to start from, once it is sure that it is the visitor's generator.

        Raises:
            UserError: it is not.
        """
        wanted = call.values[self.fields["start_from"]]
        if wanted in (FITTING, SCRATCH):
            return None
        run_id = require_run(self.app.manager, call.visitor.owner, wanted)
        run = self.app.manager.status(run_id)
        if not self.sources([run]):
            raise UserError("page.no_such_run")
        return run

    def config(self, call: Call) -> GanConfig:
        """The form as a config.

        Raises:
            UserError: a field is empty or out of bounds, or the run to start from is gone.
        """
        data = self.data(call.values)
        wanted = data["start_from"]
        if wanted not in shipped_names("gan"):
            source = self._source(call)
            data["start_from"] = str(self.app.manager.folder(source.id).path) if source else ""
        try:
            config = GanConfig.from_json(data)
            if wanted == FITTING:
                dataset = self.app.datasets.find(call.visitor.owner, call.visitor.dataset)
                images = dataset.images() if dataset else None
                config = dataclasses.replace(config, start_from=default_start(config, images))
            return decide(config)
        except UserError as problem:  # called as this form calls it, not as the other one does
            named = dict(problem.what.values)
            if setting := self.settings.get(named.get("field", "")):
                named["field"] = setting.key
            raise UserError(problem.key, **named) from problem

    def plan(self, config: GanConfig, dataset: DataSet, language: str) -> StartPreview:
        """What pressing the button will do.

        Raises:
            UserError: a generator can't learn from these pictures.
        """
        images = dataset.images()
        return gan_plan(config, images, split_for_generator(images, config.seed), language)

    def command(self, config: GanConfig, dataset: DataSet) -> str:
        """The same training from a terminal."""
        return command_line(config, dataset)

    def usual_name(self, config: GanConfig, dataset: DataSet, language: str) -> str:
        """What to call a run that its owner did not name."""
        return run_name(dataset, t("gan.run_name", language), language)


def loss_choices(language: str) -> list[tuple[str, str]]:
    """The losses, and what leaves the choice to the network."""
    setting = settings_of(GanConfig)["loss"]
    names = (setting.empty, *setting.choices)
    return [(t(f"gan.loss_{name}", language), name) for name in names]


def d_backbone_choices(language: str) -> list[tuple[str, Any]]:
    """The pretrained backbones that a discriminator can look through, or none of them."""
    fitting = (t("gan.teacher_fitting", language), settings_of(GanConfig)["d_backbone"].empty)
    none = (t("gan.no_teacher", language), "")
    return [fitting, none, *((backbone_label(name, language), name) for name in d_backbones())]


def start_choices(language: str) -> list[tuple[str, str]]:
    """What everybody's generator can begin with."""
    usual = [(t("gan.from_fitting", language), FITTING), (t("gan.from_scratch", language), SCRATCH)]
    return usual + [(shipped_label(name, language), name) for name in shipped_names("gan")]


def width_choices(language: str) -> list[tuple[str, int]]:
    """The widths worth offering; 0 lets the planner choose."""
    return [(t(f"gan.width_{name}", language), n) for name, n in {"auto": 0, **WIDTHS}.items()]
