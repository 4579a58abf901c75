"""A discriminator on a pretrained network's features, for every backbone of the registry."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from models.gans.projected import (
    FrozenFeatures,
    ProjectedDiscriminator,
    create_projected_discriminator,
)
from models.gans.registry import GanShape
from models.registry import create_model, list_models
from models.weights import WeightsUnavailable

pytestmark = pytest.mark.slow

CLASSES = 3
FEATURES = ("mobilenet_v3_small", "seedling_net")  # the quickest two: one deep, one shallow

every = pytest.mark.parametrize("name", list_models())
some = pytest.mark.parametrize("name", FEATURES)


def shape(classes: int = 0, resolution: int = 32, **options: Any) -> GanShape:
    return GanShape("dcgan", resolution, classes, width=4, **options)


def create(
    name: str, classes: int = 0, seed: int = 0, resolution: int = 32, **options: Any
) -> ProjectedDiscriminator:
    torch.manual_seed(seed)
    made = shape(classes, resolution, **options)
    return create_projected_discriminator(made, name, pretrained=False)


def pictures(count: int = 4, side: int = 32) -> Tensor:
    """Smooth ones, in [-1, 1]."""
    rough = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(5)) * 2 - 1
    return F.interpolate(rough, (side, side), mode="bilinear")


def teach_norms(network: nn.Module) -> None:
    """Change all BatchNorms of ``network`` as if they had seen pictures."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 2)
            layer.bias.data.normal_(std=0.3)
            layer.get_buffer("running_mean").normal_(std=0.3)
            layer.get_buffer("running_var").uniform_(0.5, 2)


# ---- with any backbone


@every
@pytest.mark.parametrize("batch_norm", [True, False])
def test_scores_and_their_gradients(name: str, batch_norm: bool) -> None:
    net = create(name, CLASSES, batch_norm=batch_norm)
    x, labels = pictures().requires_grad_(), torch.tensor([0, 1, 2, 0])
    scores = net(x, labels)
    assert scores.shape == (4,) and scores.isfinite().all() and scores.abs().max() < 10
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    assert slope.shape == x.shape and slope.isfinite().all()
    assert all(picture.any() for picture in slope)
    # the penalty on the slope is differentiated once more
    (slope.square().sum() + F.softplus(-scores).sum()).backward()
    for key, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.any(), key
        assert weight.grad.isfinite().all(), key
    assert all(weight.grad is None for weight in net.backbone.parameters())


@every
def test_the_features_are_those_of_the_backbone(name: str) -> None:
    torch.manual_seed(1)
    classifier = create_model(name, 2).eval()
    teach_norms(classifier)
    features = FrozenFeatures(copy.deepcopy(classifier), 64)
    x = pictures(2, 64)
    with torch.no_grad():
        maps = features(x)
        expected = ((x + 1) / 2 - classifier.mean) / classifier.std
        for stage in classifier.stages:
            expected = stage(expected)
    assert torch.allclose(maps[-1], expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
    for scale, x in zip(features.scales, maps, strict=True):
        assert x.shape == (2, scale.channels, scale.side, scale.side)
    assert len(maps) >= 3
    assert [scale.stride for scale in features.scales] == [4, 8, 16, 32][: len(maps)]


@every
def test_scales_come_out_of_the_mixing_equally_large(name: str) -> None:
    net = create(name)  # random weights make values between 1e-14 and 10
    with torch.no_grad():
        maps = net.mixing(net.backbone(pictures(side=64)))
    for mixed in maps:
        assert 0.1 < mixed.square().mean().sqrt() < 4


# ---- what is kept, and what moves


@some
def test_the_backbone_is_known_by_name_and_not_saved(name: str) -> None:
    net = create(name)
    assert {key.partition(".")[0] for key in net.state_dict()} == {"mixing", "blocks", "head"}
    learns = {id(weight) for weight in net.parameters()}
    assert not learns & {id(weight) for weight in net.backbone.parameters()}
    net.train().requires_grad_()
    assert not any(part.training for part in net.backbone.parts.modules())
    assert not any(weight.requires_grad for weight in net.backbone.parameters())
    assert all(weight.requires_grad for weight in net.parameters())


@some
def test_a_saved_discriminator_scores_the_same_when_it_is_back(name: str) -> None:
    first, second = create(name, CLASSES).eval(), create(name, CLASSES, seed=1).eval()
    x, labels = pictures(), torch.tensor([0, 1, 2, 0])
    assert not torch.allclose(first(x, labels), second(x, labels))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x, labels), second(x, labels))


@some
def test_the_backbone_comes_along(name: str) -> None:
    net = create(name).double()
    assert net(pictures().double()).dtype == torch.float64
    net.to("meta")
    assert all(weight.is_meta for weight in net.backbone.parameters())
    assert net.backbone.shift.is_meta
    assert copy.deepcopy(net).backbone is not net.backbone


@some
def test_it_can_be_put_together_without_memory(name: str) -> None:
    with torch.device("meta"):
        net = create_projected_discriminator(shape(), name, pretrained=False)
    sizes = {key: weight.shape for key, weight in net.state_dict().items()}
    assert sizes == {key: weight.shape for key, weight in create(name).state_dict().items()}


def test_a_larger_network_takes_over_all_layers_of_a_smaller_one() -> None:
    small, large = (
        create(FEATURES[0], resolution=side, backbone_side=64).state_dict() for side in (32, 64)
    )
    assert {key: x.shape for key, x in small.items()} == {k: x.shape for k, x in large.items()}
    larger = create(FEATURES[0], resolution=128).state_dict()
    assert all(larger[key].shape == x.shape for key, x in small.items() if "mixing" in key)


# ---- what it looks at


@pytest.mark.parametrize(("resolution", "side"), [(32, 64), (64, 64), (128, 128)])
def test_small_pictures_are_enlarged_where_that_is_asked_for(resolution: int, side: int) -> None:
    net = create("seedling_net", resolution=resolution, backbone_side=64).eval()
    x = pictures(2, resolution)
    scores = net(x)
    assert net.side == side
    assert torch.equal(scores, net(F.interpolate(x, (side, side), mode="bilinear")))


@pytest.mark.parametrize(("resolution", "strides"), [(32, (2, 4, 8, 16)), (64, (4, 8, 16, 32))])
def test_maps_are_as_large_whatever_the_pictures(resolution: int, strides: tuple[int, ...]) -> None:
    net = create(FEATURES[0], resolution=resolution)
    assert net.side == resolution
    assert tuple(scale.stride for scale in net.backbone.scales) == strides
    assert [scale.side for scale in net.backbone.scales] == [16, 8, 4, 2]
    assert list(net.blocks) == ["pixels", *map(str, strides)]


def test_the_smallest_pictures_of_all() -> None:
    torch.manual_seed(0)
    net = create_projected_discriminator(GanShape("mlp", 28), "seedling_net", pretrained=False)
    assert net(pictures(2, 28)).shape == (2,)


@some
def test_stages_run_from_fine_to_coarse(name: str) -> None:
    net = create(name)
    first, *rest = net.blocks
    strides = [int(stride) for stride in rest]
    assert first == "pixels"
    assert strides == sorted(strides) and strides[0] == 2
    assert net.stages == list(net.blocks.values())
    frozen = sum(w.numel() for stage in net.stages for w in stage.parameters())
    assert 0 < frozen < sum(w.numel() for w in net.parameters())  # the head is beside them


@some
def test_colour_is_seen_by_who_looks_away_from_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backbone that finds all pictures alike leaves the pixels to judge by."""
    net, x = create(name).eval(), pictures(side=64)
    alike = [maps.detach() for maps in net.backbone(x)]
    monkeypatch.setattr(net.backbone, "forward", lambda _: alike)
    assert not torch.allclose(net(x), net(x.flip(1)))  # red for blue


@some
def test_a_coarse_scale_changes_what_finer_ones_see(name: str) -> None:
    mixing = create(name).mixing
    maps = [x.clone() for x in create(name).backbone(pictures(side=64))]
    before = mixing(maps)
    maps[-1] += maps[-1].std()
    after = mixing(maps)
    assert not any(torch.allclose(x, y) for x, y in zip(before, after, strict=True))
    maps[0] += maps[0].std()
    assert all(torch.equal(x, y) for x, y in zip(after[1:], mixing(maps)[1:], strict=True))


@some
@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_score_depends_on_its_own_picture_alone_without_batch_norm(
    name: str, batch_norm: bool
) -> None:
    net, x = create(name, batch_norm=batch_norm), pictures()
    for _ in range(30):
        net(x)  # until spectral normalisation has settled
    before = net(x[:2])
    after = net(torch.cat([x[:2], -x]))[:2]
    assert torch.allclose(before, after, atol=1e-3) is not batch_norm
    net.eval()
    alone = torch.cat([net(picture[None]) for picture in x])
    assert torch.allclose(net(x), alone, atol=1e-5)
    assert alone.std() > 0


def test_labels_decide() -> None:
    net, x = create("seedling_net", CLASSES).eval(), pictures()
    assert net.head.embedding is not None
    nn.init.normal_(net.head.embedding.weight)  # as after some training
    scores = [net(x, torch.full((4,), label)) for label in range(CLASSES)]
    assert not torch.allclose(scores[0], scores[1]) and not torch.allclose(scores[1], scores[2])
    with pytest.raises(ValueError, match="labels"):
        net(x)


def test_no_layer_multiplies_without_bound() -> None:
    net = create("seedling_net")
    for weight in net.parameters():
        weight.data.mul_(50)
    for _ in range(20):
        net(pictures())  # in train mode, each pass comes closer
    layers = [x for x in net.modules() if isinstance(x, nn.Conv2d | nn.Linear)]
    layers = [
        x for x in layers if any(x is y for y in [*net.blocks.modules(), *net.head.modules()])
    ]
    assert len(layers) >= 6
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2) < 1.1


def test_it_learns_what_tells_two_kinds_of_pictures_apart() -> None:
    net = create("seedling_net")
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    smooth = pictures(16)
    noisy = smooth + 0.3 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(3))
    for _ in range(40):
        loss = F.relu(1 - net(smooth)).mean() + F.relu(1 + net(noisy)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = net(smooth)[:, None] > net(noisy)
    assert right.float().mean() > 0.95


# ---- weights


def test_pretrained_weights_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    network = torchvision.models.squeezenet1_1(weights=None)
    (tmp_path / "checkpoints").mkdir()
    torch.save(network.state_dict(), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    torch.manual_seed(0)
    net = create_projected_discriminator(shape(), "squeezenet1_1")
    after = torch.rand(1)
    assert torch.equal(next(net.backbone.parameters()), network.features[0].weight)
    create("squeezenet1_1")
    assert torch.equal(torch.rand(1), after)  # the backbone drew from numbers of its own


def test_weights_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(WeightsUnavailable):
        create_projected_discriminator(shape(), "resnet18")
    with pytest.raises(ValueError, match="seedling_net"):
        create_projected_discriminator(shape(), "seedling_net")
    with pytest.raises(KeyError, match="resnet18"):
        create_projected_discriminator(shape(), "resnet1000")
