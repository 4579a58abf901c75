"""Features kept beside the pictures.

They are computed once for each frozen network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.frozen import frozen_batch
from training.core.home import new_id
from training.data.batches import stream_squares, to_unit
from training.data.imageset import ImageSet
from training.data.splits import Indices

log = logging.getLogger(__name__)

PREPROCESSING = 2  # one more whenever pictures reach networks in another way, such as resized


@dataclass(frozen=True)
class Counted:
    """``done`` pictures have features; ``fresh`` of them were computed just now, not read."""

    done: int
    fresh: int


class FeatureStore:
    """The (D,) features of one network for pictures of one set, by their place in the set.

    A place is a picture's offset in ``pixels.bin``: it stays the same however the set is
    edited, merged or subset. ``network`` names the network and its input size, such as
    "mobilenet_v2-224", and ``weights`` its weights, such as a hash of them: features of other
    weights or of another ``PREPROCESSING`` are not read, and give way when new ones are written.
    ``network`` is ``None`` for weights that are not frozen for good, so that nothing is read or
    written.
    """

    def __init__(self, images: ImageSet, network: str | None, weights: str = "") -> None:
        name = f"{network}.{PREPROCESSING}-{weights}.safetensors"
        self.path = images.folder / "features" / name if network else None
        self._network = network
        self._known: dict[int, Tensor] = {}
        if self.path and self.path.exists():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        try:
            kept = load_file(path)
            features = kept["features"].clone()  # free of the file, which may be replaced
            self._known = dict(zip(kept["offsets"].tolist(), features, strict=True))
        except (SafetensorError, KeyError, ValueError, OSError) as problem:
            log.warning("%s is damaged and will be computed again: %s", path, problem)

    def missing(self, images: ImageSet, rows: Indices) -> Indices:
        """Those of ``rows`` that have no features yet, in their order."""
        return rows[[int(images.offsets[row]) not in self._known for row in rows]]

    def get(self, images: ImageSet, rows: Indices) -> Tensor:
        """(len(rows), D) float32.

        Raises:
            KeyError: one of ``rows`` has no features yet.
        """
        return torch.stack([self._known[int(images.offsets[row])] for row in rows])

    def add(self, images: ImageSet, rows: Indices, features: Tensor) -> None:
        """Remember ``features`` (len(rows), D) in memory; only ``write`` puts them on disk."""
        self._known.update(zip(images.offsets[rows].tolist(), features, strict=True))

    def write(self) -> None:
        """Replace the file by one with all that is known, in one rename.

        Raises:
            OSError: no space or no permission; an older file is untouched.
        """
        if self.path is None or not self._known:
            return
        self.path.parent.mkdir(exist_ok=True)
        fresh = self.path.with_suffix(f".{new_id()}.new")
        offsets = torch.from_numpy(np.fromiter(self._known, dtype=np.int64))
        save_file({"offsets": offsets, "features": torch.stack(list(self._known.values()))}, fresh)
        fresh.replace(self.path)
        outdated = self.path.parent.glob(f"{self._network}.*safetensors")
        before = self.path.with_name(f"{str(self._network).rpartition('-')[0]}.safetensors")
        for other in (*outdated, before):  # the last one is how earlier versions called theirs
            if other != self.path:
                other.unlink(missing_ok=True)


def extract(
    forward: Callable[[Tensor], Tensor],
    images: ImageSet,
    rows: Indices,
    side: int,
    device: torch.device,
    store: FeatureStore,
) -> Generator[Counted, None, None]:
    """Bring ``forward``'s features of ``rows`` into ``store``, batch by batch, and onto the disk.

    What was done is also kept when the iteration ends early.
    """
    missing = store.missing(images, rows)
    if not missing.size:
        return
    known, fresh = len(rows) - len(missing), 0
    try:
        for pixels in stream_squares(images, missing, side, frozen_batch(device)):
            features = forward(to_unit(pixels, device)).float().cpu().clone()
            store.add(images, missing[fresh : fresh + len(pixels)], features)
            fresh += len(pixels)
            yield Counted(known + fresh, fresh)
    finally:
        store.write()
