"""A run's newest generator, opened to be steered, with directions that keep their meaning."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from models.directions import Directions, find_directions
from models.gans.layers import Generator
from models.gans.registry import GanShape
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint, CheckpointDamaged, checksums
from training.config import check_number
from training.record import RunFolder, write_json
from training.sample import Sampler, generator_from
from training.text import UserError

log = logging.getLogger(__name__)

KEPT_IN_MEMORY = 8  # generators; a class of thirty tries few different ones at a time
MOST_DIRECTIONS = 32
LONGEST_NAME = 40  # characters
FILE = "directions.json"


def newest_weights(folder: Path) -> Path | None:
    """Where the newest weights of a run are: in its model, or in a checkpoint written later."""
    found = [folder / name for name in ("model", "checkpoint") if (folder / name).exists()]
    return max(found, key=_written, default=None)


def load_sampler(folder: Path) -> Sampler:
    """The newest generator of the run in ``folder``, kept in memory until there is a newer one.

    That is the model of a run that has ended, and the average generator of the last checkpoint of
    one that is at work.

    Raises:
        UserError: the run has no generator yet, or it can't be read.
    """
    newest = newest_weights(folder)
    if newest is None:
        raise UserError("run.no_model", name=folder.name)
    return _load(newest, _written(newest))


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(weights: Path, written: int) -> Sampler:
    folder, saved = weights.parent, _read_weights(weights)
    if "shape" not in saved.state:
        raise UserError("gan.not_a_generator", name=folder.name)
    try:
        shape = GanShape.from_json(saved.state["shape"])
        generator = generator_from(shape, saved.part("ema") or saved.part("generator"))
    except (RuntimeError, ValueError, KeyError) as problem:  # of another version of Seedling
        raise UserError("run.damaged", name=folder.name) from problem
    names = saved.state.get("class_names")
    if names is None:  # a checkpoint knows how many; the pictures, what they are called
        names = RunFolder(folder).images().class_names if shape.class_count else ()
    return Sampler(generator, names, partial(kept_directions, weights))


def _read_weights(weights: Path) -> Checkpoint:
    for last in (False, True):
        try:
            return checkpoints.load(weights)
        except FileNotFoundError as problem:
            raise UserError("run.no_model", name=weights.parent.name) from problem
        except CheckpointDamaged as problem:
            if last:  # it was not just replaced while it was being read
                raise UserError("run.damaged", name=weights.parent.name) from problem
    raise AssertionError


def _written(folder: Path) -> int:
    """When, in nanoseconds; 0 in the moment between two renames."""
    state = folder / "state.json"
    return state.stat().st_mtime_ns if state.exists() else 0


# ---- directions


def kept_directions(weights: Path, generator: Generator) -> Directions:
    """The directions in the run's ``directions.json``; found, and kept there, where there are none.

    They stay as they are while a run is at work and once one of them has a name; else weights that
    have changed get new ones.
    """
    path, digest = weights.parent / FILE, checksums(weights)
    kept = _read(path)
    stays = kept and (kept["weights"] == digest or kept["names"] or weights.name == "checkpoint")
    if kept and stays and len(kept["vectors"][0]) == generator.latent_size:
        return Directions(torch.tensor(kept["vectors"]), torch.tensor(kept["shares"]))
    found = find_directions(generator, MOST_DIRECTIONS)
    _write(path, found, digest, {})
    return found


def direction_names(folder: Path) -> Mapping[int, str]:
    """What the run's directions are called, those that have a name."""
    kept = _read(folder / FILE)
    return {int(index): name for index, name in kept["names"].items()} if kept else {}


def name_direction(folder: Path, index: int, name: str) -> None:
    """Call a direction of the run in ``folder`` by a name, or by none.

    Raises:
        UserError: there is no such direction, or its name is too long.
    """
    sampler, name = load_sampler(folder), " ".join(name.split())
    check_number("latent.direction", index + 1, 1, len(sampler.directions.vectors), whole=True)
    if len(name) > LONGEST_NAME:
        raise UserError("latent.long_name", most=LONGEST_NAME)
    names = {**direction_names(folder), index: name}
    newest = newest_weights(folder)
    assert newest is not None  # the sampler came from there
    kept = {each: said for each, said in names.items() if said}
    _write(folder / FILE, sampler.directions, checksums(newest), kept)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s is damaged; the directions are found again.", path)
        return None
    return kept


def _write(path: Path, found: Directions, digest: str, names: Mapping[int, str]) -> None:
    write_json(
        path,
        {
            "weights": digest,
            "names": {str(index): name for index, name in names.items()},
            "vectors": found.vectors.tolist(),
            "shares": found.shares.tolist(),
        },
    )
