"""Small backbones for equal minutes.

Which network learns most in the same time: seedling-s against others of its size.

``python benchmarks/backbone_choice.py tiny-imagenet.zip [--minutes 15] [--only seedling-s ...]``

DATA is a zip or folder of photos of 64 px with classes. Each network learns it from scratch with
the recipe of ``python -m training pretrain seedling-s``, one after the other in one process and
for the same minutes, and is evaluated on the photos held out. All have at most 3 million
parameters:

- *seedling-s*: a residual network with a 3x3 stem.
- *mobilenet_v3*: MobileNetV3-small, its first stride left out.
- *shufflenet_v2*: ShuffleNetV2 1.0, its first stride left out.
- *repvgg*: stages as seedling-s has them, but of blocks with a 3x3, a 1x1 and no convolution side
  by side, which become one when learned (arXiv 2101.03697).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import torch  # noqa: E402
import torchvision  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from models.classifiers import Classifier, from_torchvision, seedling_s  # noqa: E402
from models.registry import BACKBONES, Backbone  # noqa: E402
from training.classifier.config import ClassifierConfig  # noqa: E402
from training.classifier.train import train_classifier  # noqa: E402
from training.core.device import create_fabric  # noqa: E402
from training.export.pretrained import FILES, RECIPES  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.intake.limits import Limits  # noqa: E402
from training.runs.events import Finished  # noqa: E402

SIDE = 64  # px


class RepBlock(nn.Module):
    """A 3x3 and a 1x1 convolution and, where shapes allow it, the input itself, added up."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.wide, self.narrow = (
            nn.Sequential(
                nn.Conv2d(inner, outer, side, stride, padding=side // 2, bias=False),
                nn.BatchNorm2d(outer),
            )
            for side in (3, 1)
        )
        self.same = nn.BatchNorm2d(outer) if stride == 1 and inner == outer else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inner, H, W) to (B, outer, H / stride, W / stride)."""
        y: Tensor = self.wide(x) + self.narrow(x)
        return torch.relu(y if self.same is None else y + self.same(x))


def repvgg(class_count: int) -> Classifier:
    """As wide as seedling-s, and with as many 3x3 convolutions."""
    widths, depths = (32, 64, 128, 256), (2, 4, 4)
    stages: list[nn.Module] = [RepBlock(3, widths[0], 2)]
    for inner, outer, depth in zip(widths, widths[1:], depths, strict=False):
        rest = (RepBlock(outer, outer, 1) for _ in range(depth - 1))
        stages.append(nn.Sequential(RepBlock(inner, outer, 2), *rest))
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Classifier(stages, pool, widths[-1], class_count)


def from_larger(name: str) -> Callable[[int], Classifier]:
    """A network made for 224 px whose first convolution keeps the size of 64 px pictures."""

    def create(class_count: int) -> Classifier:
        network = torchvision.models.get_model(name, weights=None)
        first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
        first.stride = (1, 1)
        if not name.startswith("shufflenet"):
            return from_torchvision(network, class_count)
        parts = ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5")
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        stages = [getattr(network, part) for part in parts]
        return Classifier(stages, pool, network.fc.in_features, class_count)

    return create


CANDIDATES: dict[str, Callable[[int], Classifier]] = {
    "seedling-s": seedling_s,
    "mobilenet_v3": from_larger("mobilenet_v3_small"),
    "shufflenet_v2": from_larger("shufflenet_v2_x1_0"),
    "repvgg": repvgg,
}


def _create(name: str, class_count: int, pretrained: bool) -> Classifier:
    if pretrained:
        raise ValueError(f"{name} learns from scratch here.")
    return CANDIDATES[name](class_count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    options = parser.parse_args()
    recipe = RECIPES["seedling-s"].config
    assert isinstance(recipe, ClassifierConfig)
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        limits = Limits(files=FILES)
        images, _ = open_data(options.data, Path(folder) / "data", limits=limits)
        for name in options.only:
            BACKBONES[name] = Backbone(name, SIDE, partial(_create, name), None)
            config = dataclasses.replace(recipe, backbone=name, minutes=options.minutes)
            for event in train_classifier(config, images, fabric=create_fabric("cpu")):
                if isinstance(event, Finished):
                    result = event.result
            low, high = result["accuracy_range"]
            shown = ("images_seen", "seconds", "images_per_second", "parameters")
            figures = {key: result[key] for key in shown}
            print(json.dumps({"name": name, "accuracy": result["accuracy"], **figures}))
            print(f"{name:<14} {result['accuracy']:.1%} ({low:.1%} to {high:.1%})", flush=True)


if __name__ == "__main__":
    main()
