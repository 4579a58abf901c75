"""DiffAugment changes what it says, no more, and lets gradients through."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.gan.augment import HOLE, SHIFT, diff_augment

PARTS = ("_colour", "_translate", "_cut_out")


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int = 32) -> Tensor:
    """(count, 3, side, side) without a single zero, so that what is filled up can be told."""
    x = torch.rand(count, 3, side, side, generator=draws(99)) * 2 - 1
    return torch.where(x.abs() < 0.01, 0.5, x)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Leave one of the three augmentations on."""
    name: str = request.param
    for other in PARTS:
        if other != name:
            monkeypatch.setattr(f"training.gan.augment.{other}", lambda x, *_: x)
    return name


def changed(before: Tensor, after: Tensor) -> Tensor:
    """(B,) bool; the roundings of colours that are left alone do not count."""
    return ((before - after).abs() > 1e-5).flatten(1).any(dim=1)


def test_strength_zero_changes_nothing_and_draws_nothing() -> None:
    x, generator = pictures(4), draws()
    state = generator.get_state()
    assert torch.equal(diff_augment(x, 0.0, generator), x)
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("side", [28, 32, 64])
@pytest.mark.parametrize("count", [1, 7])
def test_shape_and_type_stay(count: int, side: int) -> None:
    x = pictures(count, side)
    varied = diff_augment(x, 1.0, draws())
    assert varied.shape == x.shape and varied.dtype == x.dtype
    assert varied.isfinite().all() and changed(x, varied).all()


def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    x = pictures(8)
    first = diff_augment(x, 0.7, draws(1))
    assert torch.equal(first, diff_augment(x, 0.7, draws(1)))
    assert not torch.equal(first, diff_augment(x, 0.7, draws(2)))


def test_pictures_are_varied_one_by_one() -> None:
    same = pictures(1).expand(8, -1, -1, -1)
    varied = diff_augment(same, 1.0, draws())
    assert all(changed(varied[:1], varied[1:]))


def test_torchs_own_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    diff_augment(pictures(8), 1.0, draws())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_order_in_memory_makes_no_difference() -> None:
    x = pictures(8)
    plain = diff_augment(x, 0.8, draws())
    last = diff_augment(x.contiguous(memory_format=torch.channels_last), 0.8, draws())
    torch.testing.assert_close(plain, last, rtol=0, atol=1e-6)


def test_the_input_is_not_written_into() -> None:
    x = pictures(8)
    kept = x.clone()
    diff_augment(x, 1.0, draws())
    assert torch.equal(x, kept)


def test_each_augmentation_chooses_its_own_pictures() -> None:
    x = pictures(3000, 8)
    share = changed(x, diff_augment(x, 0.3, draws())).float().mean().item()
    # A picture stays when none of three takes it; a shift by nothing is one of nine at 8 px.
    assert share == pytest.approx(1 - 0.7 * (1 - 0.3 * 8 / 9) * 0.7, abs=0.03)


@pytest.mark.parametrize("only", PARTS, indirect=True)
@pytest.mark.parametrize("p", [0.2, 0.75])
def test_about_as_many_pictures_change_as_strength_says(only: str, p: float) -> None:
    x = pictures(3000, 16)
    share = changed(x, diff_augment(x, p, draws())).float().mean().item()
    shifts = 2 * 16 * SHIFT + 1
    moved = 1 - 1 / shifts**2 if only == "_translate" else 1.0
    assert share == pytest.approx(p * moved, abs=0.03)


# ---- each for itself


@pytest.mark.parametrize("only", ["_translate"], indirect=True)
@pytest.mark.parametrize("side", [28, 32, 64])
def test_translation_moves_and_fills_up_with_grey(only: str, side: int) -> None:
    x = pictures(200, side)
    moved, reach = diff_augment(x, 1.0, draws()), round(side * SHIFT)
    images_seen = set()
    for before, after in zip(x, moved, strict=True):
        held = (after != 0).all(dim=0)
        rows, columns = held.any(dim=1).nonzero()[:, 0], held.any(dim=0).nonzero()[:, 0]
        assert held.sum() == len(rows) * len(columns)  # a rectangle, and nothing wraps around
        down = int(rows[0]) if rows[0] else int(rows[-1]) - side + 1
        right = int(columns[0]) if columns[0] else int(columns[-1]) - side + 1
        top, left = max(0, down), max(0, right)
        bottom, end = side + min(0, down), side + min(0, right)
        assert torch.equal(
            after[:, top:bottom, left:end],
            before[:, top - down : bottom - down, left - right : end - right],
        )
        assert held.sum() == (bottom - top) * (end - left)
        images_seen |= {("down", down), ("right", right)}
    every = range(-reach, reach + 1)
    assert images_seen == {(way, step) for way in ("down", "right") for step in every}


@pytest.mark.parametrize("only", ["_cut_out"], indirect=True)
@pytest.mark.parametrize("side", [28, 32])
def test_cutout_is_a_square_of_half_the_side_anywhere(only: str, side: int) -> None:
    x, hole = pictures(300, side), round(side * HOLE)
    cut = diff_augment(x, 1.0, draws())
    gone = cut == 0
    assert torch.equal(torch.where(gone, x, cut), x)  # the rest is as it was
    assert (gone == gone[:, :1]).all()  # of all colours
    heights, widths = gone[:, 0].any(dim=2).sum(dim=1), gone[:, 0].any(dim=1).sum(dim=1)
    assert torch.equal(gone[:, 0].sum(dim=(1, 2)), heights * widths)  # a rectangle
    for sizes in (heights, widths):
        assert sizes.max() == hole and sizes.min() >= hole // 2  # partly outside at most
    whole = (heights == hole) & (widths == hole)
    assert 0.1 < whole.float().mean() < 0.6
    assert gone.any(dim=0).all()  # no place is spared


@pytest.mark.parametrize("only", ["_colour"], indirect=True)
def test_colours_stay_within_their_ranges_and_fill_them(only: str) -> None:
    """Each factor is read off pictures made of a grey pattern and one tint."""
    pattern = torch.linspace(-0.2, 0.2, 16).repeat(16, 1)
    tint = torch.tensor([0.2, -0.1, -0.1])[:, None, None]
    x = (pattern + tint + 0.1).expand(4000, 3, 16, 16)
    varied = diff_augment(x, 1.0, draws())
    grey = varied.mean(dim=1)
    brightness = grey.mean(dim=(1, 2)) - 0.1
    contrast = grey.std(dim=(1, 2)) / pattern.std()
    saturation = (varied[:, 0] - grey).mean(dim=(1, 2)) / (0.2 * contrast)
    for found, low, high in (
        (brightness, -0.5, 0.5),
        (contrast, 0.5, 1.5),
        (saturation, 0.0, 2.0),
    ):
        assert low - 1e-4 <= found.min() < low + 0.01 * (high - low)
        assert high + 1e-4 >= found.max() > high - 0.01 * (high - low)
        assert found.mean().item() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))


# ---- gradients


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_gradients_pass_to_every_picture(p: float) -> None:
    x = pictures(16).requires_grad_()
    diff_augment(x, p, draws()).square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    assert (x.grad.abs().flatten(1).amax(dim=1) > 0).all()


@pytest.mark.parametrize("only", ["_translate", "_cut_out"], indirect=True)
def test_gradients_reach_the_pixels_that_are_left_and_no_others(only: str) -> None:
    x = pictures(32).requires_grad_()
    varied = diff_augment(x, 1.0, draws())
    varied.sum().backward()
    assert x.grad is not None
    left = (varied != 0).sum(dim=(1, 2, 3))
    assert torch.equal(x.grad.sum(dim=(1, 2, 3)), left.float())
    assert set(x.grad.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("only", ["_colour"], indirect=True)
def test_the_gradient_of_colours_is_the_right_one(only: str) -> None:
    x = pictures(2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: diff_augment(y, 1.0, draws()), (x,))
