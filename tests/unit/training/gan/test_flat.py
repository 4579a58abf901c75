"""Weights that lie side by side: the same network, updated in one pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Adam

from training.gan.flat import lay_flat


def small_network() -> Any:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(180, 1))
    return layers.to(memory_format=torch.channels_last)


def test_nothing_about_the_network_changes() -> None:
    plain = small_network()
    flat = copy.deepcopy(plain)
    whole = lay_flat(list(flat.parameters()))
    for before, after in zip(plain.parameters(), flat.parameters(), strict=True):
        assert torch.equal(before, after)
        assert before.stride() == after.stride()
    with torch.no_grad():
        whole.fill_(3.0)
    assert all(bool((weight == 3).all()) for weight in flat.parameters())
    assert set(flat.state_dict()) == set(plain.state_dict())


def test_an_update_is_that_of_the_single_weights() -> None:
    plain = small_network()
    flat = copy.deepcopy(plain)
    whole = lay_flat(list(flat.parameters()))
    x = torch.randn(4, 3, 8, 8)
    apart, together = Adam(plain.parameters(), lr=0.01), Adam([whole], lr=0.01)
    for _ in range(3):
        apart.zero_grad()
        together.zero_grad(set_to_none=False)
        plain(x).square().mean().backward()
        flat(x).square().mean().backward()
        apart.step()
        together.step()
    for one, other in zip(plain.parameters(), flat.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_loaded_weights_land_in_the_flat_ones() -> None:
    network, other = small_network(), small_network()
    with torch.no_grad():
        other[0].weight.fill_(0.5)
    whole = lay_flat(list(network.parameters()))
    network.load_state_dict(other.state_dict())
    assert (whole == 0.5).sum() >= network[0].weight.numel()


def test_frozen_weights_get_no_gradient() -> None:
    network = small_network().requires_grad_(False)
    assert lay_flat(list(network.parameters())).grad is None


def test_unlike_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="one type"):
        lay_flat([nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.float64))])
    with pytest.raises(ValueError, match="one type"):
        lay_flat([])
