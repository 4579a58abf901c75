"""A discriminator on pretrained features.

arXiv 2111.01007. A generator gets useful gradients from the first step on, since the features that
tell pictures apart need not be learned first. Fixed random mixing keeps the discriminator from
leaning on the few of them that give samples away at once. Beside the features it sees the pictures
themselves: a classifier has learned not to care for colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrizations import spectral_norm

from models.classifiers import Classifier
from models.gans.layers import LOWEST, SLOPE, Discriminator, ProjectionHead
from models.gans.registry import GanShape
from models.registry import create_model

# Of the maps that are used, where a backbone has them: those of 16, 8, 4 and 2 px, of pictures of
# 64 px and of 32. The paper enlarges all to 224 px, for which a CPU has no time.
STRIDES, SMALL_STRIDES, SMALL = (4, 8, 16, 32), (2, 4, 8, 16), 64  # below this side, in px
# The scale of the pictures themselves. Measured on 2,903 emoji, hinge loss, 4 minutes on one core:
# FD 82 without it and 69 with it in seedling-s's features, 1786 and 1789 in mobilenet_v2's.
PIXELS, PIXEL_SIDE = "pixels", 64  # px at most
RANDOM_SEED = 0  # of a backbone without pretrained weights
PROBES, PROBE_SIDE = 8, 8  # pictures, and how many pixels their sides have before enlarging


class ProjectedDiscriminator(Discriminator):
    """Frozen features, fixed random mixing, and a small discriminator for each scale.

    The score is the mean over the scales and places. ``blocks`` is what learns, named by the
    stride of the maps that it takes, so that ``stages`` run from fine to coarse; the first one,
    ``PIXELS``, takes the pictures themselves.

    Spectral normalisation takes the place of a gradient penalty. BatchNorm makes the difference
    between learning and not: on Fashion-MNIST, with mobilenet_v2 and the hinge loss, the Fréchet
    distance (in that network's own features) went from 2451 to 910 in 8,192 images with it, and
    to 2226 in 4,096 images, unmoved since the 2,048th, without. Beside a penalty for each picture
    it would mean nothing (arXiv 1704.00028, section 4), so losses that have one go without.

    The backbone is known by its name: its weights are no parameters and not in ``state_dict()``.
    It moves along where the discriminator moves, and stays in eval mode always. The mixing is
    drawn anew for every discriminator, and is in ``state_dict()``.
    """

    def __init__(
        self,
        backbone: Classifier,
        side: int,
        class_count: int,
        width: int,
        *,
        batch_norm: bool = True,
    ) -> None:
        """Draw random weights; ``backbone`` is taken over and changed.

        Args:
            backbone: on any device; its head is not used.
            side: pictures are resized to ``side`` px for it; 32 or more.
            class_count: 0 for a network without classes.
            width: maps at stride 4 are mixed to twice as many channels, coarser ones to up to 8
                times as many.
            batch_norm: for losses without a gradient penalty.
        """
        super().__init__()
        self.side = side
        features = FrozenFeatures(backbone, side)
        self._hidden = (features,)  # from nn.Module, which makes no submodule of a tuple
        most = width * 8
        channels = [min(width * scale.stride // 2, most) for scale in features.scales]
        self.mixing = RandomMixing(features.scales, channels)
        self.pixel_side = min(side, PIXEL_SIDE)
        pixels = _pixel_discriminator(width, most, self.pixel_side, batch_norm)
        self.blocks = nn.ModuleDict({PIXELS: pixels})
        for scale, inner in zip(features.scales, channels, strict=True):
            block = _small_discriminator(inner, most, scale.side, batch_norm)
            self.blocks[str(scale.stride)] = block
        self.neck = nn.Flatten()
        count = len(self.blocks)
        self.head = ProjectionHead(MeanOverScales(count, most), count * most, class_count)

    @property
    def backbone(self) -> FrozenFeatures:
        """The frozen network: on this module's device, but none of its submodules."""
        return self._hidden[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        # How to(), float() and the like reach every tensor: the backbone has to come along.
        self.backbone._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, R, R) in [-1, 1] to (B, F): each scale's means over its places, side by side."""
        if x.shape[-2:] != (self.side, self.side):
            x = F.interpolate(x, (self.side, self.side), mode="bilinear")
        small = self.side == self.pixel_side
        pixels = x if small else F.interpolate(x, self.pixel_side, mode="area")
        maps = [pixels, *self.mixing(self.backbone(x))]
        means = [
            block(scale).mean((2, 3))
            for block, scale in zip(self.blocks.values(), maps, strict=True)
        ]
        vectors: Tensor = self.neck(torch.stack(means, 1))
        return vectors


@dataclass(frozen=True)
class Scale:
    """One of a backbone's maps: stride, side and channels, and ``size``, its usual value (RMS)."""

    stride: int
    side: int
    channels: int
    size: Tensor


class FrozenFeatures(nn.Module):
    """The last map that a classifier makes at each of a few strides; its weights stand still.

    ``scales`` says what the maps of pictures of ``side`` px are, from fine to coarse. The layers of
    ``classifier`` are taken over and changed.
    """

    shift: Tensor
    spread: Tensor

    def __init__(self, classifier: Classifier, side: int) -> None:
        super().__init__()
        # The classifier's own normalisation, but of pictures in [-1, 1].
        self.register_buffer("shift", 2 * classifier.mean - 1)
        self.register_buffer("spread", 2 * classifier.std)
        trunk = nn.Sequential(*classifier.stages).eval().requires_grad_(False)
        layers = list(_flat(make_twice_differentiable(fold_norms(trunk))))
        sides, sizes = self._probe(layers, next(trunk.parameters()).device, side)
        strides = SMALL_STRIDES if side < SMALL else STRIDES
        self.parts, self.scales = nn.ModuleList(), list[Scale]()
        part = nn.Sequential()
        for layer, here, after, (channels, size) in zip(
            layers, sides, [*sides[1:], 0], sizes, strict=True
        ):
            part.append(layer)
            stride = 2 ** round(math.log2(side / here))  # 15 px of 64 is stride 4, too
            if here != after and stride in strides:
                self.scales.append(Scale(stride, here, channels, size))
                self.parts.append(part)
                part = nn.Sequential()
        self.eval()

    @torch.no_grad()
    def _probe(
        self, layers: Sequence[nn.Module], device: torch.device, side: int
    ) -> tuple[list[int], list[tuple[int, Tensor]]]:
        """The side, and the channels and usual value, of what each layer makes of a few pictures.

        They are random and smooth: coarse maps show little of noise from pixel to pixel.
        """
        x = torch.rand(PROBES, 3, PROBE_SIDE, PROBE_SIDE, device=device) * 2 - 1
        x = F.interpolate(x, (side, side), mode="bilinear")
        x = (x - self.shift.to(device)) / self.spread.to(device)
        sides, sizes = [], []
        for layer in layers:
            x = layer(x)
            sides.append(x.shape[-1])
            sizes.append((x.shape[1], x.square().mean().sqrt()))
        return sides, sizes

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, side, side) in [-1, 1] to a map (B, C, H, W) for each scale."""
        x, maps = (x - self.shift) / self.spread, []
        for part in self.parts:
            x = part(x)
            maps.append(x)
        return maps


def fold_norms(network: nn.Module) -> nn.Module:
    """Multiply every BatchNorm of ``network``, in eval mode, into the convolution before it.

    Changes ``network`` and returns it. Counts on layers being registered in the order in which
    they run, as in every backbone here. One mobilenet_v2 is then 1.4 to 1.8 times as fast on a CPU.
    """
    before: tuple[str, nn.Module] | None = None
    for name, layer in list(network.named_children()):
        if before and isinstance(before[1], nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
            setattr(network, before[0], fuse_conv_bn_eval(before[1], layer))
            setattr(network, name, nn.Identity())
        else:
            fold_norms(layer)
        before = name, layer
    return network


class HardSigmoid(nn.Module):
    """``nn.Hardsigmoid``, but differentiable twice in torch, as gradient penalties need."""

    def forward(self, x: Tensor) -> Tensor:
        """min(max(x + 3, 0), 6) / 6; the same shape in and out."""
        return F.relu6(x + 3) / 6


def make_twice_differentiable(network: nn.Module) -> nn.Module:
    """Replace what torch can differentiate once only; changes ``network`` and returns it."""
    for layer in list(network.modules()):
        for name, inner in layer.named_children():
            if isinstance(inner, nn.Hardsigmoid):
                setattr(layer, name, HardSigmoid())
    return network


def _flat(layer: nn.Module) -> Iterator[nn.Module]:
    """What runs one after the other, however deep it is nested."""
    if not isinstance(layer, nn.Sequential):
        yield layer
        return
    for inner in layer:
        yield from _flat(inner)


class RandomMixing(nn.Module):
    """Mixes channels at each scale, then each coarser scale into the finer one.

    Section 3.2 of the paper. Both mixings are 1x1 convolutions with random weights that never
    change. (The paper's second one is 3x3, which would cost as much as mobilenet_v2.) Scale by
    scale, ``channels`` come out, with a usual value of 1, so that all scales have the same say.
    """

    def __init__(self, scales: Sequence[Scale], channels: Sequence[int]) -> None:
        super().__init__()
        for number, (scale, outer) in enumerate(zip(scales, channels, strict=True)):
            weight = torch.randn(outer, scale.channels, 1, 1) / math.sqrt(scale.channels)
            # A deep network with random weights can end in values of 1e-14, or all zeros.
            self.register_buffer(f"channels_{number}", weight / scale.size.clamp_min(1e-30))
        for number, (fine, coarse) in enumerate(pairwise(channels)):
            weight = torch.randn(fine, coarse, 1, 1) / math.sqrt(coarse)
            self.register_buffer(f"scales_{number}", weight)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, inner, H, W), fine to coarse, to (B, outer, H, W)."""
        mixed: list[Tensor] = []
        for number in reversed(range(len(maps))):
            x = F.conv2d(maps[number], self.get_buffer(f"channels_{number}"))
            if mixed:
                # The convolution first: it commutes with enlarging, and has less to do before.
                coarse = F.conv2d(mixed[0], self.get_buffer(f"scales_{number}"))
                coarse = F.interpolate(coarse, x.shape[-2:], mode="bilinear")
                x = (x + coarse) / math.sqrt(2)
            mixed.insert(0, x)
        return mixed


def _small_discriminator(inner: int, outer: int, side: int, batch_norm: bool) -> nn.Sequential:
    """(B, inner, side, side) to (B, outer, S, S) with S of ``LOWEST`` or less.

    Each place of the outcome gets a score of its own, whose mean is taken.
    """
    block = nn.Sequential()
    while side > LOWEST or not block:
        shrinks, side = side > LOWEST, side // 2
        after = min(2 * inner, outer) if side > LOWEST else outer
        kernel, stride = (4, 2) if shrinks else (3, 1)
        layer = nn.Conv2d(inner, after, kernel, stride, padding=1, bias=not batch_norm)
        block.append(spectral_norm(layer))
        if batch_norm:
            block.append(nn.BatchNorm2d(after))
        block.append(nn.LeakyReLU(SLOPE, inplace=True))
        inner = after
    return block


def _pixel_discriminator(width: int, outer: int, side: int, batch_norm: bool) -> nn.Sequential:
    """(B, 3, side, side) to (B, outer, S, S) with S of ``LOWEST`` or less."""
    first = spectral_norm(nn.Conv2d(3, width // 2, 4, stride=2, padding=1))
    rest = _small_discriminator(width // 2, outer, side // 2, batch_norm)
    return nn.Sequential(first, nn.LeakyReLU(SLOPE, inplace=True), *rest)


class MeanOverScales(nn.Module):
    """One linear score for each of ``count`` scales' vectors of ``length`` values, and the mean."""

    def __init__(self, count: int, length: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(spectral_norm(nn.Linear(length, 1)) for _ in range(count))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, count * length) to (B, 1)."""
        each = vectors.chunk(len(self.scores), 1)
        scores = [score(vector) for score, vector in zip(self.scores, each, strict=True)]
        return torch.stack(scores).mean(0)


def create_projected_discriminator(
    shape: GanShape, backbone_name: str, *, pretrained: bool = True
) -> ProjectedDiscriminator:
    """A discriminator on a backbone: a name from ``models.registry.list_models()``.

    Goes with any generator: of ``shape``, only ``resolution``, ``backbone_side``, ``class_count``,
    ``width`` and ``batch_norm`` matter. What learns and the mixing come from torch's global random
    numbers. Not so the backbone: without ``pretrained`` its weights are random but always the same,
    so that they need no saving either.

    Raises:
        KeyError: no such name.
        ValueError: ``pretrained``, but there are no such weights.
        WeightsUnavailable: ``pretrained``, but the weights could not be had.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(RANDOM_SEED)
        backbone = create_model(backbone_name, 1, pretrained=pretrained)
    return ProjectedDiscriminator(
        backbone,
        max(shape.resolution, shape.backbone_side),
        shape.class_count,
        shape.width,
        batch_norm=shape.batch_norm,
    )
