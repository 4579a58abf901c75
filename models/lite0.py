"""EfficientNet-Lite0 as a judge of pictures.

Google's network in timm's form; the weights come with Seedling. No generator learns through it, so
that none can learn to please it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.weights import ShippedCard, shipped_card

NAME, SIDE = "efficientnet-lite0", 128  # px; of 64, 96, 128 and 160 the largest with 500 images/s
# Strides 16 and 32 in these many places a side, then the means of the last layer: with places,
# shuffled patches are not what they were before. ``SPREADS`` are the root of the summed variances
# of each part over 2,600 photos of Tiny ImageNet, so that every part has the same say.
PLACES = {4: 4, 6: 2}  # of the blocks, by their number
SPREADS = (172.6, 89.13, 28.38)


def judge_card() -> ShippedCard | None:
    """The card of the weights, where they are there."""
    card = shipped_card(NAME)
    return card if card is not None and card.is_here() else None


class Lite0Features(nn.Module):
    """Layout and content of pictures: (B, 3, SIDE, SIDE) in [0, 1] to (B, D), variances about 1.

    The last ``content`` of the D features are the means of the last layer, which say what is in a
    picture wherever it is.

    Raises:
        WeightsUnavailable: the file is damaged.
    """

    def __init__(self, card: ShippedCard) -> None:
        super().__init__()
        import timm  # takes seconds to import, and only who judges needs it

        with torch.device("meta"):  # no random weights only to throw them away
            network: Any = timm.create_model("tf_efficientnet_lite0")
        network.load_state_dict(card.load(), assign=True)
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.blocks: nn.Sequential = network.blocks
        self.last = nn.Sequential(network.conv_head, network.bn2)
        self.content = int(network.num_features)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        x, parts = self.stem(images * 2 - 1), []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in PLACES:
                parts.append(F.adaptive_avg_pool2d(x, PLACES[number]).flatten(1))
        parts.append(self.last(x).mean(dim=(2, 3)))
        total = sum(part.shape[1] for part in parts)
        scale = math.sqrt(total / len(parts))
        return torch.cat([p * (scale / s) for p, s in zip(parts, SPREADS, strict=True)], dim=1)
