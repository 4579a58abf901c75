"""Whether a picture is like anything that a classifier has learned from.

A classifier answers with one of its classes, whatever it is shown, and often surely. Its features
tell more: those of a picture of something else lie far from those of every training picture
(arXiv 2204.06507).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor

from training.classifier.head import stratified_order
from training.core.paths import ASSETS
from training.data.batches import to_batch, to_unit
from training.data.imageset import ImageSet, centre_square
from training.data.splits import Split
from training.features.store import FeatureStore, extract
from training.runs.events import Event, Tick

MAX_BANK = 2000  # training pictures whose features are kept: 1.8 MB of seedling-s's
FRESH = 256  # pictures at most that are looked at for this alone, where their features are not kept
FALSE_ALARMS = 0.05  # of held-out pictures
MIN_HELD_OUT = 20  # below, training pictures help to say what is usual
MAX_OTHERS = 60  # pictures of another set
GARDEN = "garden"


@dataclass(frozen=True)
class Familiar:
    """What has been seen, and how far from it is unlike all of that.

    Attributes:
        bank: (N, D) float16, features of training pictures, each of length 1.
        threshold: the distance to the nearest of them beyond which a picture is a stranger.
    """

    bank: Tensor
    threshold: float

    @classmethod
    def of(cls, seen: Tensor, held_out: Tensor) -> Familiar:
        """From features (N, D) of training pictures and (M, D) of held-out ones.

        ``FALSE_ALARMS`` of the held-out pictures are beyond the threshold. Where they are too few
        to say what is usual, each training picture's distance to the others counts as well.
        """
        bank = F.normalize(seen.float(), dim=1).half()
        found = nearest(held_out, bank)
        if len(held_out) < MIN_HELD_OUT:
            apart = torch.cdist(bank.float(), bank.float()).fill_diagonal_(math.inf)
            found = torch.cat([found, apart.amin(1)]) if len(bank) > 1 else found
        # As conformal prediction has it: for M pictures the ceil((M + 1) * 0.95)-th distance.
        rank = min(len(found), math.ceil((len(found) + 1) * (1 - FALSE_ALARMS)))
        return cls(bank, found.sort().values[rank - 1].item() if rank else math.inf)

    def are_strange(self, features: Tensor) -> Tensor:
        """(M,) bool for features (M, D)."""
        return nearest(features, self.bank) > self.threshold

    def state_dict(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        return {"bank": self.bank, "threshold": torch.tensor(self.threshold)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> Familiar | None:
        """The reverse; ``None`` for models of earlier versions, which have none."""
        return cls(state["bank"], state["threshold"].item()) if state else None


def nearest(features: Tensor, bank: Tensor) -> Tensor:
    """The distance (M,) of each row of ``features`` (M, D), at length 1, to the next of ``bank``.

    One neighbour, and features as they are: tried on five classes of clothes, five of Tiny
    ImageNet, avatars and the garden, with ``seedling-s`` and mobilenet_v2, against the third and
    the tenth neighbour and against centred, standardised and square-rooted features, this missed
    fewest pictures of other sets.
    """
    return torch.cdist(F.normalize(features.float(), dim=1), bank.float()).amin(1)


def learn_familiar(
    images: ImageSet,
    split: Split,
    forward: Callable[[Tensor], Tensor],
    side: int,
    device: torch.device,
    store: FeatureStore,
    seed: int,
) -> Generator[Event, None, Familiar]:
    """What ``forward``, the features below the head, says of training and validation pictures.

    Evenly over the classes; not of all where their features are not in ``store`` anyway.
    """
    order = stratified_order(images, split, seed)
    is_kept = not store.missing(images, order).size
    most = (MAX_BANK, len(order)) if is_kept else (FRESH - FRESH // 4, FRESH // 4)
    train, val = (
        order[np.isin(order, part)][:count]
        for part, count in zip((split.train, split.val), most, strict=True)
    )
    for _ in extract(forward, images, np.concatenate([train, val]), side, device, store):
        yield Tick()
    seen = store.get(images, train)
    held_out = store.get(images, val) if val.size else seen[:0]
    return Familiar.of(seen, held_out)


def count_strangers(
    familiar: Familiar,
    test: Tensor,
    name: str,
    forward: Callable[[Tensor], Tensor],
    side: int,
    device: torch.device,
) -> dict[str, Any]:
    """How often ``familiar`` is right, as [those called strange, of how many].

    ``test`` (M, D) are features of test pictures, of which none should be; ``others`` are pictures
    of a set that comes with the project, of which all should be. ``name`` is what is learned.
    """
    pictures = _digits() if name == GARDEN else _garden()
    squares = to_batch(np.stack([centre_square(each, side) for each in pictures]))
    features = torch.cat([forward(to_unit(x, device)).float().cpu() for x in squares.split(8)])
    own, other = familiar.are_strange(test), familiar.are_strange(features)
    return {
        "own": [int(own.sum()), len(own)],
        "others": [int(other.sum()), len(other)],
        "other_set": "digits" if name == GARDEN else GARDEN,
    }


def _garden() -> list[NDArray[np.uint8]]:
    with zipfile.ZipFile(ASSETS / "examples" / "garden.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        chosen = names[:: max(1, len(names) // MAX_OTHERS)][:MAX_OTHERS]
        found = []
        for name in chosen:
            with archive.open(name) as file:
                found.append(np.asarray(Image.open(file).convert("RGB")))
    return found


def _digits() -> list[NDArray[np.uint8]]:
    grey = (load_digits().images[:MAX_OTHERS] * (255 / 16)).astype(np.uint8)
    return [np.repeat(each[..., None], 3, axis=2) for each in grey]
