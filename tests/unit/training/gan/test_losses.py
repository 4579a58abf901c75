"""The losses against their closed forms, and that each network chases its own target."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from models.gans.registry import GanShape, create_gan
from tests.conftest import MakeSet
from training.core.device import create_fabric
from training.data.splits import split_for_generator
from training.gan.config import GanConfig
from training.gan.images import Pictures
from training.gan.learner import EMA_RAMP, GanLearner
from training.gan.losses import (
    ESTIMATE_STEP,
    OBJECTIVES,
    Critic,
    grad_norm_sq,
    grad_norm_sq_estimate,
    gradient_penalty,
    path_length,
)

REAL, FAKE = [-2.5, 0.3, 4.0, 0.0], [1.5, -0.5, -3.0, 0.0]
Formula = Callable[[float, float], float]


def sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score))


# What the papers write, with D = sigmoid(score) where they mean a probability: the losses of the
# discriminator and the generator, and their slopes by (real, fake) and by fake.
CLOSED_FORMS: Mapping[str, tuple[Formula, Formula, Formula, Formula, Formula]] = {
    "minimax": (
        lambda r, f: -math.log(sigmoid(r)) - math.log(1 - sigmoid(f)),
        lambda r, f: math.log(1 - sigmoid(f)),
        lambda r, f: sigmoid(r) - 1,
        lambda r, f: sigmoid(f),
        lambda r, f: -sigmoid(f),
    ),
    "non_saturating": (
        lambda r, f: -math.log(sigmoid(r)) - math.log(1 - sigmoid(f)),
        lambda r, f: -math.log(sigmoid(f)),
        lambda r, f: sigmoid(r) - 1,
        lambda r, f: sigmoid(f),
        lambda r, f: sigmoid(f) - 1,
    ),
    "hinge": (
        lambda r, f: max(0, 1 - r) + max(0, 1 + f),
        lambda r, f: -f,
        lambda r, f: -1.0 if r < 1 else 0.0,
        lambda r, f: 1.0 if f > -1 else 0.0,
        lambda r, f: -1.0,
    ),
    "wgan_gp": (
        lambda r, f: f - r,
        lambda r, f: -f,
        lambda r, f: -1.0,
        lambda r, f: 1.0,
        lambda r, f: -1.0,
    ),
    "relativistic": (
        lambda r, f: -math.log(sigmoid(r - f)),
        lambda r, f: -math.log(sigmoid(f - r)),
        lambda r, f: -sigmoid(f - r),
        lambda r, f: sigmoid(f - r),
        lambda r, f: -sigmoid(r - f),
    ),
}


def scores() -> tuple[Tensor, Tensor]:
    real, fake = (torch.tensor(values, dtype=torch.float64) for values in (REAL, FAKE))
    return real.requires_grad_(), fake.requires_grad_()


def expected(formula: Formula) -> Tensor:
    values = [formula(r, f) for r, f in zip(REAL, FAKE, strict=True)]
    return torch.tensor(values, dtype=torch.float64)


def test_every_objective_has_its_closed_form() -> None:
    assert OBJECTIVES.keys() == CLOSED_FORMS.keys()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_values_and_slopes_are_those_of_the_papers(name: str) -> None:
    d_value, g_value, d_by_real, d_by_fake, g_by_fake = map(expected, CLOSED_FORMS[name])
    real, fake = scores()
    loss = OBJECTIVES[name].discriminator(real, fake)
    torch.testing.assert_close(loss, d_value)
    by_real, by_fake = torch.autograd.grad(loss.sum(), (real, fake))
    torch.testing.assert_close(by_real, d_by_real)
    torch.testing.assert_close(by_fake, d_by_fake)
    loss = OBJECTIVES[name].generator(real, fake)
    torch.testing.assert_close(loss, g_value)
    torch.testing.assert_close(torch.autograd.grad(loss.sum(), fake)[0], g_by_fake)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_the_relativistic_generator_looks_at_real_scores(name: str) -> None:
    real, fake = scores()
    OBJECTIVES[name].generator(real, fake).sum().backward()
    knows = real.grad is not None and bool((real.grad != 0).any())
    assert knows == (name == "relativistic")


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_sure_scores_do_not_overflow(name: str, score: float) -> None:
    for real, fake in ((score, score), (score, -score)):
        pair = [torch.tensor([value], requires_grad=True) for value in (real, fake)]
        for loss in (OBJECTIVES[name].discriminator, OBJECTIVES[name].generator):
            value = loss(pair[0], pair[1])
            slopes = torch.autograd.grad(value.sum(), pair, allow_unused=True)
            assert value.isfinite().all()
            assert all(slope is None or slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_differences_count_for_the_losses_that_compare(name: str) -> None:
    real, fake = scores()
    for loss in (OBJECTIVES[name].discriminator, OBJECTIVES[name].generator):
        same = torch.allclose(loss(real, fake), loss(real + 3, fake + 3))
        # Wasserstein's critic does so, too, but not what its generator sees.
        compares = name == "relativistic" or loss is OBJECTIVES["wgan_gp"].discriminator
        assert same == compares


def test_minimax_teaches_nothing_where_the_discriminator_is_sure() -> None:
    def slope(name: str) -> float:
        fake = torch.tensor([-15.0], requires_grad=True)
        OBJECTIVES[name].generator(torch.tensor([15.0]), fake).sum().backward()
        assert fake.grad is not None
        return -fake.grad.item()

    assert 0 <= slope("minimax") < 1e-6
    assert slope("non_saturating") == pytest.approx(1, abs=1e-6)
    assert slope("relativistic") == pytest.approx(1, abs=1e-6)


def test_each_loss_comes_with_its_own_penalty() -> None:
    assert {name: one.penalty for name, one in OBJECTIVES.items()} == {
        "minimax": "none",
        "non_saturating": "r1",
        "hinge": "none",
        "wgan_gp": "wgan_gp",
        "relativistic": "r1_r2",
    }


# ---- gradient penalties


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, side: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, side, side, generator=draws(seed))


def linear_critic(steepness: float | Tensor, side: int = 4) -> Critic:
    """Scores that rise by ``steepness`` for each unit of way in one direction."""
    direction = pictures(1, side, seed=7)
    direction = direction / direction.norm() * steepness

    def critic(x: Tensor) -> Tensor:
        scores: Tensor = (x * direction).sum(dim=(1, 2, 3)) + 0.5
        return scores

    return critic


def test_the_squared_slope_of_a_paraboloid_is_known() -> None:
    x, k = pictures(5), torch.tensor(1.5, requires_grad=True)

    def critic(y: Tensor) -> Tensor:
        scores: Tensor = k / 2 * y.square().sum(dim=(1, 2, 3))
        return scores  # their gradient is k y

    slope = grad_norm_sq(critic, x)
    norms = x.square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(slope, 1.5**2 * norms)
    (by_k,) = torch.autograd.grad(slope.sum(), k)
    torch.testing.assert_close(by_k, 2 * 1.5 * norms.sum())


def test_a_penalty_on_generated_pictures_does_not_reach_their_generator() -> None:
    x = pictures(3).requires_grad_()
    weight = torch.tensor(2.0, requires_grad=True)
    grad_norm_sq(linear_critic(weight), x).sum().backward()
    assert x.grad is None and weight.grad is not None


@pytest.mark.parametrize("steepness", [0.5, 3.0])
def test_the_estimate_is_right_on_average(steepness: float) -> None:
    x = pictures(40_000, 2)
    critic = linear_critic(steepness, 2)
    noise = torch.randn(x.shape, generator=draws(1))
    found = grad_norm_sq_estimate(critic, x, critic(x), noise)
    assert found.shape == (len(x),) and (found >= 0).all()
    # A squared normal number has a standard deviation of 1.4 times its mean; three of them.
    allowed = 3 * math.sqrt(2 / len(x)) * steepness**2
    assert found.mean().item() == pytest.approx(steepness**2, abs=allowed)
    torch.testing.assert_close(
        grad_norm_sq(critic, x[:5]), torch.full((5,), steepness**2), rtol=1e-4, atol=0
    )


def test_the_estimate_looks_just_beside_the_picture() -> None:
    x, noise, images_seen = pictures(2), pictures(2, seed=3), []

    def critic(y: Tensor) -> Tensor:
        images_seen.append(y)
        return y.sum(dim=(1, 2, 3))

    scores = critic(x)
    found = grad_norm_sq_estimate(critic, x, scores, noise)
    assert len(images_seen) == 2
    torch.testing.assert_close(images_seen[1], x + ESTIMATE_STEP * noise)
    torch.testing.assert_close(found, noise.sum(dim=(1, 2, 3)).square(), rtol=0.01, atol=1e-3)


def test_the_estimate_is_right_where_flat_areas_meet_a_sharp_critic() -> None:
    """Noise on an even ground is nothing that a critic has seen, and may be all that it minds."""
    x = -torch.ones(400, 3, 16, 16)
    x[:, :, 4:12, 4:12] = pictures(400, 8)

    def critic(y: Tensor) -> Tensor:
        edges = (y[..., 1:] - y[..., :-1]).abs()
        speckles = (edges[..., :3].mean((1, 2, 3)) - 0.001).clamp_min(0)
        return y.mean((1, 2, 3)) + 500 * speckles

    exact = grad_norm_sq(critic, x).mean().item()
    found = grad_norm_sq_estimate(critic, x, None, torch.randn(x.shape, generator=draws(2)))
    assert 0.5 < found.mean().item() / exact < 2


def test_the_estimate_teaches_the_critic_to_be_flat() -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    critic = linear_critic(weight)
    x = pictures(500)
    grad_norm_sq_estimate(critic, x, critic(x), pictures(500, seed=5)).mean().backward()
    assert weight.grad is not None  # of weight^2: 4
    assert weight.grad.item() == pytest.approx(4, rel=0.3)


def test_a_critic_of_unit_slope_is_not_wrong() -> None:
    real, fake, mix = pictures(6), pictures(6, seed=1), torch.rand(6, 1, 1, 1, generator=draws())
    for steepness, error in ((1.0, 0.0), (3.0, 4.0), (0.0, 1.0)):
        found = gradient_penalty(linear_critic(steepness), real, fake, mix)
        torch.testing.assert_close(found, torch.full((6,), error), rtol=1e-4, atol=1e-5)


def test_steepness_is_measured_between_real_and_fake() -> None:
    images_seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        images_seen.append(x.detach())
        return x.square().sum(dim=(1, 2, 3))

    real, fake = pictures(3), pictures(3, seed=1)
    mix = torch.tensor([1.0, 0.0, 0.25])[:, None, None, None]
    gradient_penalty(critic, real, fake, mix)
    torch.testing.assert_close(images_seen[0][0], real[0])
    torch.testing.assert_close(images_seen[0][1], fake[1])
    torch.testing.assert_close(images_seen[0][2], 0.25 * real[2] + 0.75 * fake[2])


def test_a_flat_critic_has_a_finite_gradient() -> None:
    weight = torch.tensor(0.0, requires_grad=True)
    mix = torch.full((4, 1, 1, 1), 0.5)
    gradient_penalty(linear_critic(weight), pictures(4), pictures(4), mix).sum().backward()
    assert weight.grad is not None and weight.grad.isfinite()


def test_the_path_length_of_a_linear_synthesis_is_known() -> None:
    w, matrix = torch.randn(3, 5, generator=draws()), torch.randn(5, 3 * 8 * 8, generator=draws(1))
    matrix.requires_grad_()
    noise = pictures(3, 8, seed=2)

    def synthesis(styles: Tensor) -> Tensor:
        return (styles @ matrix).view(-1, 3, 8, 8)

    lengths, made = path_length(synthesis, w.requires_grad_(), noise)
    torch.testing.assert_close(made, synthesis(w))
    torch.testing.assert_close(lengths, (noise.flatten(1) @ matrix.T).norm(dim=1) / 8)
    lengths.sum().backward()
    assert matrix.grad is not None and (matrix.grad != 0).any()


def test_path_lengths_regularise_the_mapping_too() -> None:
    """Through the styles that it makes, as in the paper."""
    z, bend = torch.randn(3, 5, generator=draws()), torch.ones(5, requires_grad=True)
    lengths, _ = path_length(
        lambda w: (w**3).repeat(1, 40)[:, :192].view(-1, 3, 8, 8), z * bend, pictures(3, 8, seed=2)
    )
    lengths.sum().backward()
    assert bend.grad is not None and (bend.grad != 0).all()


# ---- a step


TINY = GanConfig(architecture="mlp", width=4, batch_size=16, lr=0.002, augment="none")


@pytest.fixture
def make_learner(make_set: MakeSet) -> Callable[[GanConfig], GanLearner]:
    def make(config: GanConfig) -> GanLearner:
        images = make_set({"red": 40})
        fabric, shape = create_fabric("cpu"), GanShape("mlp", 32, 0, config.width or 4)
        loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
        torch.manual_seed(0)
        return GanLearner(config, shape, config.batch_size or 16, loaded, fabric)

    return make


MakeLearner = Callable[[GanConfig], GanLearner]


def weights(network: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def unmoved(network: nn.Module, before: list[Tensor]) -> list[bool]:
    """Which weights are as before; biases that only shift all scores need not have moved."""
    return [
        torch.equal(now, then)
        for now, then in zip(network.parameters(), before, strict=True)
        if now.dim() > 1
    ]


def teach(learner: GanLearner, steps: int, *, g: bool, d: bool) -> list[tuple[float, float]]:
    """Steps in which only one network learns; gives the scores of real and generated pictures."""
    learner.set_schedule(1.0, 1.0 if d else 0.0)
    if not g:
        learner.g_optimizer.param_groups[0]["lr"] = 0.0
    made = [learner.step(number * learner.batch_size, 0.0) for number in range(steps)]
    return [(means.real.item(), means.fake.item()) for means in made]


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_the_discriminators_step_moves_it_alone_and_towards_its_target(
    make_learner: MakeLearner, loss: str
) -> None:
    learner = make_learner(dataclasses.replace(TINY, loss=loss))
    before = weights(learner.generator), weights(learner.discriminator)
    gaps = [real - fake for real, fake in teach(learner, 12, g=False, d=True)]
    assert all(unmoved(learner.generator, before[0]))
    assert not any(unmoved(learner.discriminator, before[1]))
    assert gaps[-1] > gaps[0] + 0.1  # real pictures score above generated ones


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_the_generators_step_moves_it_alone_and_towards_its_target(
    make_learner: MakeLearner, loss: str
) -> None:
    learner = make_learner(dataclasses.replace(TINY, loss=loss))
    teach(learner, 8, g=False, d=True)  # a discriminator that has something to say
    before = weights(learner.generator), weights(learner.discriminator)
    fakes = [fake for _, fake in teach(learner, 12, g=True, d=False)]
    assert all(unmoved(learner.discriminator, before[1]))
    assert not any(unmoved(learner.generator, before[0]))
    assert fakes[-1] > fakes[0] + 0.1  # generated pictures score as real ones do


def test_the_generator_answers_the_discriminator_of_the_same_step(
    make_learner: MakeLearner,
) -> None:
    """Its gradient comes from the updated discriminator, on the pictures that were judged."""
    learner = make_learner(dataclasses.replace(TINY, loss="wgan_gp"))
    means = learner.step(64, 0.0)
    assert means.g_loss.item() != pytest.approx(-means.fake.item(), abs=1e-6)
    still = make_learner(dataclasses.replace(TINY, loss="wgan_gp"))
    still.set_schedule(1.0, 0.0)
    means = still.step(64, 0.0)
    assert means.g_loss.item() == pytest.approx(-means.fake.item(), abs=1e-6)


def test_a_critic_learns_five_times_before_its_generator(make_learner: MakeLearner) -> None:
    """Algorithm 1 of arXiv 1704.00028."""
    learner = make_learner(dataclasses.replace(TINY, loss="wgan_gp"))
    moved = []
    for number in range(10):
        before = weights(learner.generator), weights(learner.discriminator)
        means = learner.step(number * 16, 0.0)
        assert means.g_loss.isfinite() and not any(unmoved(learner.discriminator, before[1]))
        moved.append(not any(unmoved(learner.generator, before[0])))
    assert moved == 2 * [False, False, False, False, True]


def steepness(learner: GanLearner) -> float:
    """Of the discriminator at real pictures."""
    pixels = learner.pictures.train[:16].float() / 127.5 - 1
    return grad_norm_sq(lambda x: learner.discriminator(x), pixels).mean().item()


@pytest.mark.parametrize("form", ["exact", "estimate"])
@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
def test_the_penalty_makes_the_discriminator_flatter(
    make_learner: MakeLearner, loss: str, form: str
) -> None:
    found = []
    for gamma in (0.0, 100.0):
        config = dataclasses.replace(TINY, loss=loss, penalty_form=form, gamma=gamma)
        learner = make_learner(config)
        teach(learner, 12, g=False, d=True)
        found.append(steepness(learner))
    assert found[1] < 0.5 * found[0]


def test_wassersteins_penalty_pulls_the_slope_to_one(make_learner: MakeLearner) -> None:
    learner = make_learner(dataclasses.replace(TINY, loss="wgan_gp", gamma=100.0))
    before = abs(math.sqrt(steepness(learner)) - 1)
    teach(learner, 25, g=False, d=True)
    assert abs(math.sqrt(steepness(learner)) - 1) < 0.5 * before


@pytest.mark.parametrize("form", ["exact", "estimate"])
def test_r1_reaches_the_weights_of_every_layer(form: str) -> None:
    torch.manual_seed(0)
    discriminator = create_gan(GanShape("mlp", 32, 0, 4))[1]
    x = pictures(4, 32)
    if form == "exact":
        penalty = grad_norm_sq(discriminator, x)
    else:
        penalty = grad_norm_sq_estimate(discriminator, x, discriminator(x), pictures(4, 32, seed=1))
    assert penalty.shape == (4,)
    penalty.sum().backward()
    for name, weight in discriminator.named_parameters():
        if name.endswith("weight"):
            assert weight.grad is not None and (weight.grad != 0).any(), name


@pytest.mark.parametrize(("real", "wins"), [(1.0, 1.0), (-1.0, 0.0)])
def test_won_is_the_share_of_real_pictures_that_score_higher(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch, real: float, wins: float
) -> None:
    learner = make_learner(dataclasses.replace(TINY, gamma=0.0))
    anchor = learner._taught[0]

    def scores(x: Tensor, labels: Tensor | None = None) -> Tensor:
        value = real if x.mean() > 0 else 0.0
        return x.mean(dim=(1, 2, 3)) * 0 + anchor.sum() * 0 + value

    learner.pictures.train.fill_(255)  # real pictures are white, new networks' are not
    monkeypatch.setattr(learner.discriminator, "forward", scores)
    monkeypatch.setattr(learner.generator, "forward", black(learner))
    means = learner.step(0, 0.0)
    assert (means.d_rank_accuracy.item(), means.real.item(), means.fake.item()) == (wins, real, 0.0)


def black(learner: GanLearner) -> Callable[..., Tensor]:
    anchor = next(learner.generator.parameters())
    return lambda z, labels=None: anchor.sum() * 0 - torch.ones(len(z), 3, 32, 32)


@pytest.mark.parametrize("images_seen", [0, 160, 16_000_000])
def test_the_average_follows_with_its_half_life(
    make_learner: MakeLearner, images_seen: int
) -> None:
    config = dataclasses.replace(TINY, ema_half_life=100)
    learner = make_learner(config)
    before = weights(learner.average.network)
    learner.step(images_seen, 0.0)
    half_life = min(100, EMA_RAMP * images_seen)
    keep = 0.5 ** (16 / half_life) if half_life else 0.0
    for old, new, fast in zip(
        before, learner.average.network.parameters(), learner.generator.parameters(), strict=True
    ):
        torch.testing.assert_close(new, keep * old + (1 - keep) * fast, rtol=1e-4, atol=1e-6)


def test_a_step_depends_on_its_place_alone(make_learner: MakeLearner) -> None:
    """Not on what anybody drew before it."""
    made = []
    for disturbance in (1, 2):
        learner = make_learner(dataclasses.replace(TINY, augment="fixed", mirror=True))
        torch.manual_seed(disturbance)
        learner.step(64, 0.8)
        made.append(weights(learner.generator) + weights(learner.discriminator))
    assert all(torch.equal(a, b) for a, b in zip(made[0], made[1], strict=True))


@pytest.mark.parametrize("classes", [0, 2])
def test_the_average_measures_its_own_statistics(make_set: MakeSet, classes: int) -> None:
    """Copied from the network that learns, they are those of other weights."""
    images = make_set({"red": 20, "blue": 40})
    config = dataclasses.replace(TINY, architecture="dcgan", ema_half_life=10**6, lr=0.05)
    fabric, shape = create_fabric("cpu"), GanShape("dcgan", 32, classes, 8, 16)
    loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
    torch.manual_seed(0)
    learner = GanLearner(config, shape, 16, loaded, fabric)
    for number in range(12):
        learner.step(100_000 + number * 16, 0.0)  # the average hardly moves, the network does
    average = learner.average()
    assert not average.training and learner.average() is average
    norms = [layer for layer in average.modules() if isinstance(layer, nn.BatchNorm2d)]
    inputs: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}
    hooks = [n.register_forward_hook(lambda n, x, y: inputs[n].append(x[0])) for n in norms]
    z = torch.randn(2048, 16, generator=draws(5))
    labels = (torch.arange(2048) % 3 > 0).long() if classes else None  # as often as there
    with torch.no_grad():
        average(z, labels)
    assert norms and all(norm.momentum == 0.1 for norm in norms)
    for hook, norm in zip(hooks, norms, strict=True):
        hook.remove()
        seen = torch.cat(inputs[norm])
        assert norm.running_mean is not None and norm.running_var is not None
        spread = seen.var((0, 2, 3)).sqrt()
        assert ((seen.mean((0, 2, 3)) - norm.running_mean).abs() < 0.15 * spread).all()
        torch.testing.assert_close(norm.running_var, spread.square(), rtol=0.15, atol=1e-6)


def test_looking_at_the_average_changes_nothing_of_the_training(make_set: MakeSet) -> None:
    """Somebody looks when the clock says so, and a run of so many images does not go by clocks."""
    images, shape = make_set({"red": 60}), GanShape("dcgan", 32, 0, 8)
    config, fabric = dataclasses.replace(TINY, architecture="dcgan"), create_fabric("cpu")
    loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
    found = []
    for looks in (False, True):
        torch.manual_seed(0)
        learner = GanLearner(config, shape, 16, loaded, fabric)
        overfit = []
        for number in range(4):
            learner.step(number * 16, 0.3)
            if looks:
                learner.average()
            overfit.append(learner.overfit(number * 16, 0.3))
        found.append((overfit, weights(learner.generator)))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(a, b) for a, b in zip(found[0][1], found[1][1], strict=True))


def test_overfitting_is_told_by_held_out_scores(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_set({"red": 60})
    fabric, shape = create_fabric("cpu"), GanShape("mlp", 32, 0, 4)
    loaded = Pictures.load(images, split_for_generator(images, 0), shape, fabric)
    learner = GanLearner(TINY, shape, 16, loaded, fabric)
    # A discriminator that only looks at brightness: training pictures are white, generated black.
    monkeypatch.setattr(learner.discriminator, "forward", lambda x, _: x.mean(dim=(1, 2, 3)))
    monkeypatch.setattr(learner.generator, "forward", lambda z, _: -torch.ones(len(z), 3, 32, 32))
    loaded.train.fill_(255)
    for level, overfit in ((255, 0.0), (0, 1.0), (191, 0.25)):
        loaded.val.fill_(level)
        assert learner.overfit(0, 0.0) == pytest.approx(overfit, abs=0.01)
    loaded.train.fill_(0)  # nobody can tell real from generated
    assert learner.overfit(0, 0.0) == 0.0
