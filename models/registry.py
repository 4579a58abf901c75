"""The registry of classifier backbones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor

from models.classifiers import Classifier, from_torchvision, seedling_net, seedling_s
from models.weights import WeightsCard, shipped_card, torchvision_card

# How many of the last stages a head on frozen features reads. Right answers of 713 test photos of
# clothing.zip, see docs/measured.md.
HEAD_STAGES = 3


@dataclass(frozen=True)
class Backbone:
    """One entry of the registry.

    ``build(class_count, pretrained)`` gives the network; ``image_size`` is the side in pixels of
    the square pictures it was made for; ``card`` is ``None`` where there are no pretrained
    weights, so that only training from scratch is possible.
    """

    name: str
    image_size: int
    build: Callable[[int, bool], Classifier]
    card: WeightsCard | None


def _own(name: str, image_size: int, build: Callable[[int], Classifier]) -> Backbone:
    card = shipped_card(name)

    def build_own(class_count: int, pretrained: bool) -> Classifier:
        if not pretrained:
            return build(class_count)
        if card is None:
            raise ValueError(f"{name} has no pretrained weights.")
        model = build(class_count)
        # The card gives no head, since its classes are not those of the new task.
        head = {f"head.{key}": weight for key, weight in model.head.state_dict().items()}
        model.load_state_dict({**card.load(), **head})
        return model

    return Backbone(name, image_size, build_own, card)


def _torchvision(name: str) -> Backbone:
    card = torchvision_card(name)

    def build(class_count: int, pretrained: bool) -> Classifier:
        if not pretrained:
            network = torchvision.models.get_model(name, weights=None)
        else:
            state = card.load()
            with torch.device("meta"):  # no random weights only to throw them away
                network = torchvision.models.get_model(name, weights=None)
            network.load_state_dict(state, assign=True)
        return from_torchvision(network, class_count)

    return Backbone(name, 224, build, card)


BACKBONES: dict[str, Backbone] = {
    entry.name: entry
    for entry in (
        _own("seedling-s", 64, seedling_s),
        _own("seedling_net", 64, seedling_net),
        _torchvision("squeezenet1_1"),
        _torchvision("mobilenet_v2"),
        _torchvision("mobilenet_v3_small"),
        _torchvision("mobilenet_v3_large"),
        _torchvision("resnet18"),
        _torchvision("resnet50"),
        _torchvision("efficientnet_b0"),
        _torchvision("convnext_tiny"),
    )
}


def list_models() -> tuple[str, ...]:
    """The names that ``create_model`` takes, the project's own networks first."""
    return tuple(BACKBONES)


def create_model(
    name: str, class_count: int, *, pretrained: bool = False, head_stages: int = 1
) -> Classifier:
    """A classifier with ``class_count`` outputs and a new head on the last ``head_stages`` stages.

    Raises:
        KeyError: no such name; ``list_models()`` has them.
        ValueError: ``pretrained``, but there are no such weights.
        WeightsUnavailable: ``pretrained``, but the weights could not be had.
    """
    if name not in BACKBONES:
        raise KeyError(f"{name!r} is not a backbone; there are {', '.join(BACKBONES)}.")
    model = BACKBONES[name].build(class_count, pretrained)
    if head_stages > 1:
        model.read_stages(head_stages)
    return model


def restore_model(name: str, class_count: int, weights: Mapping[str, Tensor]) -> Classifier:
    """The classifier that ``weights``, a ``Classifier.state_dict()``, was taken from.

    The model takes the tensors over as they are. The head's width tells how many stages it reads.

    Raises:
        KeyError: no such name.
        RuntimeError: the weights belong to another network or number of classes.
    """
    with torch.device("meta"):
        model = create_model(name, class_count)
        if weights["head.weight"].shape[1] != model.head.in_features:
            model.read_stages(HEAD_STAGES)
    model.load_state_dict(weights, assign=True)
    return model
