from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from models.registry import list_models
from training.classifier.config import TEXTBOOK, ClassifierConfig
from training.core.messages import UserError
from training.core.settings import settings_of

SETTINGS = settings_of(ClassifierConfig)
BOUNDS = {name: one.bounds for name, one in SETTINGS.items() if one.bounds is not None}
CHOICES = {name: one.choices for name, one in SETTINGS.items() if one.choices}
WHOLE = ("images", "image_size", "batch_size", "seed")
OPTIONAL = ("images", "image_size", "lr")


def refused(**values: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        ClassifierConfig(**values)
    return caught.value


def just_outside(field: str) -> list[float]:
    low, high = BOUNDS[field]
    if field in WHOLE:
        return [low - 1, high + 1]
    return [math.nextafter(low, -math.inf), math.nextafter(high, math.inf)]


def test_every_field_is_checked() -> None:
    fields = {field.name for field in dataclasses.fields(ClassifierConfig)}
    assert fields == BOUNDS.keys() | CHOICES.keys()
    assert not BOUNDS.keys() & CHOICES.keys()
    assert CHOICES["backbone"] == list_models()
    assert {name for name, one in SETTINGS.items() if one.whole} == set(WHOLE)
    assert {name for name, one in SETTINGS.items() if one.optional} == set(OPTIONAL)


@pytest.mark.parametrize("config", [ClassifierConfig(), TEXTBOOK], ids=["default", "textbook"])
def test_a_config_survives_json(config: ClassifierConfig) -> None:
    changed = dataclasses.replace(config, images=640, minutes=0.5, lr=None, seed=7)
    for one in (config, changed):
        assert ClassifierConfig.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_the_textbook_preset_is_the_recipe_of_the_text() -> None:
    assert (TEXTBOOK.backbone, TEXTBOOK.optimizer) == ("resnet18", "sgd")
    assert (TEXTBOOK.lr, TEXTBOOK.batch_size, TEXTBOOK.layer_decay) == (0.001, 64, 1.0)


@pytest.mark.parametrize("field", BOUNDS)
def test_both_bounds_are_allowed_and_nothing_beyond(field: str) -> None:
    for value in BOUNDS[field]:
        assert getattr(ClassifierConfig(**{field: value}), field) == value  # type: ignore[arg-type]
    for value in just_outside(field):
        error = refused(**{field: value})
        assert error.key == "config.number"
        assert error.what.values["field"] == field
        assert error.what.values["value"] == value


@pytest.mark.parametrize("value", ["3", True, [], math.nan, math.inf, 10**400], ids=type)
@pytest.mark.parametrize("field", BOUNDS)
def test_what_is_no_number_is_refused(field: str, value: object) -> None:
    assert refused(**{field: value}).key == "config.number"


@pytest.mark.parametrize("field", WHOLE)
def test_counts_are_whole(field: str) -> None:
    low, _ = BOUNDS[field]
    assert refused(**{field: low + 0.5}).key == "config.number"


@pytest.mark.parametrize("field", BOUNDS)
def test_only_what_can_be_decided_for_you_may_be_left_open(field: str) -> None:
    if field in OPTIONAL:
        assert getattr(ClassifierConfig(**{field: None}), field) is None  # type: ignore[arg-type]
    else:
        assert refused(**{field: None}).key == "config.number"


@pytest.mark.parametrize("field", CHOICES)
def test_every_choice_is_allowed_and_no_other(field: str) -> None:
    for value in CHOICES[field]:
        assert getattr(ClassifierConfig(**{field: value}), field) == value  # type: ignore[arg-type]
    error = refused(**{field: "no such thing"})
    assert error.key == "config.choice"
    assert all(str(value) in error.what.values["allowed"] for value in CHOICES[field])


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(UserError) as caught:
        ClassifierConfig.from_json({"seed": 1, "epochs": 3})
    assert caught.value.key == "config.unknown"
    assert caught.value.what.values["field"] == "epochs"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_errors_can_be_read(language: str) -> None:
    for error in (refused(batch_size=513), refused(method="magic")):
        assert str(error.what.values["value"]) in error.text(language)
