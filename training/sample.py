"""A trained generator at work: seeds in, pictures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from models.gans.layers import Generator
from models.gans.registry import GanShape, create_generator
from models.latent import draw_latents
from training.checkpoint import Checkpoint
from training.record import load_model
from training.text import UserError

BATCH = 64
KEPT_IN_MEMORY = 8  # generators; a class of thirty tries few different ones at a time
PSI_BOUNDS = (-1.0, 1.5)
GRID_LATENTS, GRID_COLUMNS, MOST_CLASS_ROWS = 64, 8, 16


def to_pixels(images: Tensor) -> Tensor:
    """(B, 3, R, R) around [-1, 1] to uint8 on the CPU."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


@torch.no_grad()
def make_pictures(
    generator: Generator, z: Tensor, labels: Tensor | None, *, psi: float = 1.0
) -> Tensor:
    """(N, latent_size) and (N,) to (N, 3, R, R) uint8 on the CPU; ``generator`` in eval mode."""
    device = next(generator.parameters()).device
    batches = []
    for start in range(0, len(z), BATCH):
        rows = slice(start, start + BATCH)
        y = labels[rows].to(device) if labels is not None else None
        batches.append(to_pixels(generator(z[rows].to(device), y, psi=psi)))
    return torch.cat(batches)


def grid_labels(class_count: int) -> Tensor | None:
    """The classes of a grid of ``GRID_COLUMNS`` columns and at least ``GRID_LATENTS`` samples.

    Each class has the same number of rows, one after the other; more than ``MOST_CLASS_ROWS``
    classes take turns instead. ``None`` without classes.
    """
    if class_count == 0:
        return None
    if class_count > MOST_CLASS_ROWS:
        return torch.arange(GRID_LATENTS) % class_count
    rows = -(-GRID_LATENTS // (GRID_COLUMNS * class_count))
    return torch.arange(class_count).repeat_interleave(rows * GRID_COLUMNS)


def restore_generator(saved: Checkpoint) -> tuple[Generator, GanShape]:
    """The generator of a run's ``model/``, ready to make pictures on the CPU, and its shape.

    Raises:
        RuntimeError, ValueError, KeyError: the weights fit no network that can be built.
    """
    shape = GanShape.from_json(saved.state["shape"])
    return generator_from(shape, saved.part("generator")), shape


def generator_from(shape: GanShape, weights: Mapping[str, Tensor]) -> Generator:
    """The generator that ``weights`` were taken from, in eval mode; it takes them over.

    Raises:
        RuntimeError: they belong to another network.
    """
    with torch.device("meta"):
        generator = create_generator(shape)
    generator.load_state_dict(weights, assign=True)
    return generator.eval().requires_grad_(False)


class Sampler:
    """The generator of one finished run."""

    def __init__(self, folder: Path) -> None:
        """Load ``folder/model``.

        Raises:
            UserError: the run has no generator, or it can't be read.
        """
        saved = load_model(folder)
        if saved.state["kind"] != "gan":
            raise UserError("gan.not_a_generator", name=folder.name)
        try:
            self.generator, shape = restore_generator(saved)
        except (RuntimeError, ValueError, KeyError) as problem:  # of another version of Seedling
            raise UserError("run.damaged", name=folder.name) from problem
        self.class_names: tuple[str, ...] = tuple(saved.state["class_names"])
        self.resolution, self.latent_size = shape.resolution, shape.latent_size

    def __call__(
        self, seeds: Sequence[int], class_name: str | None = None, psi: float = 1.0
    ) -> Tensor:
        """(N, 3, R, R) uint8, one picture for each seed; the same seed gives the same picture.

        Without ``class_name`` a generator with classes takes them in turn, by seed.

        Raises:
            UserError: no such class, or ``psi`` out of bounds.
        """
        low, high = PSI_BOUNDS
        if not low <= psi <= high:
            raise UserError("config.number", field="truncation", value=psi, low=low, high=high)
        labels = None
        if class_name and class_name not in self.class_names:
            names = ", ".join(self.class_names) or "-"
            raise UserError("gan.no_class", name=class_name, allowed=names)
        if self.class_names:
            count = len(self.class_names)
            chosen = self.class_names.index(class_name) if class_name else None
            picked = [seed % count if chosen is None else chosen for seed in seeds]
            labels = torch.tensor(picked)
        return make_pictures(self.generator, draw_latents(seeds, self.latent_size), labels, psi=psi)


def load_sampler(folder: Path) -> Sampler:
    """The sampler of the run in ``folder``, kept in memory until its model changes.

    Raises:
        UserError: the run has no generator, or it can't be read.
    """
    state = folder / "model" / "state.json"
    return _load(folder, state.stat().st_mtime_ns if state.exists() else 0)


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(folder: Path, version: int) -> Sampler:
    return Sampler(folder)
