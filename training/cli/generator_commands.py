"""Commands for trained generators.

Samples, films, directions, projection.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.cli.commands import run_folder
from training.core.checks import check_number
from training.core.media import picture_grid, write_film, write_png, write_timelapse
from training.core.messages import UserError
from training.intake.take_in import read_picture
from training.latent.choice import choose_generator
from training.latent.projection import project, square_picture
from training.latent.recipe import MAX_SEED, Recipe
from training.latent.sampler import BATCH
from training.latent.steering import MAX_DIRECTIONS, load_gan_sampler
from training.latent.walk import frame_count, walk

STRIP = (-3, -2, -1, 0, 1, 2, 3)  # standard deviations along each direction


def sample_run(options: argparse.Namespace) -> dict[str, Any]:
    """``sample``: write samples, one PNG for each seed from ``--seed`` on.

    Raises:
        UserError: there is no generator or no such class, or a number is out of bounds.
    """
    folder = run_folder(options.run).path
    check_number("count", options.count, 1, 100_000, whole=True)
    check_number("seed", options.seed, 0, MAX_SEED, whole=True)
    sampler = load_gan_sampler(folder)
    started = time.monotonic()
    out = options.out or folder / "samples"
    seeds = range(options.seed, options.seed + options.count)
    files = []
    for start in range(0, options.count, BATCH):
        part = seeds[start : start + BATCH]
        pictures = sampler(part, options.class_name, options.truncation)
        out.mkdir(parents=True, exist_ok=True)
        for seed, picture in zip(part, pictures, strict=True):
            path = out / f"seed-{seed:06d}.png"
            write_png(path, picture.permute(1, 2, 0).numpy())
            files.append(str(path))
    seconds = time.monotonic() - started
    if not options.json:
        print(f"{len(files)} pictures in {out}")
    return {"files": files, "seconds": seconds}


def use_generator(options: argparse.Namespace) -> dict[str, Any]:
    """``choose``: let the best or the last generator of a run be its model.

    Raises:
        UserError: the run has only one.
    """
    result = choose_generator(run_folder(options.run), options.generator)
    if not options.json:
        print(f"{options.generator}: after {result['kept_seen']:,} pictures")
    return {key: result[key] for key in ("kept", "kept_seen", "fd", "kid", "coverage")}


def timelapse_run(options: argparse.Namespace) -> dict[str, Any]:
    """``timelapse``: the sample grids of a run as a film.

    Raises:
        UserError: there are none, or the file is to be neither .mp4 nor .gif.
    """
    folder = run_folder(options.run)
    files = [path for _, path in folder.shots("samples")]
    out = options.out or folder.path / "timelapse.mp4"
    _check_film(out)
    if not files:
        raise UserError("gan.no_film", name=folder.path.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_timelapse(files, out)
    if not options.json:
        print(out)
    return {"files": [str(out)], "frames": len(files)}


def walk_run(options: argparse.Namespace) -> dict[str, Any]:
    """``walk``: from seed to seed through the latent space, as a film.

    Raises:
        UserError: there is no generator, or a number, the seeds or the file are not allowed.
    """
    folder = run_folder(options.run)
    out = options.out or folder.path / "walk.mp4"
    _check_film(out)
    count = frame_count(options.seconds, options.fps)
    sampler = load_gan_sampler(folder.path)
    started = time.monotonic()
    stops = [Recipe(seed=seed, psi=options.truncation) for seed in options.seeds]
    frames = walk(sampler, stops, count)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_film(frames, out, fps=options.fps)
    if not options.json:
        print(out)
    return {"files": [str(out)], "frames": count, "seconds": time.monotonic() - started}


def directions_run(options: argparse.Namespace) -> dict[str, Any]:
    """``directions``: one picture with a row of samples for each of the strongest directions.

    Raises:
        UserError: there is no generator, or a number is out of bounds.
    """
    folder = run_folder(options.run)
    check_number("count", options.count, 1, MAX_DIRECTIONS, whole=True)
    sampler = load_gan_sampler(folder.path)
    started = time.monotonic()
    shares = sampler.directions.shares[: options.count].tolist()
    seconds = time.monotonic() - started
    base = Recipe(seed=options.seed, psi=options.truncation)
    recipes = [
        replace(base, steps={index: float(step)}) for index in range(len(shares)) for step in STRIP
    ]
    out = options.out or folder.path / "directions.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_png(out, picture_grid(sampler.paint(recipes), len(STRIP), scale=2))
    if not options.json:
        print(out)
    return {"files": [str(out)], "shares": shares, "seconds": seconds}


def project_run(options: argparse.Namespace) -> dict[str, Any]:
    """``project``: a picture, and beside it the sample that is most like it, as one picture.

    Raises:
        UserError: there is no generator or picture, or a number is out of bounds.
    """
    folder = run_folder(options.run)
    if not options.image.is_file():
        raise UserError("predict.missing", file=options.image)
    sampler = load_gan_sampler(folder.path)
    picture = square_picture(read_picture(options.image), sampler.resolution)
    started = time.monotonic()
    found = list(project(sampler, picture, seconds=options.seconds, seed=options.seed))
    seconds, best = time.monotonic() - started, found[-1]
    out = options.out or folder.path / "projection.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    pair = torch.cat([picture[None], sampler.paint([best.recipe])])
    write_png(out, picture_grid(pair, 2, scale=4))
    if not options.json:
        print(
            f"Closeness {best.closeness:.0%} ({best.verdict}): distance {best.distance:.3f} in "
            f"{best.space} features, the best random sample {best.start_distance:.3f}.\n{out}"
        )
    return {
        "files": [str(out)],
        "distance": best.distance,
        "start_distance": best.start_distance,
        "closeness": best.closeness,
        "verdict": best.verdict,
        "space": best.space,
        "recipe": best.recipe.to_json(),
        "seconds": seconds,
        "curve": [each.distance for each in found],
    }


def _check_film(out: Path) -> None:
    if out.suffix.lower() not in (".mp4", ".gif"):
        raise UserError("gan.film_kind", file=out.name)
