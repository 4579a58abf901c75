"""The sliders of the latent page: all that decides the picture, read and shown as a recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from models.latent import LAYER_PARTS, draw_latents
from training.recipe import FIXED_NOISE, MOST_SEED, NO_NOISE, PSI_BOUNDS, Recipe
from training.sample import Sampler
from training.text import t
from ui.frame import Frame, Updates, Values

FIRST, MORE, NUMBERS = 8, 8, 8  # sliders of directions, further ones, and of single numbers of z
REACH, NUMBER_REACH = 3.0, 4.0
STEP, NUMBER_STEP = 0.05, 0.01
ALL, NONE = "", -1
NOISES = ("fixed", "none", "other")
OTHER_NOISE = 1  # the seed of another pattern


class Controls:
    """Built inside the page's context."""

    def __init__(self, frame: Frame) -> None:
        """Sliders first; what fewer people want is folded away."""
        self.make = frame.words.make
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
            elem_id=f"direction-{number}",
            elem_classes="direction",
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
                    maximum=MOST_SEED,
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
            )
            for number in range(NUMBERS)
        ]

    # ---- what they are

    @property
    def sliders(self) -> list[gr.Slider]:
        """What is dragged, and settles when it is let go."""
        return [*self.directions, self.way, self.psi, self.class_share, *self.numbers]

    @property
    def choices(self) -> list[Any]:
        """What is chosen, and settles at once."""
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

    def read(self, values: Values, base: Recipe, sampler: Sampler) -> Recipe:
        """The recipe of what the sliders say; what has no slider is as in ``base``."""
        steps = {index: step for index, step in base.steps.items() if index >= len(self.directions)}
        steps |= {
            index: float(values[slider])
            for index, slider in enumerate(self.directions)
            if values[slider]
        }
        recipe = replace(base, steps=steps, psi=float(values[self.psi]))
        recipe = self._read_numbers(values, recipe, sampler)
        if recipe.other is not None:
            recipe = replace(recipe, share=float(values[self.way]))
        if sampler.class_names:
            recipe = replace(recipe, classes=self._read_classes(values))
        if sampler.space.parts:
            recipe = replace(recipe, **self._read_styles(values))
        return recipe

    def _read_numbers(self, values: Values, recipe: Recipe, sampler: Sampler) -> Recipe:
        """A slider that stands where the drawn number is, within its step, changes nothing."""
        if recipe.w:
            return recipe
        first, drawn = _first(values[self.first], sampler), _numbers(recipe, sampler)
        changed = dict(recipe.coordinates)
        for index, slider in enumerate(self.numbers, first):
            if index < sampler.latent_size and abs(values[slider] - _shown(drawn[index])) > 1e-6:
                changed[index] = float(values[slider])
        return replace(recipe, coordinates=changed)

    def _read_classes(self, values: Values) -> dict[int, float]:
        one, other = int(values[self.class_a] or 0), int(values[self.class_b] or 0)
        share = float(values[self.class_share])
        if other == one or share == 0:
            return {one: 1.0}
        return {other: 1.0} if share == 1 else {one: 1 - share, other: share}

    def _read_styles(self, values: Values) -> dict[str, Any]:
        mix_seed, noise = values[self.mix_seed], str(values[self.noise])
        return {
            "part": str(values[self.part] or ""),
            "mix_seed": int(mix_seed) if mix_seed is not None and mix_seed >= 0 else None,
            "mix_part": str(values[self.mix_part]),
            "noise": (FIXED_NOISE, NO_NOISE, OTHER_NOISE)[NOISES.index(noise)],
        }

    def show(self, recipe: Recipe, sampler: Sampler, first: object = 1) -> Updates:
        """Put every slider where ``recipe`` has it."""
        updates: Updates = {
            slider: max(-REACH, min(REACH, recipe.steps.get(index, 0.0)))
            for index, slider in enumerate(self.directions)
        }
        updates[self.psi] = recipe.psi
        updates[self.way] = gr.Slider(value=recipe.share, visible=recipe.other is not None)
        updates |= self.show_numbers(recipe, sampler, first)
        if sampler.class_names:
            classes = recipe.classes or {recipe.seed % len(sampler.class_names): 1.0}
            (one, weight), (other, rest) = _two(classes, len(sampler.class_names))
            share = rest / (weight + rest)
            updates |= {self.class_a: one, self.class_b: other, self.class_share: share}
        noise = {FIXED_NOISE: 0, NO_NOISE: 1}.get(recipe.noise, 2)
        return {
            **updates,
            self.part: recipe.part,
            self.mix_seed: NONE if recipe.mix_seed is None else recipe.mix_seed,
            self.mix_part: recipe.mix_part,
            self.noise: NOISES[noise],
        }

    def show_numbers(self, recipe: Recipe, sampler: Sampler, first: object) -> Updates:
        """Single numbers of ``z``, from the ``first`` (counted from 1) on."""
        drawn, start = _numbers(recipe, sampler), _first(first, sampler)
        updates: Updates = {self.first: start + 1}
        for index, slider in enumerate(self.numbers, start):
            there = index < sampler.latent_size and not recipe.w
            value = recipe.coordinates.get(index, _shown(drawn[index])) if there else 0.0
            value = max(-NUMBER_REACH, min(NUMBER_REACH, value))
            updates[slider] = gr.Slider(value=value, label=f"z {index + 1}", visible=there)
        return updates

    def fit(self, sampler: Sampler, names: Mapping[int, str], language: str) -> Updates:
        """Show what this model has, and call it what it is called."""
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
    """What a slider is called."""
    return names.get(index) or t("latent.direction", language, number=index + 1)


def part_choices(language: str, *, all_too: bool = False) -> list[tuple[str, str]]:
    """The parts of a style network's layers."""
    parts = [ALL, *LAYER_PARTS] if all_too else LAYER_PARTS
    return [(t(f"latent.part_{part or 'all'}", language), part) for part in parts]


def noise_choices(language: str) -> list[tuple[str, str]]:
    """What may become of a style network's noise."""
    return [(t(f"latent.noise_{noise}", language), noise) for noise in NOISES]


def _numbers(recipe: Recipe, sampler: Sampler) -> Sequence[float]:
    """``z`` before any coordinate was set by hand."""
    if recipe.z:
        return recipe.z
    drawn: list[float] = draw_latents([recipe.seed], sampler.latent_size)[0].tolist()
    return drawn


def _shown(number: float) -> float:
    """Where a slider stands for a number that it can't show exactly."""
    return max(-NUMBER_REACH, min(NUMBER_REACH, round(number, 2)))


def _first(value: object, sampler: Sampler) -> int:
    wanted = int(value) - 1 if isinstance(value, (int, float)) and math.isfinite(value) else 0
    return min(max(0, wanted), max(0, sampler.latent_size - 1))


def _two(classes: Mapping[int, float], count: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """The two of ``count`` classes that weigh most; beside one alone stands the next one."""
    most = sorted(classes.items(), key=lambda each: -each[1])[:2]
    return most[0], most[1] if len(most) == 2 else ((most[0][0] + 1) % count, 0.0)
