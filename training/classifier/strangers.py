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

from models.frozen import frozen_backbone
from models.registry import BACKBONES, HEAD_STAGES
from training.classifier.config import ClassifierConfig
from training.classifier.head import stratified_order
from training.core.paths import ASSETS
from training.data.batches import to_batch, to_unit
from training.data.imageset import ImageSet, centre_square
from training.data.splits import Split
from training.features.store import FeatureStore, extract
from training.runs.events import Event, Tick

MAX_BANK = 2000  # training pictures whose features are kept: 1.8 MB of seedling-s's
# Fine-tuned features make strangers look like the classes: of photos of other things a model of
# clothes noticed 60 % by its own and 96 % by pretrained ones, of avatars 1 and 47 %. So these look
# through the network that comes with the project, at 900 pictures a second.
EYES = "seedling-s"
FRESH = (600, 200, 200)  # of training, validation and test pictures, then
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
        network: whose features they are; empty for the model's own.
    """

    bank: Tensor
    threshold: float
    network: str = ""

    @classmethod
    def of(cls, seen: Tensor, held_out: Tensor, network: str = "") -> Familiar:
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
        return cls(bank, found.sort().values[rank - 1].item() if rank else math.inf, network)

    def are_strange(self, features: Tensor) -> Tensor:
        """(M,) bool for features (M, D)."""
        return nearest(features, self.bank) > self.threshold

    def state_dict(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        return {"bank": self.bank, "threshold": torch.tensor(self.threshold)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor], network: str = "") -> Familiar | None:
        """The reverse; ``None`` for models of earlier versions, which have none."""
        return cls(state["bank"], state["threshold"].item(), network) if state else None


def nearest(features: Tensor, bank: Tensor) -> Tensor:
    """The distance (M,) of each row of ``features`` (M, D), at length 1, to the next of ``bank``.

    One neighbour, and features as they are: tried on five classes of clothes, five of Tiny
    ImageNet, avatars and the garden, with ``seedling-s`` and mobilenet_v2, against the third and
    the tenth neighbour and against centred, standardised and square-rooted features, this missed
    fewest pictures of other sets.
    """
    return torch.cdist(F.normalize(features.float(), dim=1), bank.float()).amin(1)


def learn_familiar(
    config: ClassifierConfig,
    images: ImageSet,
    split: Split,
    own: Callable[[Tensor], Tensor],
    store: FeatureStore,
    device: torch.device,
) -> Generator[Event, None, tuple[Familiar, dict[str, Any]]]:
    """What is familiar to a model, and how often that is right.

    ``own`` gives its features, of which a quick model has those of all pictures in ``store``. The
    counts are [those called strange, of how many]: of test pictures ("own"), of which none should
    be, and of pictures of a set that comes with the project ("others"), of which all should be.
    """
    network, side, most = "", config.side(), (MAX_BANK, len(split.val), len(split.test))
    if config.method != "quick":
        network, store, most = EYES, FeatureStore(images, None), FRESH
        side, own = BACKBONES[EYES].image_size, frozen_backbone(EYES, device, HEAD_STAGES)
    order = stratified_order(images, split, config.seed)  # evenly over the classes
    parts = (split.train, split.val, split.test)
    train, val, test = (
        order[np.isin(order, part)][:count] for part, count in zip(parts, most, strict=True)
    )
    for _ in extract(own, images, np.concatenate([train, val, test]), side, device, store):
        yield Tick()
    seen = store.get(images, train)
    held_out = store.get(images, val) if val.size else seen[:0]
    familiar = Familiar.of(seen, held_out, network)

    others = _digits() if images.name == GARDEN else _garden()
    squares = to_batch(np.stack([centre_square(each, side) for each in others]))
    features = torch.cat([own(to_unit(x, device)).float().cpu() for x in squares.split(8)])
    strange = familiar.are_strange(store.get(images, test)), familiar.are_strange(features)
    counts = {
        name: [int(called.sum()), len(called)]
        for name, called in zip(("own", "others"), strange, strict=True)
    }
    return familiar, {**counts, "other_set": "digits" if images.name == GARDEN else GARDEN}


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
