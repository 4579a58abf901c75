"""Walks through the latent space.

From sample to sample, as the frames of a film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from training.core.checks import check_number
from training.core.media import Frame
from training.core.messages import UserError
from training.latent.recipe import Recipe
from training.latent.sampler import BATCH, GanSampler

MAX_STOPS = 8
SECONDS_BOUNDS, FPS_BOUNDS = (1.0, 60.0), (2, 60)
FILM_SIDE = 512  # px


def frame_count(seconds: float, fps: int) -> int:
    """How many frames a film of ``seconds`` has, at least 2.

    Raises:
        UserError: a number is out of bounds.
    """
    check_number("seconds", seconds, *SECONDS_BOUNDS, whole=False)
    check_number("fps", fps, *FPS_BOUNDS, whole=True)
    return max(2, round(seconds * fps))


def walk(sampler: GanSampler, stops: Sequence[Recipe], count: int) -> Iterator[Frame]:
    """``count`` frames from the first of the ``stops`` to the last, each leg taking as long.

    Arcs in z, straight lines in w; classes are mixed on the way. Noise is the first stop's.
    Frames are (S, S, 3) with S at least ``FILM_SIDE``, a multiple of the pictures' side.

    Raises:
        UserError: fewer than 2 stops or more than ``MAX_STOPS``, or of another model.
    """
    if not 2 <= len(stops) <= MAX_STOPS:
        raise UserError("latent.stops", count=len(stops), most=MAX_STOPS)
    points = torch.cat([sampler.point(stop) for stop in stops])
    classes = sampler.labels(stops)
    if classes is not None and not classes.is_floating_point():
        classes = F.one_hot(classes, len(sampler.class_names)).float()
    return _frames(sampler, points, classes, stops[0].noise, count)


@torch.no_grad()
def _frames(
    sampler: GanSampler, points: Tensor, classes: Tensor | None, noise: int, count: int
) -> Iterator[Frame]:
    times = torch.linspace(0, len(points) - 1, count)
    legs = times.floor().long().clamp(max=len(points) - 2)
    for rows in torch.arange(count).split(BATCH):
        leg, share = legs[rows], (times - legs)[rows]
        share_of_points = share.view(-1, *[1] * (points.ndim - 1))  # (B, 1) or (B, 1, 1)
        here = sampler.space.between(points[leg], points[leg + 1], share_of_points)
        mixed = None
        if classes is not None:
            mixed = classes[leg].lerp(classes[leg + 1], share[:, None])
        pixels = sampler.paint_points(here, mixed, noise)
        side = -(-FILM_SIDE // sampler.resolution) * sampler.resolution
        large = F.interpolate(pixels.float(), (side, side), mode="bicubic").round()
        yield from large.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
