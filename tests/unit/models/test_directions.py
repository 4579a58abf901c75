"""Directions: found where they were put, orthogonal, scaled, and blind to what a class adds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.directions import find_directions
from models.gans.layers import Generator
from models.gans.registry import ARCHITECTURES
from models.gans.style import StyleGenerator
from models.latent import LAYER_PARTS, StyleSpace, latent_space
from tests.generators import lively_generator

LATENT = 16


def network(family: str, classes: int = 0) -> Generator:
    return lively_generator(family, classes, latent_size=LATENT)


class Planted(Generator):
    """Early features that heed two directions of ``z``, one thrice as much; and the class."""

    def __init__(self, first: Tensor, second: Tensor) -> None:
        super().__init__(4, 2, LATENT)
        self.weight = torch.nn.Parameter(torch.stack([second, 3 * first]))

    def early_features(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return torch.cat([z @ self.weight.T, 100.0 * labels[:, None]], dim=1)


def test_directions_are_found_where_they_were_put() -> None:
    basis = torch.linalg.qr(torch.randn(LATENT, LATENT)).Q.T
    found = find_directions(Planted(basis[3], basis[5]), 2)
    cosines = (found.vectors * basis[[3, 5]]).sum(1)
    torch.testing.assert_close(cosines.abs(), torch.ones(2), rtol=0, atol=0.01)
    torch.testing.assert_close(found.shares, torch.tensor([0.9, 0.1]), rtol=0, atol=0.02)


@pytest.mark.parametrize("family", ARCHITECTURES)
@pytest.mark.parametrize("classes", [0, 3])
def test_directions_are_orthogonal_and_the_strongest_come_first(family: str, classes: int) -> None:
    found = find_directions(network(family, classes))
    assert found.vectors.shape[1] == LATENT and len(found.vectors) >= 8
    unit = torch.nn.functional.normalize(found.vectors)
    torch.testing.assert_close(unit @ unit.T, torch.eye(len(unit)), rtol=0, atol=1e-3)
    assert (found.shares.diff() <= 0).all()
    assert float(found.shares.sum()) == pytest.approx(1, abs=1e-4)
    assert torch.equal(find_directions(network(family, classes), 8).vectors, found.vectors[:8])


@pytest.mark.parametrize("family", ["dcgan", "r3gan", "mlp"])
def test_one_step_is_one_standard_deviation_of_z(family: str) -> None:
    vectors = find_directions(network(family)).vectors
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))


def test_one_step_is_one_standard_deviation_of_w() -> None:
    generator = network("stylegan2")
    assert isinstance(generator, StyleGenerator)
    vectors = find_directions(generator, 4).vectors
    w = generator.mapping(torch.randn(4096, LATENT))
    for vector in vectors:
        length = vector.norm()
        along = w @ (vector / length)
        assert float(along.std() / length) == pytest.approx(1, abs=0.1)


def test_global_random_numbers_are_left_alone() -> None:
    generator = network("dcgan")
    before = torch.random.get_rng_state()
    find_directions(generator)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_parts_of_a_style_network_share_out_its_layers() -> None:
    space = latent_space(network("stylegan2"))
    assert isinstance(space, StyleSpace)
    points = space.enter(torch.randn(1, LATENT), None)
    touched = torch.zeros(points.shape[1])
    for part in LAYER_PARTS:
        moved = space.move(points, torch.ones(1, LATENT), part)
        changed = (moved != points).any(dim=2)[0]
        assert changed.any()
        touched += changed
    assert torch.equal(touched, torch.ones_like(touched))
    everywhere = space.move(points, torch.ones(1, LATENT))
    assert (everywhere != points).all()
    with pytest.raises(ValueError, match="tuple.index"):
        space.move(points, torch.ones(1, LATENT), "finest")


def test_a_part_takes_its_styles_from_another_picture() -> None:
    space = latent_space(network("stylegan"))
    own, other = (space.enter(torch.randn(1, LATENT), None) for _ in range(2))
    mixed = space.mix(own, other, "coarse")
    from_other = (mixed == other).all(dim=2)[0]
    assert from_other.any() and not from_other.all()
    assert torch.equal(mixed[0, ~from_other], own[0, ~from_other])


def test_seeded_noise_is_the_same_for_every_picture_of_a_batch() -> None:
    space = latent_space(network("stylegan2"))
    points = space.enter(torch.randn(1, LATENT), None).repeat(2, 1, 1)
    pictures = [
        space.paint(points, None, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    ]
    torch.testing.assert_close(pictures[0][0], pictures[0][1])
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])
    assert not torch.equal(pictures[0], space.paint(points, None, "none"))
