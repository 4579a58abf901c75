"""What a GAN costs, against numbers counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.gans.cost import gan_cost, multiply_adds
from models.gans.registry import GanShape, create_gan, list_architectures


def layers(*sizes: int) -> int:
    """Weights between layers of these sizes."""
    return sum(inner * outer for inner, outer in zip(sizes, sizes[1:], strict=False))


def test_the_textbook_network_costs_what_its_layers_hold() -> None:
    cost = gan_cost(GanShape("mlp", 28, width=32, latent_size=100))
    pixels, hidden = 3 * 28 * 28, (128, 256, 512, 1024)
    up, down = layers(100, *hidden, pixels), layers(pixels, *hidden[::-1], 1)
    norms = 2 * (256 + 512 + 1024)
    assert cost.generator_parameters == up + sum(hidden) + pixels + norms
    assert cost.discriminator_parameters == down + sum(hidden) + 1
    assert cost.multiply_adds == up + down  # a linear layer uses each weight once


def test_a_convolution_costs_its_weights_at_every_place() -> None:
    cost = gan_cost(GanShape("dcgan", 32, width=32, latent_size=128))
    # 128 values to 4x4 of 256; 128 @8, 64 @16, 32 @32; and 3x3 to the colours
    linear = 128 * 4 * 4 * 256
    ups = [4 * 4 * 256 * 128, 4 * 4 * 128 * 64, 4 * 4 * 64 * 32]
    to_rgb = 3 * 3 * 32 * 3
    norms = 2 * (256 + 128 + 64 + 32)
    assert cost.generator_parameters == linear + sum(ups) + norms + to_rgb + 3
    generator = linear + to_rgb * 32 * 32
    # stride 2, transposed: each pixel of the smaller side meets each weight once
    generator += sum(up * side * side for up, side in zip(ups, (4, 8, 16), strict=True))
    downs = [4 * 4 * 3 * 64, 4 * 4 * 64 * 128, 4 * 4 * 128 * 256]
    discriminator = 4 * 4 * 256
    discriminator += sum(down * side * side for down, side in zip(downs, (16, 8, 4), strict=True))
    assert cost.multiply_adds == generator + discriminator
    biases, norms = 64 + 128 + 256 + 1, 2 * (128 + 256)
    assert cost.discriminator_parameters == sum(downs) + 4 * 4 * 256 + biases + norms


@pytest.mark.parametrize("name", list_architectures())
@pytest.mark.parametrize("classes", [0, 3])
def test_the_parameters_are_those_of_the_real_networks(name: str, classes: int) -> None:
    shape = GanShape(name, 32, classes, width=8, latent_size=12)
    counted = [sum(w.numel() for w in network.parameters()) for network in create_gan(shape)]
    cost = gan_cost(shape)
    assert [cost.generator_parameters, cost.discriminator_parameters] == counted


@pytest.mark.parametrize("name", list_architectures())
def test_the_work_is_that_of_the_real_networks(name: str) -> None:
    shape = GanShape(name, 32, 3, width=8, latent_size=12)
    generator, discriminator = (network.eval() for network in create_gan(shape))
    label = torch.zeros(1, dtype=torch.int64)
    work = multiply_adds(generator, torch.randn(1, 12), label)
    work += multiply_adds(discriminator, torch.randn(1, 3, 32, 32), label)
    assert gan_cost(shape).multiply_adds == work > 0


@pytest.mark.parametrize("name", list_architectures())
def test_larger_pictures_and_wider_networks_cost_more(name: str) -> None:
    small = gan_cost(GanShape(name, 32, width=8))
    assert gan_cost(GanShape(name, 64, width=8)).multiply_adds > small.multiply_adds
    assert gan_cost(GanShape(name, 32, width=16)).multiply_adds > small.multiply_adds


def test_groups_are_counted_as_what_they_are() -> None:
    whole, parts = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1, groups=4)
    x = torch.zeros(2, 16, 5, 5)
    assert multiply_adds(whole, x) == 2 * 5 * 5 * 16 * 16 * 9
    assert multiply_adds(parts, x) == multiply_adds(whole, x) / 4


def test_counting_leaves_the_random_numbers_of_a_run_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    gan_cost.cache_clear()
    for name in list_architectures():
        gan_cost(GanShape(name, 32, 3))
    assert torch.equal(torch.rand(3), expected)
