"""Predictions of a finished classifier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.frozen import frozen_backbone
from models.registry import BACKBONES, HEAD_STAGES, restore_model
from training.classifier.strangers import Familiar
from training.core.messages import UserError
from training.data.batches import to_batch, to_unit
from training.data.imageset import centre_square
from training.runs.folder import load_model

KEPT_IN_MEMORY = 8  # models; a class of thirty tries few different ones at a time


@dataclass(frozen=True)
class Prediction:
    """What a model says of a picture.

    Attributes:
        probabilities: by class, the highest first; among the classes that it knows.
        is_strange: whether the picture is unlike all that it has learned from; ``None`` where the
            model, of an earlier version, doesn't know.
    """

    probabilities: dict[str, float]
    is_strange: bool | None


class Predictor:
    """The model of one run."""

    def __init__(self, folder: Path) -> None:
        """Load ``folder/model``.

        Raises:
            UserError: the run has no model, it can't be read, or it is a generator.
        """
        saved = load_model(folder)
        if saved.state["kind"] != "classifier":
            raise UserError("predict.generator", name=folder.name)
        self.class_names: list[str] = saved.state["class_names"]
        self.side: int = saved.state["image_size"]
        weights = saved.part("model")
        model = restore_model(saved.state["backbone"], len(self.class_names), weights)
        self.model = model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.familiar = Familiar.from_state(
            saved.part("familiar"), saved.state.get("familiar_network", "")
        )

    def __call__(self, picture: Image.Image) -> Prediction:
        """``picture`` is as ``read_picture`` gives it."""
        square = centre_square(np.asarray(picture), self.side)
        x = to_unit(to_batch(square[None]), torch.device("cpu"))
        with torch.inference_mode():
            features = self.model.features(x)
            probabilities = self.model.head(features).softmax(dim=1)[0].tolist()
        named = dict(zip(self.class_names, probabilities, strict=True))
        best = dict(sorted(named.items(), key=lambda item: -item[1]))
        return Prediction(best, self._is_strange(picture, features))

    def _is_strange(self, picture: Image.Image, own: Tensor) -> bool | None:
        """``own`` are the model's features of the picture, (1, D)."""
        if self.familiar is None:
            return None
        if not (network := self.familiar.network):
            return bool(self.familiar.are_strange(own))
        device, side = torch.device("cpu"), BACKBONES[network].image_size
        x = to_unit(to_batch(centre_square(np.asarray(picture), side)[None]), device)
        features = frozen_backbone(network, device, HEAD_STAGES)(x)
        return bool(self.familiar.are_strange(features))


def load_predictor(folder: Path) -> Predictor:
    """The predictor of the run in ``folder``, kept in memory until its model changes.

    Raises:
        UserError: the run has no model, or it can't be read.
    """
    state = folder / "model" / "state.json"
    return _load(folder, state.stat().st_mtime_ns if state.exists() else 0)


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _load(folder: Path, version: int) -> Predictor:
    return Predictor(folder)
