"""Recipes of samples.

All that decides a sample apart from its model, as plain data and as a short text.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.latent import LAYER_PARTS
from training.core.checks import check_number
from training.core.messages import UserError

MAX_SEED = 2**31 - 1
PSI_BOUNDS = (-1.0, 1.5)
STEP_BOUNDS = (-6.0, 6.0)  # standard deviations; the sliders go to 3, a text may go further
LONGEST = 20_000  # characters of a recipe's text
FIXED_NOISE, NO_NOISE = 0, -1
VECTORS = {"z", "w"}


@dataclass(frozen=True)
class Recipe:
    """How to make one sample. Refuses what can be seen to be wrong without the model.

    Attributes:
        seed: draws ``z``.
        z: the latent vector itself, in place of the seed's; empty is none. Its numbers are those
            that half precision has, so that a text of it is exact.
        w: the same for the style of a style network, in place of ``z``.
        coordinates: single numbers of ``z``, set by hand, by their index.
        steps: how far to go along the model's directions, in standard deviations, by index.
        part: the part of a style network's layers that is moved; empty is all.
        psi: truncation: 1 is all of the variety, 0 the mean picture.
        classes: the weights of a mix of classes by their index; empty is one class by the seed.
        mix_seed: a style network takes the styles of ``mix_part`` from this seed; ``None`` is
            none.
        mix_part: see ``mix_seed``.
        noise: of a style network: 0 the usual pattern, -1 none, else a seed of another pattern.
        other: another picture, to be gone towards; it has no other one itself.
        share: of the way there, 0 to 1.

    Raises:
        UserError: a number is out of bounds, or this is no recipe at all.
    """

    seed: int = 0
    z: tuple[float, ...] = ()
    w: tuple[float, ...] = ()
    coordinates: Mapping[int, float] = dataclasses.field(default_factory=dict)
    steps: Mapping[int, float] = dataclasses.field(default_factory=dict)
    part: str = ""
    psi: float = 1.0
    classes: Mapping[int, float] = dataclasses.field(default_factory=dict)
    mix_seed: int | None = None
    mix_part: str = LAYER_PARTS[0]
    noise: int = FIXED_NOISE
    other: Recipe | None = None
    share: float = 0.0

    def __post_init__(self) -> None:
        for seed in (self.seed, 0 if self.mix_seed is None else self.mix_seed):
            check_number("seed", seed, 0, MAX_SEED, whole=True)
        check_number("noise", self.noise, NO_NOISE, MAX_SEED, whole=True)
        check_number("truncation", self.psi, *PSI_BOUNDS, whole=False)
        for step in (*self.steps.values(), *self.coordinates.values()):
            check_number("step", step, *STEP_BOUNDS, whole=False)
        for weight in (*self.classes.values(), self.share):
            check_number("class", weight, 0.0, 1.0, whole=False)
        vectors = all(math.isfinite(x) for x in (*self.z, *self.w))
        parts = self.part in ("", *LAYER_PARTS) and self.mix_part in LAYER_PARTS
        nested = self.other is not None and self.other.other is not None
        unmixed = bool(self.classes) and not sum(self.classes.values())
        if not (vectors and parts) or nested or unmixed:
            raise UserError("latent.no_recipe")

    def to_json(self) -> dict[str, Any]:
        """The fields that are not at their defaults, as JSON takes them; keys become strings."""
        usual = Recipe()
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in ("coordinates", "steps"):  # whatever came first: the same picture, one text
            data[name] = dict(sorted(data[name].items()))
        kept = {name: value for name, value in data.items() if value != getattr(usual, name)}
        return {name: _plain(value) for name, value in kept.items()}

    @classmethod
    def from_json(cls, data: Any) -> Recipe:
        """The reverse of ``to_json``.

        Raises:
            UserError: it isn't what ``to_json`` gives.
        """
        try:
            given = dict(data)
            for name in ("coordinates", "steps", "classes"):
                if name in given:
                    given[name] = {int(key): float(x) for key, x in dict(given[name]).items()}
            for name in ("z", "w"):
                given[name] = tuple(float(x) for x in given.get(name, ()))
            if given.get("other") is not None:
                given["other"] = cls.from_json(given["other"])
            return cls(**given)
        except (TypeError, ValueError, AttributeError, OverflowError) as problem:
            raise UserError("latent.no_recipe") from problem

    def to_text(self) -> str:
        """As short as it gets, of letters, digits, - and _, for a link."""
        data = self.to_json()
        for part in (data, data.get("other", {})):
            for name in VECTORS & part.keys():
                numbers = torch.tensor(part[name], dtype=torch.float16).numpy().tobytes()
                part[name] = base64.b64encode(numbers).decode()
        packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Recipe:
        """The reverse of ``to_text``; whatever else it is given is refused.

        Raises:
            UserError: it isn't what ``to_text`` gives.
        """
        try:
            if len(text) > LONGEST:
                raise ValueError(f"{len(text)} characters")
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            # With a bound: a short text from anybody may unpack to gigabytes.
            opened = zlib.decompressobj()
            raw = opened.decompress(packed, LONGEST)
            if not opened.eof:
                raise ValueError("cut short")
            data = dict(json.loads(raw))
            for part in (data, data.get("other") or {}):
                for name in VECTORS & part.keys():
                    numbers = base64.b64decode(part[name], validate=True)
                    half = torch.frombuffer(bytearray(numbers), dtype=torch.float16)
                    part[name] = half.tolist()
        except (
            *(ValueError, TypeError, AttributeError),
            *(zlib.error, binascii.Error, RecursionError),
        ) as problem:
            raise UserError("latent.no_recipe") from problem
        return cls.from_json(data)


def _plain(value: Any) -> Any:
    """One field's value as JSON has it."""
    if isinstance(value, Recipe):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): x for key, x in value.items()}
    return value


def half_exact(vector: Tensor) -> tuple[float, ...]:
    """(D,) as the nearest numbers that half precision has: a recipe's text holds no others."""
    return tuple(vector.to(torch.float16).tolist())


def class_mix(recipes: Sequence[Recipe], class_count: int) -> Tensor | None:
    """The classes of the pictures: (N,) int64 if each has one, else (N, class_count) weights.

    ``None`` for a network without classes.

    Raises:
        UserError: there is no such class.
    """
    if not class_count:
        return None
    weights = torch.stack([_class_weights(recipe, class_count) for recipe in recipes])
    if bool((weights.amax(1) == 1).all()):
        return weights.argmax(1)
    return weights


def _class_weights(recipe: Recipe, class_count: int) -> Tensor:
    """(class_count,) that sum to 1."""
    weights = torch.zeros(class_count)
    for index, weight in (recipe.classes or {recipe.seed % class_count: 1.0}).items():
        if not 0 <= index < class_count:
            raise UserError("latent.no_recipe")
        weights[index] = weight
    weights /= weights.sum()
    if recipe.other is not None:
        weights = weights.lerp(_class_weights(recipe.other, class_count), recipe.share)
    return weights
