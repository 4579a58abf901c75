"""Copies are found; what only resembles is left alone."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from tests.conftest import scene
from training.intake.duplicates import Look, Looks, look


def group(looks: list[Look]) -> NDArray[np.int64]:
    noted = Looks(len(looks) + 3)
    for each in looks:
        noted.add(each)
    return noted.groups()


def test_no_two_handwritten_digits_are_copies() -> None:
    grids = (load_digits().images * 255 / 16).astype(np.uint8)
    pictures = [Image.fromarray(grid).resize((32, 32)).convert("RGB") for grid in grids]
    assert len(set(group([look(picture) for picture in pictures]))) == len(pictures)


def test_plain_colours_are_not_copies_of_each_other() -> None:
    colours = ["red", "blue", "white", "black", "green"]
    assert len(set(group([look(Image.new("RGB", (64, 64), c)) for c in colours]))) == 5


def test_groups_are_numbered_in_order_and_include_everything() -> None:
    looks = [look(scene(seed)) for seed in (1, 2, 1, 3, 2)]
    assert group(looks).tolist() == [0, 1, 0, 2, 1]
    assert group([]).shape == (0,)


def test_twenty_thousand_pictures_take_seconds() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 20_000)
    thumbnails = rng.integers(0, 256, (20_000, 16, 16, 3), dtype=np.uint8)
    looks = [Look(int(h), t) for h, t in zip(hashes, thumbnails, strict=True)]
    looks[10_000:11_000] = [looks[0]] * 1000  # a thousand copies of one
    started = time.perf_counter()
    assert len(set(group(looks))) == 19_000
    assert time.perf_counter() - started < 30
