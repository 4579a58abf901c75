"""The training pictures that a generated picture is most like, in the features of a network."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.batches import stream_squares
from training.checkpoint import CheckpointDamaged
from training.feature_space import choose_feature_space
from training.fidelity import neighbour_distances
from training.gan_config import GanConfig
from training.imageset import ImageSet
from training.record import RunFolder
from training.splits import Indices, Split, split_for_generator
from training.text import UserError

log = logging.getLogger(__name__)

MOST = 2000  # training pictures that are looked at; about 4 s of features on two CPU cores
KEPT_IN_MEMORY = 4  # runs, of up to 10 MB each


class Neighbours:
    """The training pictures of one generator, at its resolution, at most ``most`` by ``seed``.

    Attributes:
        images: the run's pictures, which rows are of: ``images.square(row, side)`` shows one.
        rows: those that are looked at.
        space: the features; only distances in the same ones can be compared.
    """

    def __init__(self, folder: Path, *, most: int = MOST, seed: int = 0) -> None:
        """Open the run's pictures; nothing is computed yet.

        Raises:
            UserError: the run is not of a generator, or its pictures are gone.
        """
        run = RunFolder(folder)
        config = run.config()
        if not isinstance(config, GanConfig):
            raise UserError("gan.not_a_generator", name=folder.name)
        self.resolution = config.resolution
        try:
            self.images = run.images()
            self.images.picture(0)  # the pixels are a file of their own
        except FileNotFoundError as problem:
            raise UserError("run.no_data", name=run.about().name) from problem
        train = _training_rows(run, self.images, config.seed)
        self.rows = np.random.default_rng(seed).permutation(train)[:most]
        self.space = choose_feature_space(torch.device("cpu"))
        self._features: Tensor | None = None
        self._usual: float | None = None

    def prepare(self) -> Iterator[float]:
        """Compute the training pictures' features, once; yields the share that is done."""
        if self._features is not None:
            return
        parts, done = [], 0
        for batch in stream_squares(self.images, self.rows, self.resolution, self.space.batch_size):
            parts.append(self.space(batch))
            done += len(batch)
            yield done / len(self.rows)
        self._features = torch.cat(parts)

    def find(self, pixels: Tensor, count: int = 6) -> list[tuple[int, float]]:
        """The rows of the ``count`` training pictures most like ``pixels``, and their distances.

        The most similar first. ``pixels`` is (1, 3, R, R) uint8. Calls ``prepare`` where that
        has not been done.
        """
        features = self._prepared()
        distances = (features - self.space(pixels)).norm(dim=1)
        places = distances.argsort()[:count]
        rows = self.rows[places.numpy()].tolist()
        return list(zip(rows, distances[places].tolist(), strict=True))

    def usual_distance(self) -> float:
        """The median distance from a training picture to the nearest other one.

        A generated picture that is much nearer to one than that may well be a copy of it.
        """
        if self._usual is None:
            self._usual = neighbour_distances(self._prepared()).median().item()
        return self._usual

    def _prepared(self) -> Tensor:
        for _ in self.prepare():
            pass
        assert self._features is not None
        return self._features


def load_neighbours(folder: Path) -> Neighbours:
    """Those of the run in ``folder``, kept in memory until the run or its pictures change.

    Raises:
        UserError: the run is not of a generator, or its pictures are gone.
    """
    data = folder / RunFolder(folder).about().data
    files = (folder / "run.json", data / "imageset.json", data / "pixels.bin")
    return _load(folder, tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files))


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(folder: Path, versions: tuple[int, ...]) -> Neighbours:
    return Neighbours(folder)


def _training_rows(run: RunFolder, images: ImageSet, seed: int) -> Indices:
    """What the generator learned from: as its checkpoint says, or as it was divided back then."""
    try:
        saved = run.checkpoint()
    except CheckpointDamaged as problem:
        log.warning("The pictures are divided anew: %s", problem)
        saved = None
    if saved is not None:
        return Split.from_json(saved.state["split"]).train
    return split_for_generator(images, seed).train
