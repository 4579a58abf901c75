"""Classifiers with a replaceable head.

A backbone in stages, and a linear layer behind it that is new for every task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STAGES = 5  # into which a long list of blocks is divided, as ResNets are
EXAMPLE_SIDE = 64  # px, of the picture that tells how many features there are


class Classifier(nn.Module):
    """Pictures to class scores.

    ``stages`` run from the picture upwards, then ``pool`` gives one vector of ``feature_count``
    features per picture, (B, D), and ``head`` the scores. ImageNet normalisation happens inside.

    Attributes:
        head_stages: how many of the last stages the head reads; 1 unless ``read_stages`` was
            called.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, stages: Iterable[nn.Module], pool: nn.Module, feature_count: int, class_count: int
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.pool = pool
        self.head_stages = 1
        self.head = create_head(feature_count, class_count)
        self.register_buffer("mean", _constant(IMAGENET_MEAN), persistent=False)
        self.register_buffer("std", _constant(IMAGENET_STD), persistent=False)

    def read_stages(self, count: int) -> None:
        """Let a new head read the last ``count`` stages, as signed square roots of their means.

        Early stages know textures and colours that the last one has given up, and the root keeps
        the few strong channels from drowning the others (as in bilinear pooling, arXiv
        1504.07889).
        """
        self.head_stages = count
        was_training, device = self.training, self.head.weight.device
        with torch.no_grad():
            example = torch.zeros(1, 3, EXAMPLE_SIDE, EXAMPLE_SIDE, device=device)
            width = self.eval()._read(example).shape[1]
        self.train(was_training)
        self.head = create_head(width, self.head.out_features)

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, D): what the head reads."""
        return self._read((images - self.mean) / self.std)

    def _read(self, x: Tensor) -> Tensor:
        means = []
        for number, stage in enumerate(self.stages, 1):
            x = stage(x)
            if len(self.stages) - self.head_stages < number < len(self.stages):
                means.append(x.mean(dim=(2, 3)))
        pooled: Tensor = self.pool(x)
        if self.head_stages == 1:
            return pooled
        every = torch.cat([*means, pooled], dim=1)
        return every.sign() * every.abs().sqrt()

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to scores (B, classes)."""
        scores: Tensor = self.head(self.features(images))
        return scores


def _constant(channels: tuple[float, float, float]) -> Tensor:
    # Always real, also while a model is put together on the meta device.
    return torch.tensor(channels, device="cpu").view(1, 3, 1, 1)


class Features(nn.Module):
    """A classifier without its head, as a module that can be traced; it shares the layers."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to (B, D)."""
        return self.classifier.features(images)


def create_head(feature_count: int, class_count: int) -> nn.Linear:
    """A new last layer with small weights, so that its first gradients do not spoil the rest."""
    head = nn.Linear(feature_count, class_count)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head


def from_torchvision(network: nn.Module, class_count: int) -> Classifier:
    """Take a torchvision ImageNet classifier apart and give it a new head.

    Layers between the pooling and the last linear layer stay, with their weights.

    Raises:
        TypeError: the network does not end in a linear layer, nor as SqueezeNet does.
    """
    children = dict(network.named_children())
    if "fc" in children:  # ResNet
        stem = nn.Sequential(*(children[name] for name in ("conv1", "bn1", "relu", "maxpool")))
        stages = [stem, *(children[f"layer{number}"] for number in (1, 2, 3, 4))]
        pool = nn.Sequential(children["avgpool"], nn.Flatten())
        return Classifier(stages, pool, _inputs(children["fc"]), class_count)
    stages = _divide(list(children["features"].children()), STAGES)
    tail = list(children["classifier"].children())
    average = children.get("avgpool", nn.AdaptiveAvgPool2d(1))
    if isinstance(tail[1], nn.Conv2d):  # SqueezeNet: a 1x1 convolution, then the average
        pool = nn.Sequential(average, nn.Flatten())
        return Classifier(stages, pool, tail[1].in_channels, class_count)
    between = [layer for layer in tail[:-1] if not isinstance(layer, nn.Flatten)]
    norms = [layer for layer in between if isinstance(layer, nn.LayerNorm)]  # ConvNeXt's is 2-d
    rest = [layer for layer in between if not isinstance(layer, nn.LayerNorm)]
    pool = nn.Sequential(average, *norms, nn.Flatten(), *rest)
    return Classifier(stages, pool, _inputs(tail[-1]), class_count)


def _inputs(last: nn.Module) -> int:
    if not isinstance(last, nn.Linear):
        raise TypeError(f"The last layer is a {type(last).__name__}, not a linear one.")
    return last.in_features


def _divide(blocks: list[nn.Module], parts: int) -> list[nn.Module]:
    """Consecutive blocks in ``parts`` groups with about equally many parameters each.

    Equal counts of blocks would put nearly all of the weights into the last group.
    """
    weights = [sum(p.numel() for p in block.parameters()) for block in blocks]
    total, so_far = sum(weights), 0
    groups: list[list[nn.Module]] = [[] for _ in range(parts)]
    for block, weight in zip(blocks, weights, strict=True):
        middle = (so_far + weight / 2) / total
        groups[min(parts - 1, math.floor(middle * parts))].append(block)
        so_far += weight
    return [nn.Sequential(*group) for group in groups if group]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (arXiv 1512.03385).

    Where size or channels change, the shortcut is an average and a 1x1 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True),  # odd sides round up, as in conv1
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        nn.init.zeros_(self.norm2.weight)  # starts as the shortcut alone: faster first epochs

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(y + self.shortcut(x))


def seedling_net(class_count: int) -> Classifier:
    """A small residual network for 64 px pictures, random weights: 0.7 million parameters."""
    widths = (24, 48, 96, 192)
    blocks = [BasicBlock(a, b) for a, b in zip(widths, widths[1:], strict=False)]
    return _residual([_stem(widths[0]), *blocks], widths[-1], class_count)


def seedling_s(class_count: int) -> Classifier:
    """Deeper and wider, for photos of 64 to 96 px: 2.7 million parameters.

    Each stage costs about the same; more blocks where pictures are large still would slow it down.
    """
    widths, depths = (32, 64, 128, 256), (1, 2, 2)
    stages = [
        nn.Sequential(BasicBlock(a, b), *(BasicBlock(b, b, stride=1) for _ in range(depth - 1)))
        for a, b, depth in zip(widths, widths[1:], depths, strict=False)
    ]
    return _residual([_stem(widths[0]), *stages], widths[-1], class_count)


def _stem(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


def _residual(stages: list[nn.Module], feature_count: int, class_count: int) -> Classifier:
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Classifier(stages, pool, feature_count, class_count)
