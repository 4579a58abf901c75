"""Walks: the stops are met, the way between is smooth, and the film plays."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from tests.generators import lively_generator
from training.core.media import Frame, write_film
from training.core.messages import UserError
from training.latent.recipe import Recipe
from training.latent.sampler import GanSampler
from training.latent.walk import FILM_SIDE, MAX_STOPS, frame_count, walk

pytestmark = pytest.mark.slow


def sampler(family: str, classes: int = 0) -> GanSampler:
    return GanSampler(lively_generator(family, classes), [f"c{n}" for n in range(classes)])


def enlarged(pixels: torch.Tensor) -> Frame:
    large = F.interpolate(pixels.float(), (FILM_SIDE, FILM_SIDE), mode="bicubic").round()
    frame: Frame = large.clamp(0, 255)[0].permute(1, 2, 0).to(torch.uint8).numpy()
    return frame


def apart(a: Frame, b: Frame) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("family", ["dcgan", "stylegan2"])
@pytest.mark.parametrize("classes", [0, 3])
def test_a_walk_meets_every_stop_and_makes_no_leap(family: str, classes: int) -> None:
    painter = sampler(family, classes)
    stops = [Recipe(seed=1), Recipe(seed=5, psi=0.5), Recipe(seed=9, noise=3)]
    frames = list(walk(painter, stops, 141))
    assert len(frames) == 141 and frames[0].shape == (FILM_SIDE, FILM_SIDE, 3)
    for place, stop in ((0, stops[0]), (70, stops[1]), (140, Recipe(seed=9))):
        assert np.abs(frames[place].astype(int) - enlarged(painter.paint([stop]))).max() <= 1
    steps = [apart(a, b) for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < apart(frames[0], frames[70]) / 4
    assert max(steps) > 0


@pytest.mark.parametrize("count", [0, 1, MAX_STOPS + 1])
def test_too_few_or_too_many_stops_are_refused_at_once(count: int) -> None:
    with pytest.raises(UserError) as caught:
        walk(sampler("dcgan"), [Recipe(seed=n) for n in range(count)], 10)
    assert caught.value.what.values["count"] == count


@pytest.mark.parametrize(
    ("seconds", "fps"), [(0.5, 24), (61, 24), (5, 1), (5, 61), (float("nan"), 24)]
)
def test_a_film_of_no_sensible_length_is_refused(seconds: float, fps: int) -> None:
    with pytest.raises(UserError):
        frame_count(seconds, fps)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_the_film_of_a_walk_plays(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"walk{suffix}"
    stops = [Recipe(seed=1), Recipe(seed=2)]
    write_film(walk(sampler("dcgan"), stops, frame_count(1.0, 10)), path, fps=10)
    if suffix == ".gif":
        with Image.open(path) as film:
            assert getattr(film, "n_frames", 1) == 10
        return
    with av.open(path) as film:
        shown = [
            frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in film.decode(video=0)
        ]
    assert len(shown) == 10
    assert apart(shown[0], enlarged(sampler("dcgan").paint([stops[0]]))) < 6
