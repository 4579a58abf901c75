"""Pretrained weights: what they are, and where they come from.

The torch hub cache is looked at first, then torchvision's own API downloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import torch
import torchvision
from torch import Tensor


class WeightsUnavailable(Exception):
    """The weights are not on this machine and could not be fetched."""

    def __init__(self, card: WeightsCard, cause: Exception) -> None:
        """Keep the ``card``, so that whoever catches this can say what was wanted."""
        super().__init__(f"{card.name}: {cause}")
        self.card = card


@dataclass(frozen=True)
class WeightsCard:
    """The origin of one set of pretrained weights.

    ``size_mb`` is the size of the download; ``accuracy`` the published top-1 on ImageNet in
    percent.
    """

    name: str
    origin: str
    data: str
    licence: str
    size_mb: float
    accuracy: float

    @property
    def _weights(self) -> torchvision.models.WeightsEnum:
        # The first ImageNet weights, although newer ones score higher on ImageNet itself: label
        # smoothing and long schedules make worse frozen features (arXiv 1805.08974).
        return torchvision.models.get_model_weights(self.name)["IMAGENET1K_V1"]

    def is_here(self) -> bool:
        """Whether the weights can be had without a download."""
        return self._path().is_file()

    def _path(self) -> Path:
        file = Path(urlparse(self._weights.url).path).name
        return Path(torch.hub.get_dir()) / "checkpoints" / file

    def load(self) -> Mapping[str, Tensor]:
        """The network's state dict, downloaded where it is not here yet.

        Raises:
            WeightsUnavailable: no network, no space, or the cached file is damaged.
        """
        try:
            state: Mapping[str, Tensor] = self._weights.get_state_dict(
                progress=False, check_hash=True, map_location="cpu", weights_only=True
            )
        except OSError as cause:  # also what a network that is not there raises
            raise WeightsUnavailable(self, cause) from cause
        except Exception as cause:  # torch has many for a file that is not what it claims to be
            self._path().unlink(missing_ok=True)  # so that the next try downloads it again
            raise WeightsUnavailable(self, cause) from cause
        return state


def torchvision_card(name: str) -> WeightsCard:
    """The card of a torchvision network's first ImageNet weights."""
    meta = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta
    return WeightsCard(
        name=name,
        origin=meta["recipe"],
        data="ImageNet-1k, 1,281,167 photos in 1,000 classes",
        licence="BSD-3-Clause (torchvision); ImageNet terms of access for the data",
        size_mb=meta["_file_size"],
        accuracy=meta["_metrics"]["ImageNet-1K"]["acc@1"],
    )
