"""Pretrained weights and their origin.

Those that come with the project are in ``assets/pretrained/``. All others come from the torch hub
cache, or are downloaded into it through torchvision's own API.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "pretrained"
CARD, WEIGHTS = "card.json", "model.safetensors"


class WeightsUnavailable(Exception):
    """The weights are not on this machine and could not be fetched; ``card`` says which."""

    def __init__(self, card: WeightsCard, cause: Exception) -> None:
        super().__init__(f"{card.name}: {cause}")
        self.card = card


@dataclass(frozen=True)
class WeightsCard(ABC):
    """The origin of one set of pretrained weights of a classifier.

    ``size_mb`` is the size of the file; ``accuracy`` the top-1 on validation pictures of ``data``
    in percent, NaN where nobody here has measured it.
    """

    name: str
    origin: str
    data: str
    licence: str
    size_mb: float
    accuracy: float

    @abstractmethod
    def is_here(self) -> bool:
        """Whether the weights can be had without a download; not whether they are undamaged."""

    @abstractmethod
    def load(self) -> Mapping[str, Tensor]:
        """The network's state dict, downloaded where it is not here yet.

        Raises:
            WeightsUnavailable: no network, no space, or the file is damaged.
        """


@dataclass(frozen=True)
class TorchvisionCard(WeightsCard):
    """A torchvision network's first ImageNet weights; ``name`` is that of the network."""

    @property
    def _weights(self) -> torchvision.models.WeightsEnum:
        # The first ImageNet weights, although newer ones score higher on ImageNet itself: label
        # smoothing and long schedules make worse frozen features (arXiv 1805.08974).
        return torchvision.models.get_model_weights(self.name)["IMAGENET1K_V1"]

    def is_here(self) -> bool:
        """Whether the file is in torch's hub cache."""
        return self._path().is_file()

    def _path(self) -> Path:
        file = Path(urlparse(self._weights.url).path).name
        return Path(torch.hub.get_dir()) / "checkpoints" / file

    def load(self) -> Mapping[str, Tensor]:
        """From torch's hub cache, else by a download that puts them there.

        Raises:
            WeightsUnavailable: no network, no space, or a damaged file, which is then deleted.
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


def torchvision_card(name: str) -> TorchvisionCard:
    """The card of a torchvision network's first ImageNet weights, filled in from its metadata."""
    meta = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].meta
    return TorchvisionCard(
        name=name,
        origin=meta["recipe"],
        data="ImageNet-1k, 1,281,167 photos in 1,000 classes",
        licence="BSD-3-Clause (torchvision); ImageNet terms of access for the data",
        size_mb=meta["_file_size"],
        accuracy=meta["_metrics"]["ImageNet-1K"]["acc@1"],
    )


@dataclass(frozen=True)
class ShippedCard(WeightsCard):
    """Weights that the project comes with."""

    folder: Path

    def is_here(self) -> bool:
        """Whether the file is there; the project also works where somebody has removed it."""
        return (self.folder / WEIGHTS).is_file()

    def load(self) -> Mapping[str, Tensor]:
        """The network's state dict, without its head: new classes need a new one.

        Raises:
            WeightsUnavailable: the file is gone or damaged.
        """
        try:
            state = load_shipped(self.folder)
        except (OSError, SafetensorError) as cause:
            raise WeightsUnavailable(self, cause) from cause
        own = {name.removeprefix("model/"): weight for name, weight in state.items()}
        return {name: weight for name, weight in own.items() if not name.startswith("head.")}


def is_shipped(folder: Path) -> bool:
    """Whether ``folder`` holds a model that the project comes with, and no run."""
    return (folder / CARD).is_file()


def shipped_folder(name: str) -> Path:
    """Where the model of this name is, or would be if it were shipped."""
    return SHIPPED / name


def shipped_names(kind: str = "") -> tuple[str, ...]:
    """The shipped models' names in order: all, or those of a ``kind``, "classifier" or "gan"."""
    names = sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}"))
    return tuple(name for name in names if kind in ("", read_card(shipped_folder(name))["kind"]))


def shipped_card(name: str) -> ShippedCard | None:
    """The card of the shipped network of this name; ``None`` where there is none."""
    folder = shipped_folder(name)
    if not is_shipped(folder):
        return None
    card = read_card(folder)
    return ShippedCard(
        name=name,
        origin=card["origin"],
        data=card["data"]["name"],
        licence=card["data"]["licence"],
        size_mb=card["bytes"] / 1e6,
        accuracy=100 * card["quality"].get("accuracy", math.nan),
        folder=folder,
    )


def read_card(folder: Path) -> Mapping[str, Any]:
    """All that ``card.json`` says of the model in ``folder``.

    Raises:
        FileNotFoundError: there is none.
    """
    card: Mapping[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return card


def load_shipped(folder: Path) -> dict[str, Tensor]:
    """The tensors of the model in ``folder``, in single precision, named as a checkpoint's.

    Raises:
        OSError: there is none.
        SafetensorError: the file is damaged.
    """
    tensors = load_file(folder / WEIGHTS)
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor.clone()
        for name, tensor in tensors.items()
    }
