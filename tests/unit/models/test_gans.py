"""Every GAN of the registry, tested alike; then what only some of them have."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gans.dcgan import DcganUp
from models.gans.equalised import (
    DownConv,
    MinibatchStd,
    average_pairs,
    blur,
    upsample_conv,
)
from models.gans.layers import (
    Discriminator,
    Generator,
    LatentInput,
    ProjectionHead,
    channels_at,
)
from models.gans.mlp import MlpDiscriminator, MlpGenerator
from models.gans.r3gan import BLOCKS, R3ganGenerator, ResidualBlock
from models.gans.registry import (
    ARCHITECTURES,
    WIDTHS,
    GanShape,
    create_discriminator,
    create_gan,
    create_generator,
    list_architectures,
)
from models.gans.style import SLOWEST_MEAN, LayerNoise, StyleGenerator
from models.gans.stylegan import adaptive_instance_norm
from models.gans.stylegan2 import StyledConv, modulated_conv
from models.latent import latent_space

Network = TypeVar("Network", bound=nn.Module)

CLASSES = 3
STYLES = ("stylegan", "stylegan2")
TANH = ("mlp", "dcgan")

every = pytest.mark.parametrize("name", list_architectures())
both = pytest.mark.parametrize("classes", [0, CLASSES])
styled = pytest.mark.parametrize("name", STYLES)


def small(name: str, classes: int = 0, resolution: int = 32) -> GanShape:
    return GanShape(name, resolution, classes, width=8, latent_size=12)


def generator(name: str, classes: int = 0, **options: int) -> Generator:
    torch.manual_seed(0)
    return create_generator(small(name, classes, **options))


def discriminator(name: str, classes: int = 0, **options: int) -> Discriminator:
    torch.manual_seed(0)
    return create_discriminator(small(name, classes, **options))


def style_generator(name: str, classes: int = 0) -> StyleGenerator:
    made = generator(name, classes)
    assert isinstance(made, StyleGenerator)
    return made


def inputs(count: int, classes: int, seed: int = 1) -> tuple[Tensor, Tensor | None]:
    source = torch.Generator().manual_seed(seed)
    z = torch.randn(count, 12, generator=source)
    return z, torch.arange(count) % classes if classes else None


def pictures(count: int, side: int = 32) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(2)) / 2


def loosened(network: Network) -> Network:
    """The network with no weight at exactly zero, as after a few steps of training."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return network


@torch.no_grad()
def tell_classes_apart(network: nn.Module) -> None:
    """As if it had learned a little; some networks begin with all classes alike."""
    for layer in network.modules():
        if isinstance(layer, nn.Embedding):
            layer.weight += 0.3 * torch.randn_like(layer.weight)


def settle(net: Generator) -> None:
    """Eval mode, after enough batches for the running means to mean something."""
    tell_classes_apart(net)
    with torch.no_grad():
        for seed in range(20):
            net(*inputs(16, net.class_count, seed))
    net.eval()


def without_gradient(network: nn.Module) -> list[str]:
    """The parameters that learn nothing, or nonsense."""
    return [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.any() or not weight.grad.isfinite().all()
    ]


@every
@both
def test_pictures_and_scores_have_their_shape_and_range(name: str, classes: int) -> None:
    z, labels = inputs(6, classes)
    images = generator(name, classes)(z, labels)
    assert images.shape == (6, 3, 32, 32) and images.dtype == torch.float32
    assert images.isfinite().all() and 1e-3 < images.std() < 3
    assert images.abs().max() <= 1 or name not in TANH
    scores = discriminator(name, classes)(images, labels)
    assert scores.shape == (6,) and scores.isfinite().all()
    assert scores.abs().max() < 10


@every
def test_every_resolution_and_width_can_be_built(name: str) -> None:
    for resolution in ARCHITECTURES[name].resolutions:
        shape = GanShape(name, resolution, CLASSES, width=5, latent_size=7)
        net, judge = create_gan(shape)
        labels = torch.tensor([0, 2])
        images = net(torch.randn(2, 7), labels)
        assert images.shape == (2, 3, resolution, resolution)
        assert judge(images, labels).shape == (2,)
        assert (net.resolution, net.class_count, net.latent_size) == (resolution, CLASSES, 7)


@every
@both
def test_every_parameter_learns(name: str, classes: int) -> None:
    net = loosened(generator(name, classes))
    judge = loosened(discriminator(name, classes))
    z, labels = inputs(6, classes)
    judge(net(z, labels), labels).square().sum().backward()
    assert without_gradient(net) == []
    assert without_gradient(judge) == []


@every
@both
def test_a_gradient_penalty_reaches_the_weights(name: str, classes: int) -> None:
    judge = loosened(discriminator(name, classes))
    _, labels = inputs(4, classes)
    x = pictures(4).requires_grad_()
    (slope,) = torch.autograd.grad(judge(x, labels).sum(), x, create_graph=True)
    slope.square().sum().backward()
    for parameter in judge.stages[0].parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()
    reached = [w for w in judge.parameters() if w.grad is not None and w.grad.any()]
    assert len(reached) >= len(judge.stages)


def truncated(net: Generator, z: Tensor, labels: Tensor | None, psi: float) -> Tensor:
    space = latent_space(net)
    return space.paint(space.truncate(space.enter(z, labels), labels, psi), labels)


@every
@both
def test_no_variety_is_left_at_psi_zero(name: str, classes: int) -> None:
    net = generator(name, classes)
    z, labels = inputs(9, classes)
    settle(net)
    with torch.no_grad():
        full, none = net(z, labels), truncated(net, z, labels, 0.0)
    assert not torch.allclose(full[0], full[3], atol=1e-4)
    torch.testing.assert_close(none[:3], none[3:6], atol=1e-4, rtol=0)
    torch.testing.assert_close(none[:3], none[6:], atol=1e-4, rtol=0)
    assert torch.allclose(none[0], none[1], atol=1e-5) == (classes == 0)


@every
@both
def test_variety_grows_with_psi(name: str, classes: int) -> None:
    net = generator(name, classes)
    z, labels = inputs(12, classes)
    settle(net)
    rows = slice(None, None, max(1, classes))  # of one class
    with torch.no_grad():
        spread = [truncated(net, z, labels, psi)[rows].std(0).mean() for psi in (0.0, 0.5, 1.0)]
    assert spread[0] < spread[1] < spread[2]


@every
@both
def test_the_same_seed_gives_the_same_picture_in_any_batch(name: str, classes: int) -> None:
    net = generator(name, classes)
    z, labels = inputs(7, classes)
    settle(net)
    with torch.no_grad():
        together = net(z, labels)
        for i in range(7):
            alone = net(z[i : i + 1], None if labels is None else labels[i : i + 1])
            # Sums in another order: an eighth of a grey level at most.
            torch.testing.assert_close(alone[0], together[i], atol=1e-3, rtol=0)
        assert torch.equal(net(z, labels), together)


@every
def test_a_seeded_step_can_be_repeated(name: str) -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(5)
        net, judge = create_gan(small(name, CLASSES))
        labels = torch.arange(6) % CLASSES
        judge(net(torch.randn(6, 12), labels), labels).sum().backward()
        runs.append([w.grad for w in (*net.parameters(), *judge.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True) if a is not None)


@every
def test_labels_change_pictures_and_scores(name: str) -> None:
    net, judge = generator(name, CLASSES), loosened(discriminator(name, CLASSES))
    settle(net)
    tell_classes_apart(judge)
    z, _ = inputs(1, 0)
    zero, one = torch.tensor([0]), torch.tensor([1])
    assert not torch.allclose(net(z, zero), net(z, one), atol=1e-4)
    assert not torch.allclose(judge(pictures(1), zero), judge(pictures(1), one), atol=1e-6)


@every
def test_missing_labels_are_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="3 classes"):
        generator(name, CLASSES)(inputs(2, 0)[0])
    with pytest.raises(ValueError, match="3 classes"):
        discriminator(name, CLASSES)(pictures(2))


# What a network of twice the side cannot take over: the layers that touch pixels.
PIXEL_LAYERS = {
    "mlp": (("to_rgb.",), ("blocks.32px.",)),
    "dcgan": (("to_rgb.32.",), ("blocks.32.from_rgb.",)),
    "stylegan": (("to_rgb.32.",), ("blocks.32.from_rgb.",)),
    "stylegan2": ((), ("blocks.32.from_rgb.",)),
    "r3gan": (("to_rgb.32.",), ("blocks.32.from_rgb.",)),
}


@every
@both
def test_weights_carry_over_to_twice_the_side(name: str, classes: int) -> None:
    for make, pixels in zip((generator, discriminator), PIXEL_LAYERS[name], strict=True):
        source = make(name, classes).state_dict()
        target = make(name, classes, resolution=64).state_dict()
        left = {k for k, w in source.items() if k not in target or target[k].shape != w.shape}
        assert left == {k for k in source if k.startswith(pixels)}


@every
def test_stages_go_from_the_pixels_up(name: str) -> None:
    judge = discriminator(name, CLASSES)
    x = images = pictures(2)
    for stage in judge.stages:
        x = stage(x)
    torch.testing.assert_close(judge.neck(x), judge.features(images))
    assert len(judge.stages) >= 3
    heads = {id(w) for w in judge.head.parameters()}
    staged = {id(w) for stage in judge.stages for w in stage.parameters()}
    assert heads and not heads & staged


@every
def test_freezing_stages_leaves_the_rest_to_learn(name: str) -> None:
    judge = loosened(discriminator(name))
    for stage in judge.stages[:2]:
        stage.requires_grad_(False)
    judge(pictures(4)).square().sum().backward()
    frozen = {f"blocks.{key}" for key in list(judge.blocks)[:2]}
    still = without_gradient(judge)
    assert still and {".".join(key.split(".")[:2]) for key in still} == frozen


@every
def test_scores_mix_no_pictures_but_those_of_a_group(name: str) -> None:
    judge = create_discriminator(GanShape(name, 32, width=8, batch_norm=False))
    x = pictures(8)
    y = torch.cat([x[:4], 3 * x[4:]])
    torch.testing.assert_close(judge(x)[:4], judge(y)[:4], atol=1e-5, rtol=1e-4)


@every
def test_presets_are_larger_and_larger(name: str) -> None:
    sizes = []
    for width in WIDTHS.values():
        with torch.device("meta"):
            net = create_generator(GanShape(name, 32, width=width))
        sizes.append(sum(w.numel() for w in net.parameters()))
    assert sizes[0] < sizes[1] < sizes[2]


@every
@both
def test_a_restored_network_makes_the_same_pictures(name: str, classes: int) -> None:
    net = loosened(generator(name, classes))
    z, labels = inputs(3, classes)
    net(z, labels)
    with torch.device("meta"):  # no random weights only to throw them away
        again = create_generator(small(name, classes))
    again.load_state_dict(net.state_dict(), assign=True)
    with torch.no_grad():
        assert torch.equal(again.eval()(z, labels), net.eval()(z, labels))
        expected = truncated(net, z, labels, 0.5)
        assert torch.equal(truncated(again, z, labels, 0.5), expected)


def test_channels_depend_on_the_resolution_alone() -> None:
    assert [channels_at(side, 32) for side in (4, 8, 16, 32, 64, 128)] == [256, 128, 64, 32, 16, 8]
    assert channels_at(4, 64) == 512
    assert channels_at(256, 4) == 8


# ---------------------------------------------------------------- shapes as plain data


@every
@both
def test_a_shape_survives_json(name: str, classes: int) -> None:
    shape = small(name, classes)
    assert GanShape.from_json(json.loads(json.dumps(shape.to_json()))) == shape


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"architecture": "biggan"}, "biggan.*dcgan"),
        ({"architecture": ["dcgan"]}, "dcgan.*cannot be built"),
        ({"resolution": 48}, "48.*32, 64"),
        ({"resolution": 28}, "28"),
        ({"resolution": 32.0}, "32.0"),
        ({"class_count": -1}, "class_count -1"),
        ({"class_count": True}, "class_count True"),
        ({"width": 0}, "width 0"),
        ({"width": 10**6}, "width"),
        ({"latent_size": 1}, "latent_size 1"),
        ({"latent_size": "128"}, "latent_size"),
        ({"depth": 3}, "depth"),
    ],
)
def test_a_shape_that_cannot_be_built_says_why(change: dict[str, Any], word: str) -> None:
    data = {**small("dcgan").to_json(), **change}
    with pytest.raises(ValueError, match=word):
        GanShape.from_json(data)


@pytest.mark.parametrize("gone", ["architecture", "resolution"])
def test_a_shape_needs_its_name_and_side(gone: str) -> None:
    data = small("dcgan").to_json()
    del data[gone]
    with pytest.raises(ValueError, match=f"{gone} is missing"):
        GanShape.from_json(data)
    assert GanShape.from_json({"architecture": "dcgan", "resolution": 32}).width == 32


# ---------------------------------------------------------------- class labels


def test_the_class_is_as_loud_as_z() -> None:
    layer = LatentInput(50, 4)
    assert layer.embedding is not None
    with torch.no_grad():
        layer.embedding.weight *= 100
    z = torch.randn(4, 50)
    joined = layer(z, torch.arange(4))
    assert joined.shape == (4, layer.size) == (4, 100)
    assert torch.equal(joined[:, :50], z)
    torch.testing.assert_close(joined[:, 50:].square().mean(1), torch.ones(4))
    assert torch.equal(LatentInput(50, 0)(z, None), z)


def test_the_projection_head_adds_the_direction_of_the_class() -> None:
    linear = nn.Linear(9, 1)
    head = loosened(ProjectionHead(linear, 9, 4))
    f, labels = torch.randn(5, 9), torch.tensor([3, 0, 0, 1, 2])
    assert head.embedding is not None
    own = torch.stack([head.embedding.weight[y] @ f[i] for i, y in enumerate(labels.tolist())])
    torch.testing.assert_close(head(f, labels), linear(f)[:, 0] + 3 * own / math.sqrt(9))
    torch.testing.assert_close(ProjectionHead(linear, 9, 0)(f, None), linear(f)[:, 0])


# ---------------------------------------------------------------- mlp and dcgan


def linear_sizes(network: nn.Module) -> list[tuple[int, int]]:
    layers = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    return [(layer.in_features, layer.out_features) for layer in layers]


def test_the_mlp_has_the_sizes_of_the_textbook() -> None:
    entry = ARCHITECTURES["mlp"]
    net, judge = create_gan(GanShape("mlp", 28, latent_size=entry.latent_size))
    assert isinstance(net, MlpGenerator) and isinstance(judge, MlpDiscriminator)
    up = [(100, 128), (128, 256), (256, 512), (512, 1024), (1024, 3 * 28 * 28)]
    assert linear_sizes(net) == up
    assert linear_sizes(judge) == [(b, a) for a, b in reversed(up)][:-1] + [(128, 1)]
    kinds = [type(layer).__name__ for layer in net.hidden]
    assert kinds[:4] == ["Linear", "LeakyReLU", "Linear", "BatchNorm1d"]
    assert kinds.count("BatchNorm1d") == 3
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in judge.modules())


def test_the_dcgan_starts_with_small_weights() -> None:
    for network in create_gan(GanShape("dcgan", 32)):
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                assert 0.017 < layer.weight.std() < 0.023


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_dcgan_discriminator_is_normalised_except_at_the_pixels(batch_norm: bool) -> None:
    judge = create_discriminator(GanShape("dcgan", 32, width=8, batch_norm=batch_norm))
    normed = sum(isinstance(layer, nn.BatchNorm2d) for layer in judge.modules())
    assert normed == (2 if batch_norm else 0)


# ---------------------------------------------------------------- style networks


@styled
@both
def test_a_style_for_all_layers_or_one_for_each(name: str, classes: int) -> None:
    net = style_generator(name, classes).eval()
    z, labels = inputs(3, classes)
    w = net.mapping(z, labels)
    assert w.shape == (3, net.w_size)
    images = net(z, labels)
    assert torch.equal(net.synthesis(w), images)
    ws = w[:, None].repeat(1, net.layer_count, 1)
    assert torch.equal(net.synthesis(ws), images)
    for layer in range(net.layer_count):  # each one counts
        changed = ws.clone()
        changed[:, layer] += 1
        assert not torch.allclose(net.synthesis(changed), images, atol=1e-6)


@styled
@both
def test_w_mean_is_the_mean_of_each_class(name: str, classes: int) -> None:
    net = style_generator(name, classes)
    z, labels = inputs(8, classes)
    w = net.mapping(z, labels).detach()
    with torch.no_grad():
        net(z, labels)
    for row in range(max(1, classes)):
        of_row = w[row :: max(1, classes)]
        torch.testing.assert_close(net.w_mean[row], of_row.mean(0))
    before = net.w_mean.clone()
    net.eval()(z, labels)
    assert torch.equal(net.w_mean, before)
    means = before[labels if labels is not None else [0] * 8]
    for psi in (0.0, 0.25, 1.0):
        torch.testing.assert_close(net.truncate(w, labels, psi), torch.lerp(means, w, psi))


@styled
def test_w_mean_forgets_slowly_and_only_for_classes_it_saw(name: str) -> None:
    net = style_generator(name, CLASSES)
    z, labels = inputs(6, CLASSES)
    with torch.no_grad():
        net(z, labels)
        old = net.w_mean.clone()
        net.w_batches += 10_000
        zeros = torch.zeros_like(labels) if labels is not None else None
        w = net.mapping(z, zeros)
        net(z, zeros)
    assert torch.equal(net.w_mean[1:], old[1:])
    torch.testing.assert_close(net.w_mean[0], old[0].lerp(w.mean(0), 1 / SLOWEST_MEAN))


@styled
def test_w_mean_of_a_late_class_is_not_pulled_to_zero(name: str) -> None:
    net = style_generator(name, CLASSES)
    z, _ = inputs(6, 0)
    late = torch.full((6,), 2)
    with torch.no_grad():
        for _ in range(4):
            net(z, torch.zeros(6, dtype=torch.int64))
        net(z, late)
        torch.testing.assert_close(net.w_mean[2], net.mapping(z, late).mean(0))


@styled
def test_the_second_style_begins_at_any_layer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = style_generator(name)
    used: list[Tensor] = []

    def remember(ws: tuple[Tensor, ...], noise: str) -> Tensor:
        used.append(torch.stack(ws, 1))
        return ws[0]

    monkeypatch.setattr(net, "synthesise", remember)
    z, _ = inputs(400, 0)
    net(z)
    own = (used[0] - net.mapping(z)[:, None]).abs().amax(2) < 1e-6  # (B, L)
    assert set(own.sum(1).tolist()) == set(range(1, net.layer_count + 1))
    assert (own.int().diff(dim=1) <= 0).all()  # one change, and no way back


@styled
@both
def test_styles_are_mixed_while_training_only(name: str, classes: int) -> None:
    net = style_generator(name, classes)
    z, labels = inputs(99, classes)

    def changed() -> float:
        plain = net.synthesis(net.mapping(z, labels), noise="none")
        different = (net(z, labels, noise="none") - plain).abs().amax((1, 2, 3)) > 1e-5
        return float(different.float().mean())

    with torch.no_grad():
        assert 0.75 < changed() < 1  # of 0.9
        net.style_mixing = 0.0
        assert changed() == 0
        net.style_mixing = 1.0
        assert changed() == 1
        assert net.eval().style_mixing and changed() == 0


@styled
def test_noise_is_random_fixed_or_none(name: str) -> None:
    net = style_generator(name)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, LayerNoise):
                layer.strength.fill_(0.5)
        w = net.mapping(inputs(1, 0)[0]).repeat(2, 1)
        random, fixed, none = (net.synthesis(w, noise=mode) for mode in ("random", "fixed", "none"))
        for images in (fixed, none):
            assert torch.equal(images[0], images[1])
        assert not torch.allclose(random[0], random[1], atol=1e-3)
        assert not torch.allclose(fixed, none, atol=1e-3)
        assert not torch.allclose(net.synthesis(w), net.synthesis(w), atol=1e-3)
        assert torch.equal(net.eval().synthesis(w), fixed)


def test_fixed_noise_depends_on_nothing_but_the_layer() -> None:
    torch.manual_seed(1)
    first, state = LayerNoise(8), torch.get_rng_state()
    second, other = LayerNoise(8, channels=5), LayerNoise(8, number=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.fixed, second.fixed)
    assert 0.7 < first.fixed.std() < 1.3
    assert not torch.allclose(first.fixed, other.fixed, atol=0.1)


@styled
def test_no_two_layers_have_the_same_fixed_noise(name: str) -> None:
    patterns = [
        x.fixed.flatten() for x in style_generator(name).modules() if isinstance(x, LayerNoise)
    ]
    starts = {tuple(pattern[:16].tolist()) for pattern in patterns}
    assert len(starts) == len(patterns) > 5


@styled
def test_weights_without_noise_patterns_keep_those_of_their_time(name: str) -> None:
    """Else the pictures of an older run would change."""
    net = style_generator(name)
    old = {key: x for key, x in net.state_dict().items() if not key.endswith("noise.fixed")}
    assert len(old) < len(net.state_dict())
    net.load_state_dict(old)
    layers = [layer for layer in net.modules() if isinstance(layer, LayerNoise)]
    sides = {layer.fixed.shape[-1] for layer in layers}
    for side in sides:
        drawn = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(1812))
        same = [layer.fixed for layer in layers if layer.fixed.shape[-1] == side]
        assert all(torch.equal(pattern, drawn) for pattern in same)


@styled
@both
def test_path_lengths_can_be_regularised(name: str, classes: int) -> None:
    net = style_generator(name, classes)
    loosened(net)
    z, labels = inputs(4, classes)
    ws = net.mapping(z, labels)[:, None].repeat(1, net.layer_count, 1)
    images = net.synthesis(ws)
    (slope,) = torch.autograd.grad((images * torch.randn_like(images)).sum(), ws, create_graph=True)
    assert slope.shape == ws.shape
    assert (slope.square().sum((0, 2)) > 0).all()  # every layer
    slope.square().sum(2).mean(1).sqrt().var().backward()
    for weight in (net.mapping.layers[0].weight, next(net.mapping.parameters())):
        assert isinstance(weight, Tensor) and weight.grad is not None
        assert weight.grad.isfinite().all() and weight.grad.any()


def by_weights(x: Tensor, weight: Tensor, style: Tensor) -> Tensor:
    """Modulated convolution as the paper writes it: other weights for each picture."""
    images = []
    for picture, scale in zip(x, style, strict=True):
        scaled = weight * scale[None, :, None, None]
        norm = scaled.square().sum((1, 2, 3), keepdim=True).add(1e-8).rsqrt()
        images.append(F.conv2d(picture[None], scaled * norm, padding=1))
    return torch.cat(images)


def test_modulating_activations_equals_modulating_weights() -> None:
    x, weight, style = torch.randn(3, 6, 8, 8), torch.randn(5, 6, 3, 3), torch.randn(3, 6)
    expected = by_weights(x, weight, style)
    torch.testing.assert_close(modulated_conv(x, weight, style), expected, atol=1e-5, rtol=1e-4)
    large = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(  # but for the border
        modulated_conv(x, weight, style, enlarge=True)[:, :, 2:-2, 2:-2],
        by_weights(large, weight, style)[:, :, 2:-2, 2:-2],
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize("power", [0.01, 1.0, 100.0])
def test_demodulation_keeps_the_scale(power: float) -> None:
    torch.manual_seed(0)
    weight, style = torch.randn(32, 32, 3, 3), power * torch.randn(8, 32)
    out = modulated_conv(torch.randn(8, 32, 32, 32), weight, style)
    assert 0.9 < out.std() < 1.1
    smooth = torch.randn(8, 32, 1, 1).expand(-1, -1, 16, 16)
    out = modulated_conv(smooth, weight, style, enlarge=True)[:, :, 2:-2, 2:-2]
    assert 0.8 < out.std() < 1.2
    layer = StyledConv(32, 32, 32, 12)
    with torch.no_grad():
        layer.weight.mul_(power)
        out = layer(torch.randn(8, 32, 32, 32), power * torch.randn(8, 12), "none")
    assert 0.8 < out.square().mean().sqrt() < 1.2


def test_styles_set_mean_and_spread() -> None:
    x = 5 + 3 * torch.randn(2, 4, 16, 16)
    style = torch.randn(2, 8)
    y = adaptive_instance_norm(x, style)
    torch.testing.assert_close(y.mean((2, 3)), style[:, 4:], atol=1e-4, rtol=0)
    spread = y.std((2, 3), correction=0)
    torch.testing.assert_close(spread, (1 + style[:, :4]).abs(), atol=1e-4, rtol=1e-3)


def test_enlarging_and_halving_are_what_they_say() -> None:
    x, weight = torch.randn(2, 3, 9, 9), torch.randn(4, 3, 3, 3)
    slow = F.conv2d(F.interpolate(x, scale_factor=2, mode="bilinear"), weight, padding=1)
    fast = upsample_conv(x, weight)
    torch.testing.assert_close(fast[..., 2:-2, 2:-2], slow[..., 2:-2, 2:-2], atol=1e-4, rtol=1e-4)
    x = torch.randn(2, 3, 10, 10)
    slow = F.avg_pool2d(F.conv2d(x, weight, padding=1), 2)
    fast = F.conv2d(x, average_pairs(weight), stride=2, padding=1)
    torch.testing.assert_close(fast, slow, atol=1e-4, rtol=1e-4)
    layer = DownConv(3, 4)
    slow = F.avg_pool2d(F.conv2d(blur(x), layer.weight * layer.scale, padding=1), 2)
    torch.testing.assert_close(layer(x), slow, atol=1e-4, rtol=1e-4)
    flat = blur(torch.ones(1, 2, 5, 5))[..., 1:-1, 1:-1]
    torch.testing.assert_close(flat, torch.ones_like(flat))


@pytest.mark.parametrize(("count", "group"), [(8, 4), (6, 3), (2, 2), (7, 1)])
def test_minibatch_std_tells_copies_from_variety(count: int, group: int) -> None:
    layer = MinibatchStd()
    x = torch.randn(count, 5, 4, 4)
    y = layer(x)
    assert y.shape == (count, 6, 4, 4) and torch.equal(y[:, :5], x)
    spread = y[:, 5]
    assert torch.equal(spread, spread[:, :1, :1].expand_as(spread))
    expected = x[:group].std(0, correction=0).mean()
    torch.testing.assert_close(spread[0, 0, 0], expected, atol=1e-3, rtol=0)
    copies = layer(x[:1].repeat(count, 1, 1, 1))[:, 5]
    assert copies.max() < 1e-3


# ---------------------------------------------------------------- r3gan


def test_r3gan_starts_as_the_identity_and_knows_no_normalisation() -> None:
    net, judge = create_gan(GanShape("r3gan", 32, width=32))
    assert isinstance(net, R3ganGenerator)
    blocks = [m for part in (net, judge) for m in part.modules() if isinstance(m, ResidualBlock)]
    assert len(blocks) == 2 * 4 * BLOCKS
    for block in blocks:
        x = torch.randn(1, block.expand.in_channels, 4, 4)
        assert torch.equal(block(x), x)
        assert block.mix.in_channels // block.mix.groups == 16
        assert block.mix.in_channels == 2 * block.expand.in_channels
    kinds = {type(m).__name__ for part in (net, judge) for m in part.modules()}
    assert not any("Norm" in kind for kind in kinds)


@torch.no_grad()
@pytest.mark.parametrize("smooth", [True, False])
def test_dots_are_taken_out_of_large_pictures(smooth: bool) -> None:
    """What changes its sign from pixel to pixel is what a transposed convolution adds by itself."""
    torch.manual_seed(0)
    block = DcganUp(4, 4, 0, smooth=smooth).eval()
    block.norm.norm.bias.fill_(100.0)  # far above zero the ReLU changes nothing
    y = block(torch.randn(8, 4, 32, 32), None)[:, :, 2:-2, 2:-2] - 100
    sign = (-1.0) ** torch.arange(y.shape[-1])
    dots = (y * sign).mean((2, 3)).abs().max() / y.std()
    assert (dots < 1e-2) == smooth


def test_all_layers_are_smooth_but_those_of_earlier_versions() -> None:
    def smooth(shape: GanShape) -> list[bool]:
        blocks = create_generator(shape).modules()
        return [block.smooth for block in blocks if isinstance(block, DcganUp)]

    shape = GanShape("dcgan", 64, 0, 8, 16)
    assert smooth(shape) == [True] * 4
    assert smooth(GanShape.from_json(shape.to_json())) == [True] * 4
    old = {k: v for k, v in shape.to_json().items() if k not in ("smooth_from", "backbone_side")}
    assert smooth(GanShape.from_json(old)) == [False, False, False, True]
    assert smooth(GanShape.from_json({**old, "resolution": 32})) == [False] * 3
