"""Newest generators and their directions.

A run's newest generator is opened to be steered, along directions that keep their meaning while the
run goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from models.directions import Directions, find_directions
from models.gans.layers import Generator
from models.gans.registry import GanShape
from models.weights import WEIGHTS, is_shipped, read_card, shipped_folder, shipped_names
from training.core.checks import check_number
from training.core.files import write_json
from training.core.messages import UserError
from training.latent.sampler import GanSampler, generator_from
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint, CheckpointDamaged, checksums
from training.runs.folder import RunFolder, load_model

log = logging.getLogger(__name__)

KEPT_IN_MEMORY = 8  # generators; a class of thirty tries few different ones at a time
MAX_DIRECTIONS = 32
MAX_NAME = 40  # characters
FILE = "directions.json"


def newest_weights(folder: Path) -> Path | None:
    """Where the newest weights of a run are: in its model, or in a checkpoint written later.

    A shipped model has one file of them.
    """
    if is_shipped(folder):
        return folder / WEIGHTS
    found = [folder / name for name in ("model", "checkpoint") if (folder / name).exists()]
    return max(found, key=_written, default=None)


def load_gan_sampler(folder: Path) -> GanSampler:
    """The newest generator of the run in ``folder``, kept in memory until there is a newer one.

    That is the model of a run that has ended, and the EMA in the last checkpoint of one that is at
    work.

    Raises:
        UserError: the run has no generator yet, or it can't be read.
    """
    newest = newest_weights(folder)
    if newest is None:
        raise UserError("run.no_model", name=folder.name)
    return _load(newest, _written(newest))


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(weights: Path, written: int) -> GanSampler:
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
        names = _class_names(folder, shape.class_count)
    return GanSampler(generator, names, partial(kept_directions, weights))


def _class_names(folder: Path, count: int) -> Sequence[str]:
    """What the classes of a run's pictures are called; numbers, once the pictures are gone."""
    if not count:
        return ()
    try:
        return RunFolder(folder).images().class_names
    except FileNotFoundError:
        log.warning("The pictures of run %s are gone, and with them its class names.", folder.name)
        return [str(number) for number in range(1, count + 1)]


def _read_weights(weights: Path) -> Checkpoint:
    if weights.name == WEIGHTS:
        return load_model(weights.parent)
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
    """When weights were written, in nanoseconds; 0 in the moment between two renames."""
    state = folder / "state.json" if folder.is_dir() else folder
    return state.stat().st_mtime_ns if state.exists() else 0


# ---- directions


@dataclass(frozen=True)
class _Kept:
    """What ``directions.json`` holds. ``weights`` is the digest of those they were found in.

    The names are what a person wrote, or, of shipped models, by language.
    """

    weights: str
    names: Mapping[int, str | Mapping[str, str]]
    directions: Directions

    @classmethod
    def from_json(cls, data: Any) -> _Kept:
        vectors, shares = torch.tensor(data["vectors"]), torch.tensor(data["shares"])
        if vectors.ndim != 2 or shares.shape != vectors.shape[:1] or not len(shares):
            raise ValueError(f"shapes {tuple(vectors.shape)} and {tuple(shares.shape)}")
        names = {int(index): name for index, name in data["names"].items()}
        if not all(isinstance(name, (str, dict)) for name in names.values()):
            raise ValueError("names that are none")
        return cls(str(data["weights"]), names, Directions(vectors, shares))

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "names": {str(index): name for index, name in self.names.items()},
            "vectors": self.directions.vectors.tolist(),
            "shares": self.directions.shares.tolist(),
        }


def kept_directions(weights: Path, generator: Generator) -> Directions:
    """The directions in the run's ``directions.json``; found, and kept there, where there are none.

    They stay as they are while a run is at work and once one of them has a name; else weights that
    have changed get new ones.
    """
    path = weights.parent / FILE
    kept = _read(path)
    if weights.name == WEIGHTS:  # the project's own, and perhaps not ours to write beside
        return kept.directions if kept else find_directions(generator, MAX_DIRECTIONS)
    digest = checksums(weights)
    stays = kept and (kept.weights == digest or kept.names or weights.name == "checkpoint")
    if kept and stays and kept.directions.vectors.shape[1] == generator.latent_size:
        return kept.directions
    found = find_directions(generator, MAX_DIRECTIONS)
    write_json(path, _Kept(digest, {}, found).to_json())
    return found


def keep_directions(folder: Path) -> None:
    """Write down the directions of the shipped model in ``folder``, for somebody to name them."""
    _load.cache_clear()  # the weights may have been written a moment ago
    found, card = load_gan_sampler(folder).directions, read_card(folder)
    write_json(folder / FILE, _Kept(card["sha256"], {}, found).to_json())


def direction_names(folder: Path, language: str = "en") -> Mapping[int, str]:
    """Index to name, for the directions that have one, of a run or a shipped model.

    A shipped model's name that is not there in ``language`` is empty.
    """
    kept = _read(folder / FILE)
    return {
        index: name if isinstance(name, str) else name.get(language, "")
        for index, name in (kept.names if kept else {}).items()
    }


def first_seed(run: str) -> int:
    """The seed of the sample that a shipped model of this name is opened with; 0 for all else."""
    if run not in shipped_names("gan"):
        return 0
    seed: int = read_card(shipped_folder(run)).get("first_seed", 0)
    return seed


def name_direction(folder: Path, index: int, name: str) -> None:
    """Call a direction of the run in ``folder`` by a name, or by none.

    Raises:
        UserError: there is no such direction, or its name is too long.
    """
    directions, name = load_gan_sampler(folder).directions, " ".join(name.split())
    check_number("latent.direction", index + 1, 1, len(directions.vectors), whole=True)
    if len(name) > MAX_NAME:
        raise UserError("latent.long_name", most=MAX_NAME)
    kept = _read(folder / FILE)
    if kept is None:  # lost since the directions were found
        newest = newest_weights(folder)
        assert newest is not None  # they were found in there
        kept = _Kept(checksums(newest), {}, directions)
    names = {each: said for each, said in {**kept.names, index: name}.items() if said}
    write_json(folder / FILE, replace(kept, names=names).to_json())


def _read(path: Path) -> _Kept | None:
    try:
        return _Kept.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("%s is damaged; the directions are found again.", path)
        return None
