"""What can be decided about a GAN is checked field by field, and survives JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from models.gans.registry import ARCHITECTURES, GanShape, list_architectures
from models.registry import BACKBONES
from training.core.messages import UserError
from training.core.settings import settings_of
from training.gan.config import (
    GAN_TEXTBOOK,
    USUAL,
    GanConfig,
    adam_betas,
    d_backbones,
    penalty_weight,
)
from training.gan.losses import OBJECTIVES
from training.gan.transfer import decide

SETTINGS = settings_of(GanConfig)
BOUNDS = {name: one.bounds for name, one in SETTINGS.items() if one.bounds is not None}
WHOLE = [name for name, one in SETTINGS.items() if one.whole]
OPTIONAL = [name for name, one in SETTINGS.items() if one.optional]
RESOLUTIONS = SETTINGS["resolution"].choices
OTHERS = {"resolution", "start_from"}
CHOICES = {
    name: (None, *one.choices) if one.optional else one.choices
    for name, one in SETTINGS.items()
    if one.choices and name not in OTHERS
}


def refused(**values: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        GanConfig(**values)
    return caught.value


def just_outside(field: str) -> list[float]:
    low, high = BOUNDS[field]
    if field in WHOLE:
        return [low - 1, high + 1]
    return [math.nextafter(low, -math.inf), math.nextafter(high, math.inf)]


def test_every_field_is_checked() -> None:
    fields = {field.name for field in dataclasses.fields(GanConfig)}
    assert fields == BOUNDS.keys() | CHOICES.keys() | OTHERS
    assert not BOUNDS.keys() & CHOICES.keys()
    assert CHOICES["architecture"] == list_architectures()
    assert CHOICES["loss"] == (None, *OBJECTIVES)
    assert CHOICES["d_backbone"] == (None, "", *d_backbones())
    chosen = {"images", "width", "batch_size", "lr", "gamma", "loss", "d_backbone", "class_start"}
    assert set(OPTIONAL) == chosen
    assert set(WHOLE) == {"images", "width", "batch_size", "ema_half_life", "freeze_d", "seed"}


@pytest.mark.parametrize("config", [GanConfig(), GAN_TEXTBOOK], ids=["default", "textbook"])
def test_a_config_survives_json(config: GanConfig) -> None:
    changed = dataclasses.replace(
        config, images=640, minutes=0.5, lr=0.004, gamma=0.0, start_from="a/run", seed=7
    )
    for one in (config, changed):
        assert GanConfig.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_all_fields_are_in_the_json() -> None:
    assert GanConfig().to_json().keys() == {field.name for field in dataclasses.fields(GanConfig)}


def test_unknown_fields_are_named() -> None:
    with pytest.raises(UserError) as caught:
        GanConfig.from_json({**GanConfig().to_json(), "backbone": "resnet18"})
    assert caught.value.key == "config.unknown"
    assert "backbone" in caught.value.text("en") and "architecture" in caught.value.text("en")


def test_a_config_without_some_fields_takes_the_usual_values() -> None:
    assert GanConfig.from_json({"loss": "hinge"}) == GanConfig(loss="hinge")


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GanConfig().lr = 1.0  # type: ignore[misc]


# ---- numbers


@pytest.mark.parametrize("field", BOUNDS)
def test_both_bounds_are_allowed_and_nothing_beyond(field: str) -> None:
    for value in BOUNDS[field]:
        assert getattr(GanConfig(**{field: value}), field) == value  # type: ignore[arg-type]
    for value in just_outside(field):
        error = refused(**{field: value})
        assert error.key == "config.number"
        assert error.what.values["field"] == field
        assert error.what.values["value"] == value


@pytest.mark.parametrize("value", ["3", True, [], math.nan, math.inf, 10**400], ids=type)
@pytest.mark.parametrize("field", BOUNDS)
def test_what_is_no_number_is_refused(field: str, value: object) -> None:
    assert refused(**{field: value}).key == "config.number"


@pytest.mark.parametrize("field", BOUNDS)
def test_only_optional_numbers_may_be_left_to_the_planner(field: str) -> None:
    if field in OPTIONAL:
        assert getattr(GanConfig(**{field: None}), field) is None  # type: ignore[arg-type]
    else:
        assert refused(**{field: None}).key == "config.number"


@pytest.mark.parametrize("field", WHOLE)
def test_whole_numbers_have_no_fraction(field: str) -> None:
    for value in (BOUNDS[field][0] + 0.5, float(BOUNDS[field][1])):
        assert refused(**{field: value}).key == "config.number"


# ---- choices


@pytest.mark.parametrize("field", CHOICES)
def test_every_choice_is_allowed_and_nothing_else(field: str) -> None:
    for value in CHOICES[field]:
        assert getattr(GanConfig(**{field: value}), field) == value  # type: ignore[arg-type]
    wrongs: tuple[object, ...] = ("magic", None, 3, [])
    for wrong in wrongs:
        if wrong is None and None in CHOICES[field]:
            continue  # left open
        error = refused(**{field: wrong})
        assert error.key == "config.choice" and error.what.values["field"] == field
        assert str(CHOICES[field][-1]) in error.text("en")


@pytest.mark.parametrize("architecture", list_architectures())
def test_only_what_an_architecture_can_be_built_for_is_allowed(architecture: str) -> None:
    allowed = ARCHITECTURES[architecture].resolutions
    assert set(allowed) <= set(RESOLUTIONS)
    for side in RESOLUTIONS:
        if side in allowed:
            config = GanConfig(architecture=architecture, resolution=side)
            GanShape(architecture, config.resolution)  # can be built
        else:
            error = refused(architecture=architecture, resolution=side)
            assert error.key == "config.choice" and error.what.values["field"] == "resolution"


@pytest.mark.parametrize("side", [33, 0, -32, 512, "32", None, 32.0])
def test_other_resolutions_are_refused(side: object) -> None:
    assert refused(resolution=side).what.values["field"] == "resolution"


@pytest.mark.parametrize("start", [None, 3, ["run"]])
def test_a_start_is_the_path_of_a_run(start: object) -> None:
    assert refused(start_from=start).what.values["field"] == "start_from"


def test_refusals_are_sentences_in_both_languages() -> None:
    for error in (refused(width=3), refused(loss="magic"), refused(resolution=31)):
        assert error.text("en").endswith(".") and error.text("zh").endswith("。")


# ---- what follows from a config


def test_the_textbook_preset_is_the_recipe_of_the_text() -> None:
    assert (GAN_TEXTBOOK.architecture, GAN_TEXTBOOK.loss) == ("mlp", "minimax")
    assert (GAN_TEXTBOOK.resolution, GAN_TEXTBOOK.width) == (28, 32)  # hidden sizes 128 to 1024
    assert (GAN_TEXTBOOK.lr, GAN_TEXTBOOK.d_lr_factor) == (3e-4, 1.0)
    assert (GAN_TEXTBOOK.batch_size, GAN_TEXTBOOK.schedule) == (64, "constant")
    assert (GAN_TEXTBOOK.augment, GAN_TEXTBOOK.conditional) == ("none", False)
    assert penalty_weight(GAN_TEXTBOOK) == 0
    assert ARCHITECTURES["mlp"].latent_size == 100


def test_every_architecture_has_its_usual_training() -> None:
    assert USUAL.keys() == set(list_architectures())
    for usual in USUAL.values():
        assert BOUNDS["lr"][0] <= usual.lr <= BOUNDS["lr"][1]
        assert BOUNDS["batch_size"][0] <= usual.batch_size <= BOUNDS["batch_size"][1]
        assert all(0 <= beta < 1 for beta in usual.betas)


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_a_penalty_weighs_what_was_asked_for_or_is_usual(loss: str) -> None:
    usual = OBJECTIVES[loss].gamma
    assert penalty_weight(GanConfig(architecture="r3gan", loss=loss)) == usual
    has_one = OBJECTIVES[loss].penalty != "none"
    assert has_one == (usual > 0)
    assert penalty_weight(GanConfig(loss=loss, gamma=3.0)) == (3.0 if has_one else 0.0)
    assert penalty_weight(GanConfig(loss=loss, gamma=0.0)) == 0.0


@pytest.mark.parametrize("architecture", list_architectures())
def test_batch_norm_takes_the_place_of_a_penalty_that_is_not_needed(architecture: str) -> None:
    normed = USUAL[architecture].batch_norm
    usual = penalty_weight(GanConfig(architecture=architecture))
    assert usual == (0.0 if normed else OBJECTIVES["non_saturating"].gamma)
    for loss in ("relativistic", "wgan_gp"):  # which can't do without
        assert penalty_weight(GanConfig(architecture=architecture, loss=loss)) > 0


@pytest.mark.parametrize("d_backbone", d_backbones())
def test_a_d_backbone_is_pretrained_and_takes_the_place_of_the_penalty(d_backbone: str) -> None:
    assert BACKBONES[d_backbone].card is not None
    for loss in OBJECTIVES:
        assert penalty_weight(GanConfig(loss=loss, d_backbone=d_backbone)) == 0


def test_nobody_untaught_is_a_d_backbone() -> None:
    assert refused(d_backbone="seedling_net").key == "config.choice"


@pytest.mark.parametrize("name", list_architectures())
def test_a_loss_that_is_left_open_is_the_networks_own(name: str) -> None:
    expected = "relativistic" if name == "r3gan" else "non_saturating"
    assert GanConfig(architecture=name).objective == expected
    assert GanConfig(architecture=name, loss="hinge").objective == "hinge"
    decided = decide(GanConfig(architecture=name))
    eyes = "seedling-s" if name == GanConfig.architecture else ""
    assert (decided.d_backbone, decided.loss) == (eyes, "hinge" if eyes else expected)


@pytest.mark.parametrize(
    "changes", [{"loss": "wgan_gp"}, {"loss": "non_saturating"}, {"gamma": 1.0}, {"d_backbone": ""}]
)
def test_who_asks_for_another_game_gets_no_backbone_unasked(changes: dict[str, Any]) -> None:
    decided = decide(GanConfig(**changes))
    assert decided.d_backbone == "" and decided.loss == (changes.get("loss") or "non_saturating")


def test_without_its_weights_nobody_looks_through_a_backbone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = dataclasses.replace(BACKBONES["seedling-s"], card=None)
    monkeypatch.setitem(BACKBONES, "seedling-s", gone)
    assert decide(GanConfig()) == GanConfig(loss="non_saturating", d_backbone="")


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, 0.5),
        ({"loss": "hinge"}, 0.5),
        ({"loss": "relativistic"}, 0.0),
        ({"loss": "wgan_gp"}, 0.0),
        ({"gamma": 1.0}, 0.0),
        ({"loss": "relativistic", "gamma": 0.0}, 0.5),
        ({"loss": "relativistic", "d_backbone": "seedling-s"}, 0.5),
        ({"architecture": "stylegan2"}, 0.0),
    ],
)
def test_no_momentum_under_a_gradient_penalty(changes: dict[str, Any], first: float) -> None:
    config = GanConfig(**changes)
    betas = adam_betas(config)
    assert betas == (first, USUAL[config.architecture].betas[1])
