"""Sliders to a recipe and back.

All that decides the picture of the latent page, for generators of every family.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from models.latent import LAYER_PARTS
from training.core.messages import UserError, t
from training.latent.recipe import FIXED_NOISE, MAX_SEED, NO_NOISE, PSI_BOUNDS, Recipe
from training.latent.sampler import GanSampler
from ui.common.context import AppContext, Updates, Values
from ui.latent.moves import (
    FIRST,
    MORE,
    NUMBER_REACH,
    NUMBERS,
    OTHER_NOISE,
    REACH,
    classes_shown,
    differs,
    drawn_numbers,
    fitted,
    move,
    shown_number,
)

STEP, NUMBER_STEP = 0.05, 0.01
ALL, NONE = "", -1
NOISES = ("fixed", "none", "other")
NOISE_SEEDS = (FIXED_NOISE, NO_NOISE, OTHER_NOISE)


class SliderPanel:
    """Every control that a recipe is read from; those that a model lacks are hidden."""

    def __init__(self, app: AppContext) -> None:
        self.make = app.i18n.make
        self.directions = [self._direction(number) for number in range(FIRST)]
        self.way = self.make(
            gr.Slider,
            {"label": "latent.way", "info": "latent.way_info"},
            minimum=0,
            maximum=1,
            value=0,
            step=0.01,
            buttons=[],
            visible=False,
            **_steers("way"),
        )
        self._build_classes()
        self.psi = self.make(
            gr.Slider,
            {"label": "gan.psi", "info": "gan.psi_info"},
            minimum=PSI_BOUNDS[0],
            maximum=PSI_BOUNDS[1],
            value=1.0,
            step=STEP,
            buttons=[],
            **_steers("psi"),
        )
        self._build_styles()
        with self.make(gr.Accordion, {"label": "latent.more"}, open=False):
            self.directions += [self._direction(number) for number in range(FIRST, FIRST + MORE)]
            with self.make(gr.Accordion, {"label": "latent.numbers"}, open=False):
                self._build_numbers()

    def _direction(self, number: int) -> gr.Slider:
        return self.make(
            gr.Slider,
            {"label": lambda language: direction_label(number, {}, language)},
            minimum=-REACH,
            maximum=REACH,
            value=0.0,
            step=STEP,
            buttons=[],
            **_steers(f"direction-{number}"),
        )

    def _build_classes(self) -> None:
        with gr.Row(visible=False) as self.class_row:
            self.class_a = self.make(
                gr.Dropdown, {"label": "latent.class"}, filterable=False, min_width=130
            )
            self.class_b = self.make(
                gr.Dropdown, {"label": "latent.class_mix"}, filterable=False, min_width=130
            )
            self.class_share = self.make(
                gr.Slider,
                {"label": "latent.class_share"},
                minimum=0,
                maximum=1,
                value=0,
                step=0.01,
                buttons=[],
                min_width=160,
                **_steers("class-share"),
            )

    def _build_styles(self) -> None:
        with self.make(
            gr.Accordion, {"label": "latent.styles"}, open=False, visible=False
        ) as self.style_body:
            self.part = self.make(
                gr.Radio,
                {"label": "latent.part", "choices": lambda lang: part_choices(lang, all_too=True)},
                value=ALL,
                elem_classes="pills",
            )
            with gr.Row():
                self.mix_seed = self.make(
                    gr.Number,
                    {"label": "latent.mix_seed", "info": "latent.mix_seed_info"},
                    value=NONE,
                    precision=0,
                    minimum=NONE,
                    maximum=MAX_SEED,
                    step=1,
                    min_width=160,
                )
                self.mix_part = self.make(
                    gr.Radio,
                    {"label": "latent.mix_part", "choices": part_choices},
                    value=LAYER_PARTS[0],
                    elem_classes="pills",
                    min_width=200,
                )
            self.noise = self.make(
                gr.Radio,
                {"label": "latent.noise", "choices": noise_choices},
                value=NOISES[0],
                elem_classes="pills",
            )

    def _build_numbers(self) -> None:
        self.first = self.make(
            gr.Number,
            {"label": "latent.first_number"},
            value=1,
            precision=0,
            minimum=1,
            step=NUMBERS,
        )
        self.numbers = [
            gr.Slider(
                label=f"z {number + 1}",
                minimum=-NUMBER_REACH,
                maximum=NUMBER_REACH,
                value=0.0,
                step=NUMBER_STEP,
                buttons=[],
                **_steers(f"number-{number}"),
            )
            for number in range(NUMBERS)
        ]

    # ---- what they are

    @property
    def steering(self) -> dict[str, gr.Slider]:
        """The sliders by the names that ``move`` knows and the page's script sends."""
        return {str(slider.elem_id): slider for slider in self.sliders}

    @property
    def sliders(self) -> list[gr.Slider]:
        """What is dragged: a move goes the short way, see ``PicturePanel.steer``."""
        return [*self.directions, self.way, self.psi, self.class_share, *self.numbers]

    @property
    def choices(self) -> list[Any]:
        """What is chosen or typed, and settles at once."""
        return [
            *(self.class_a, self.class_b, self.part),
            *(self.mix_seed, self.mix_part, self.noise),
        ]

    @property
    def reads(self) -> list[Component]:
        """All that ``read`` needs."""
        return [*self.sliders, *self.choices, self.first]

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` and ``fit`` may change."""
        return [*self.reads, self.class_row, self.style_body]

    # ---- there and back

    def read(self, values: Values, base: Recipe, sampler: GanSampler) -> Recipe:
        """The recipe that the controls stand at; what has no control is as in ``base``."""
        recipe = base
        if sampler.class_names:
            chosen = (int(values[each] or 0) for each in (self.class_a, self.class_b))
            recipe = replace(recipe, classes=dict.fromkeys(chosen, 1.0))
        if sampler.space.parts:
            recipe = replace(recipe, **self._read_styles(values))
        moves = {
            name: self.within(name, values[slider])
            for name, slider in self.steering.items()
            if slider not in self.numbers
        }
        recipe = move(recipe, moves, sampler)
        return recipe if recipe.w else self._read_numbers(values, recipe, sampler)

    def within(self, name: str, value: object) -> float:
        """``value``, a browser's claim, within the bounds of a slider; 0 for what is no number."""
        slider = self.steering.get(name)
        if slider is None:
            raise UserError("latent.no_recipe")
        number = float(value) if isinstance(value, (int, float)) else 0.0
        if not math.isfinite(number):
            number = 0.0
        return min(float(slider.maximum), max(float(slider.minimum), number))

    def _read_numbers(self, values: Values, recipe: Recipe, sampler: GanSampler) -> Recipe:
        """A slider that stands where the drawn number is, within its step, changes nothing."""
        first, drawn = self.first_index(values, sampler), drawn_numbers(recipe, sampler)
        changed = dict(recipe.coordinates)
        for index, slider in enumerate(self.numbers, first):
            changed.pop(index, None)
            wanted = self.within(str(slider.elem_id), values[slider])
            if index < sampler.latent_size and differs(wanted, drawn[index]):
                changed[index] = wanted
        return replace(recipe, coordinates=changed)

    def _read_styles(self, values: Values) -> dict[str, Any]:
        mix_seed, noise = seed_from(values[self.mix_seed]), str(values[self.noise])
        return {
            "part": str(values[self.part] or ""),
            "mix_seed": mix_seed,
            "mix_part": str(values[self.mix_part]),
            "noise": NOISE_SEEDS[NOISES.index(noise)],
        }

    def show(self, recipe: Recipe, sampler: GanSampler, first: object = 1) -> Updates:
        """Put every control where ``recipe`` has it; ``first`` is as in ``show_numbers``."""
        recipe = fitted(recipe, sampler)
        updates: Updates = {
            slider: recipe.steps.get(index, 0.0) for index, slider in enumerate(self.directions)
        }
        updates[self.psi] = recipe.psi
        updates[self.way] = gr.Slider(value=recipe.share, visible=recipe.other is not None)
        updates |= self.show_numbers(recipe, sampler, first)
        if sampler.class_names:
            (one, _), (other, share) = classes_shown(recipe, sampler)
            updates |= {self.class_a: one, self.class_b: other, self.class_share: share}
        return {
            **updates,
            self.part: recipe.part,
            self.mix_seed: NONE if recipe.mix_seed is None else recipe.mix_seed,
            self.mix_part: recipe.mix_part,
            self.noise: dict(zip(NOISE_SEEDS, NOISES, strict=True))[recipe.noise],
        }

    def first_index(self, values: Values, sampler: GanSampler) -> int:
        """Which number of ``z`` the first of those sliders is, counted from 0."""
        return _first(values[self.first], sampler)

    def show_numbers(self, recipe: Recipe, sampler: GanSampler, first: object) -> Updates:
        """Single numbers of ``z``, from the ``first`` (counted from 1) on."""
        drawn, start = drawn_numbers(recipe, sampler), _first(first, sampler)
        updates: Updates = {self.first: start + 1}
        for index, slider in enumerate(self.numbers, start):
            there = index < sampler.latent_size and not recipe.w
            value = recipe.coordinates.get(index, shown_number(drawn[index])) if there else 0.0
            updates[slider] = gr.Slider(value=value, label=f"z {index + 1}", visible=there)
        return updates

    def fit(self, sampler: GanSampler, names: Mapping[int, str], language: str) -> Updates:
        """Show the controls that this model has, its directions by their ``names``."""
        count = len(sampler.directions.vectors)
        classes = [(name, index) for index, name in enumerate(sampler.class_names)]
        return {
            **{
                slider: gr.Slider(
                    label=direction_label(index, names, language), visible=index < count
                )
                for index, slider in enumerate(self.directions)
            },
            self.class_row: gr.Row(visible=bool(classes)),
            self.class_a: gr.Dropdown(choices=classes),
            self.class_b: gr.Dropdown(choices=classes),
            self.style_body: gr.Accordion(visible=bool(sampler.space.parts)),
            self.first: gr.Number(maximum=sampler.latent_size),
        }


def direction_label(index: int, names: Mapping[int, str], language: str) -> str:
    """The name that a person gave a direction, else its number, counted from 1."""
    return names.get(index) or t("latent.direction", language, number=index + 1)


def seed_from(value: object) -> int | None:
    """What was typed as a seed, ``MAX_SEED`` at most; ``None`` for no number or a negative."""
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:  # NaN is never within
        return None
    return min(MAX_SEED, int(value))


def part_choices(language: str, *, all_too: bool = False) -> list[tuple[str, str]]:
    """(name, part) of a style network's layers; ``all_too`` puts all of them first."""
    parts = [ALL, *LAYER_PARTS] if all_too else LAYER_PARTS
    return [(t(f"latent.part_{part or 'all'}", language), part) for part in parts]


def noise_choices(language: str) -> list[tuple[str, str]]:
    """(name, choice) of what may become of a style network's noise; see ``NOISE_SEEDS``."""
    return [(t(f"latent.noise_{noise}", language), noise) for noise in NOISES]


def _first(value: object, sampler: GanSampler) -> int:
    wanted = int(value) - 1 if isinstance(value, (int, float)) and math.isfinite(value) else 0
    return min(max(0, wanted), max(0, sampler.latent_size - 1))


def _steers(name: str) -> dict[str, Any]:
    """Mark a slider for the page's script, which sends moves by ``elem_id``."""
    return {"elem_id": name, "elem_classes": "steers"}
