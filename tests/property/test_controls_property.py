"""What a control shows is what it means, there and back: sliders of any recipe, and forms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.latent import LAYER_PARTS
from tests.generators import lively_generator
from tests.visiting import MISSING, value_in
from training.classifier.config import ClassifierConfig
from training.core.settings import SWITCH, settings_of
from training.gan.config import GanConfig
from training.latent.recipe import MAX_SEED, Recipe, half_exact
from training.latent.sampler import GanSampler
from ui.common.i18n import I18n
from ui.latent.moves import FIRST, MORE, NUMBER_REACH, NUMBERS, REACH, move, neighbours
from ui.latent.sliders import SliderPanel
from ui.train.classifier_form import ClassifierForm
from ui.train.gan_form import GanForm

LATENT, NAMES = 16, ("bag", "boot", "coat")
FAMILIES = ("dcgan", "stylegan2")

seeds = st.integers(0, MAX_SEED)
shares = st.floats(0, 1)
steps = st.floats(-REACH, REACH).filter(bool)
vectors = st.lists(st.floats(-4, 4), min_size=LATENT, max_size=LATENT).map(
    lambda numbers: half_exact(torch.tensor(numbers))
)
mixes = st.tuples(st.permutations(range(len(NAMES))), shares).map(
    lambda drawn: {drawn[0][0]: 1 - drawn[1], drawn[0][1]: drawn[1]}
)
firsts = st.integers(1, LATENT)


@cache
def sampler(family: str, classes: bool = True) -> GanSampler:
    names = NAMES if classes else ()
    return GanSampler(lively_generator(family, len(names), latent_size=LATENT), names)


@cache
def slider_panel() -> SliderPanel:
    app: Any = SimpleNamespace(i18n=I18n("en"))
    with gr.Blocks():
        return SliderPanel(app)


@st.composite
def expressible(draw: st.DrawFn, family: str) -> Recipe:
    """A recipe that has a place on the sliders in all its parts."""
    styles: dict[str, Any] = {}
    if family == "stylegan2":
        styles = {
            "part": draw(st.sampled_from(("", *LAYER_PARTS))),
            "mix_seed": draw(st.none() | seeds),
            "mix_part": draw(st.sampled_from(LAYER_PARTS)),
            "noise": draw(st.sampled_from((-1, 0, 1))),
        }
    vector = draw(st.sampled_from(("", "z", "w") if styles else ("", "z")))
    if vector:
        styles[vector] = draw(vectors)
    numbers = st.dictionaries(st.integers(0, LATENT - 1), st.integers(-400, 400), max_size=4)
    other = draw(st.none() | st.builds(Recipe, seed=seeds, classes=mixes))
    return Recipe(
        seed=draw(seeds),
        # Halves of a slider's step: where a drawn number is shown, nothing was set by hand.
        coordinates={}
        if vector == "w"
        else {index: (x + 0.5) / 101 for index, x in draw(numbers).items()},
        steps=draw(st.dictionaries(st.integers(0, FIRST + MORE - 1), steps)),
        psi=draw(st.floats(-1, 1.5)),
        classes=draw(mixes),
        other=other,
        share=draw(shares) if other else 0.0,
        **styles,
    )


family_and_recipe = st.sampled_from(FAMILIES).flatmap(
    lambda family: st.tuples(st.just(family), expressible(family))
)


def shown(recipe: Recipe, painter: GanSampler, first: object) -> dict[Any, Any]:
    """What stands in the controls."""
    panel = slider_panel()
    said = {each: value_in(x) for each, x in panel.show(recipe, painter, first).items()}
    values = {each: each.value for each in panel.reads}
    return {**values, **{each: value for each, value in said.items() if value is not MISSING}}


def back(recipe: Recipe, base: Recipe, painter: GanSampler, first: int = 1) -> Recipe:
    """The recipe as the controls show it, read again."""
    return slider_panel().read(shown(recipe, painter, first), base, painter)


@settings(deadline=None)
@given(given_one=family_and_recipe, first=firsts)
def test_what_is_shown_is_what_is_read(given_one: tuple[str, Recipe], first: int) -> None:
    family, recipe = given_one
    assert back(recipe, recipe, sampler(family), first) == recipe


@settings(deadline=None)
@given(given_one=family_and_recipe, first=firsts)
def test_what_has_a_control_is_read_from_it(given_one: tuple[str, Recipe], first: int) -> None:
    """Whatever was there before: only what has no control is taken from that."""
    family, recipe = given_one
    window = range(first - 1, first - 1 + NUMBERS)
    before = Recipe(
        seed=recipe.seed,
        z=recipe.z,
        w=recipe.w,
        coordinates={k: x for k, x in recipe.coordinates.items() if k not in window} | {0: 1.25}
        if 0 in window and not recipe.w
        else {k: x for k, x in recipe.coordinates.items() if k not in window},
        steps={0: 2.0, 7: -1.0},
        psi=0.3,
        classes={2: 1.0},
        other=recipe.other,
        share=0.9,
    )
    assert back(recipe, before, sampler(family), first) == recipe


@settings(deadline=None)
@given(
    given_one=family_and_recipe,
    classes=st.just({}) | mixes | st.dictionaries(st.integers(0, 2), st.floats(0.01, 1)),
    far=st.floats(-6, 6),
    noise=st.integers(-1, MAX_SEED),
)
def test_reading_again_changes_nothing_more(
    given_one: tuple[str, Recipe], classes: dict[int, float], far: float, noise: int
) -> None:
    """Of any recipe, also of one that no slider could have made."""
    family, recipe = given_one
    noise = noise if family == "stylegan2" else 0
    steps = {**recipe.steps, 1: far} if far else recipe.steps
    wild = replace(recipe, classes=classes, steps=steps, noise=noise)
    once = back(wild, wild, sampler(family))
    assert back(once, once, sampler(family)) == once
    assert abs(once.steps.get(1, 0.0)) <= REACH


@settings(deadline=None)
@given(given_one=family_and_recipe, label=st.none() | st.integers(0, 2))
def test_showing_a_picture_does_not_change_it(
    given_one: tuple[str, Recipe], label: int | None
) -> None:
    """Also where its classes are not said, or one alone."""
    family, recipe = given_one
    painter = sampler(family)
    plain = replace(recipe, classes={} if label is None else {label: 1.0})
    one, other = (painter.paint([each])[0] for each in (plain, back(plain, plain, painter)))
    assert int((one.int() - other.int()).abs().max()) <= 1


@settings(deadline=None)
@given(given_one=family_and_recipe, name=st.data())
def test_a_slider_means_the_same_by_both_ways(
    given_one: tuple[str, Recipe], name: st.DataObject
) -> None:
    family, recipe = given_one
    painter, panel = sampler(family), slider_panel()
    sliders = panel.steering
    if recipe.w:  # has no single numbers
        sliders = {key: each for key, each in sliders.items() if each not in panel.numbers}
    chosen = name.draw(st.sampled_from(sorted(sliders)))
    low, high = sliders[chosen].minimum, sliders[chosen].maximum
    value = name.draw(st.floats(low, high))
    if sliders[chosen] in panel.numbers:
        drawn = shown(recipe, painter, 1)[sliders[chosen]]
        value = value if abs(value - drawn) > NUMBER_REACH / 400 else drawn + 0.0123
        value = min(NUMBER_REACH, value)
    values = {**shown(recipe, painter, 1), sliders[chosen]: value}
    short = move(recipe, {chosen: value}, painter)
    long = panel.read(values, recipe, painter)
    if chosen.startswith("number"):
        index = int(chosen.partition("-")[2])
        assert short.coordinates[index] == value
        untouched = Recipe(seed=recipe.seed, z=recipe.z)
        if abs(value - shown(untouched, painter, 1)[sliders[chosen]]) <= 1e-6:
            return  # back where it was drawn: the same picture within a slider's step
    assert long == short


@settings(deadline=None, max_examples=30)
@given(given_one=family_and_recipe, strength=st.floats(0.1, 1), first=st.integers(0, 10**6))
def test_neighbours_have_their_own_places(
    given_one: tuple[str, Recipe], strength: float, first: int
) -> None:
    family, recipe = given_one
    painter = sampler(family)
    numbers = range(first, first + 4)
    found = neighbours(recipe, painter, strength, numbers)
    assert found == neighbours(recipe, painter, strength, numbers)
    assert len({each.w or each.z for each in found}) == 4
    others = neighbours(recipe, painter, strength, range(first + 4, first + 8))
    assert not {each.w or each.z for each in found} & {each.w or each.z for each in others}
    for each in found:
        kept = replace(each, z=recipe.z, w=recipe.w, coordinates=recipe.coordinates)
        assert kept == recipe and each.coordinates == ({} if not recipe.w else recipe.coordinates)
        assert Recipe.from_text(each.to_text()) == each
        painter.point(each)


def test_a_model_without_classes_has_none() -> None:
    painter = sampler("dcgan", classes=False)
    assert back(Recipe(seed=4), Recipe(seed=4), painter) == Recipe(seed=4)


def test_two_pictures_have_different_children() -> None:
    """Also where nothing of the parent is left: else a family would always drift one way."""
    for recipe in (Recipe(seed=1), Recipe(w=(0.5,) * LATENT)):
        other = replace(recipe, seed=2) if not recipe.w else replace(recipe, w=(0.25,) * LATENT)
        one, two = (
            {child.w or child.z for child in neighbours(each, sampler("stylegan2"), 1.0, range(4))}
            for each in (recipe, other)
        )
        assert len(one) == len(two) == 4 and not one & two


# ---- the forms of step 2

FORMS: dict[str, type[ClassifierForm] | type[GanForm]] = {
    "classifier": ClassifierForm,
    "gan": GanForm,
}
CONFIGS = {"classifier": ClassifierConfig, "gan": GanConfig}
OWN_CHOICES = ("width", "start_from")  # on the page some of all that a config may hold, or others


@cache
def form(kind: str) -> ClassifierForm | GanForm:
    app: Any = SimpleNamespace(i18n=I18n("en"))
    with gr.Blocks():
        made = FORMS[kind](app)
        made.build_more()
    return made


@st.composite
def filled_in(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A form, one of its fields, and anything that its config may hold there."""
    kind = draw(st.sampled_from(sorted(CONFIGS)))
    rules = settings_of(CONFIGS[kind])
    name = draw(st.sampled_from([name for name in rules if name not in OWN_CHOICES]))
    rule = rules[name]
    values: st.SearchStrategy[Any]
    if rule.bounds is None:
        values = st.sampled_from(rule.choices)
    else:
        low, high = rule.bounds
        values = st.integers(int(low), int(high)) if rule.whole else st.floats(low, high)
    return kind, name, draw(st.none() | values if rule.optional else values)


@settings(deadline=None)
@given(given_one=filled_in())
def test_a_field_of_a_form_loses_nothing(given_one: tuple[str, str, Any]) -> None:
    kind, name, value = given_one
    rule, field = form(kind).settings[name], form(kind).fields[name]
    assert rule.read(field.preprocess(rule.shown(value))) == value


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_is_made_from_the_settings(kind: str) -> None:
    drawn = form(kind)
    assert drawn.fields.keys() == settings_of(drawn.usual).keys()
    for name, rule in drawn.settings.items():
        field = drawn.fields[name]
        if rule.choices == SWITCH:
            assert isinstance(field, gr.Checkbox)
        elif isinstance(field, gr.Number):
            assert rule.bounds is not None
            assert field.precision == (0 if rule.whole else None)
            assert field.step == rule.step
            assert field.minimum is field.maximum is None  # our own sentences say what is wrong
        else:
            offered = [rule.read(value) for _, value in field.choices]
            allowed = [*rule.choices, *([None] if rule.optional else [])]
            assert name in OWN_CHOICES or set(offered) == set(allowed)
            assert len(offered) == len(set(offered))
            assert field.value in [value for _, value in field.choices]


def test_the_widths_on_offer_are_allowed() -> None:
    field, rule = form("gan").fields["width"], form("gan").settings["width"]
    for _, value in field.choices:
        assert replace(form("gan").usual, width=rule.read(value)).width == rule.read(value)
