"""The training pictures nearest to samples."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.core.messages import UserError
from training.data.batches import stream_squares
from training.data.imageset import ImageSet
from training.data.splits import Indices, Split, split_for_generator
from training.features.perceptual import choose_perceptual_space
from training.runs.checkpoint import CheckpointDamaged
from training.runs.folder import RunFolder

log = logging.getLogger(__name__)

MAX_TRAINING = 2000  # training pictures to compare with: 2 to 4 s on two CPU cores, and 60 MB
KEPT_IN_MEMORY = 2  # runs
BATCH = 32
COMPARED = 200  # pictures that tell the usual distance


class Neighbours:
    """The training pictures of one generator, at its resolution, at most ``most`` by ``seed``.

    They are compared as in a projection. A classifier's pooled features say what a picture shows,
    not how it looks, and blurred pictures mean nothing to them: the nearest ones of trousers were
    pullovers.

    Attributes:
        images: the run's pictures, which rows are of: ``images.square(row, side)`` shows one.
        rows: the training pictures that are compared with.
        space: only distances in the same one can be compared.

    Raises:
        UserError: the run is not of a generator, or its pictures are gone.
    """

    def __init__(self, folder: Path, *, most: int = MAX_TRAINING, seed: int = 0) -> None:
        run = RunFolder(folder)
        info = run.info()
        if info.kind != "gan":
            raise UserError("gan.not_a_generator", name=folder.name)
        self.resolution = int(info.config["resolution"])
        try:
            self.images = run.images()
            self.images.picture(0)  # the pixels are a file of their own, which may be gone as well
        except FileNotFoundError as problem:
            raise UserError("run.no_data", name=info.name) from problem
        train = _training_rows(run, self.images, info.config["seed"])
        self.rows = np.random.default_rng(seed).permutation(train)[:most]
        self._space = choose_perceptual_space()
        self.space = self._space.name
        self._embeddings: Tensor | None = None  # (N, F), half precision: it is a lot

    def prepare(self) -> Iterator[float]:
        """Embed the training pictures, once; yields the share that is done, 0 to 1."""
        if self._embeddings is not None:
            return
        parts, done = [], 0
        for batch in stream_squares(self.images, self.rows, self.resolution, BATCH):
            parts.append(self._space.embed(batch).half())
            done += len(batch)
            yield done / len(self.rows)
        self._embeddings = torch.cat(parts)

    def find(self, pixels: Tensor, count: int = 6) -> list[tuple[int, float]]:
        """The rows of the ``count`` training pictures most like ``pixels``, and their distances.

        The most similar first; distances are those of a projection. ``pixels`` is (1, 3, R, R)
        uint8. Calls ``prepare`` where that has not been done.
        """
        embeddings = self._prepared()
        wanted = self._space.embed(pixels).half().float()  # rounded as the others are
        parts = [(part.float() - wanted).square().sum(1) for part in embeddings.split(COMPARED)]
        distances = torch.cat(parts)
        places = distances.argsort()[:count]
        rows = self.rows[places.numpy()].tolist()
        return list(zip(rows, distances[places].tolist(), strict=True))

    def usual_distance(self) -> float:
        """The median distance from a training picture to the nearest other one.

        A generated picture that is much nearer to one than that may well be a copy of it. Of
        ``COMPARED`` pictures at most, and about half a second of work.
        """
        embeddings = self._prepared()
        some = embeddings[:COMPARED].float()
        parts = [torch.cdist(some, part.float()) for part in embeddings.split(COMPARED)]
        distances = torch.cat(parts, 1).fill_diagonal_(torch.inf)  # (C, N)
        return float(distances.amin(1).square().median())

    def _prepared(self) -> Tensor:
        for _ in self.prepare():
            pass
        assert self._embeddings is not None
        return self._embeddings


def load_neighbours(folder: Path) -> Neighbours:
    """The ``Neighbours`` of the run in ``folder``, in memory until it or its pictures change.

    Raises:
        UserError: the run is not of a generator, or its pictures are gone.
    """
    data = folder / RunFolder(folder).info().data
    files = (folder / "run.json", data / "imageset.json", data / "pixels.bin")
    return _load(folder, tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files))


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(folder: Path, versions: tuple[int, ...]) -> Neighbours:
    return Neighbours(folder)


def _training_rows(run: RunFolder, images: ImageSet, seed: int) -> Indices:
    """The training split as the checkpoint says; without one, made again from the run's seed."""
    try:
        saved = run.checkpoint()
    except CheckpointDamaged as problem:
        log.warning("The pictures are divided anew: %s", problem)
        saved = None
    if saved is not None:
        return Split.from_json(saved.state["split"]).train
    return split_for_generator(images, seed).train
