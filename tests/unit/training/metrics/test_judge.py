"""A judge is trusted because it has failed what must fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.lite0 import SIDE, Lite0Features, judge_card
from tests.evaluations import finish
from training.data.batches import load_squares
from training.features.judge import choose_judge
from training.intake.datasets import open_data
from training.intake.limits import Limits
from training.metrics.evaluation import GanMetrics
from training.metrics.evaluator import GanEvaluator
from training.metrics.recognition import Recogniser

CPU = torch.device("cpu")
LEARN, HELD, SAMPLES = 150, 100, 128


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, Tensor]:
    """The drawn example as (N, 3, 64, 64) uint8 and classes (N,), in random order."""
    folder: Path = tmp_path_factory.mktemp("garden") / "set"
    images, _ = open_data("garden", folder, limits=Limits())
    rows = np.random.default_rng(0).permutation(len(images))
    return load_squares(images, rows, 64, CPU), torch.from_numpy(images.labels[rows])


@pytest.fixture(scope="module")
def judged(garden: tuple[Tensor, Tensor]) -> GanEvaluator:
    pixels, labels = garden
    held = slice(LEARN, LEARN + HELD)
    return GanEvaluator(
        choose_judge(CPU), pixels[:LEARN], pixels[held], labels[:LEARN], labels[held]
    )


def look(evaluator: GanEvaluator, x: Tensor, labels: Tensor | None = None) -> GanMetrics:
    return finish(evaluator.evaluate(x, labels))[1]


def fresh(garden: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Pictures that are neither learned from nor held out."""
    pixels, labels = garden
    rows = slice(LEARN + HELD, LEARN + HELD + SAMPLES)
    return pixels[rows], labels[rows]


def blurred(x: Tensor) -> Tensor:
    return F.avg_pool2d(x.float(), 3, stride=1, padding=1).round().byte()


def gridded(x: Tensor) -> Tensor:
    on = torch.arange(x.shape[-1]) % 2
    return (x.float() + 24 * (on[:, None] * on)).clamp(0, 255).byte()


def shuffled(x: Tensor) -> Tensor:
    draws = torch.Generator().manual_seed(0)
    patches = F.unfold(x.float(), 8, stride=8)
    mixed = torch.stack([each[:, torch.randperm(64, generator=draws)] for each in patches])
    return F.fold(mixed, x.shape[-2:], 8, stride=8).byte()


def test_spoiled_pictures_are_worse_by_far_more_than_chance(
    garden: tuple[Tensor, Tensor], judged: GanEvaluator
) -> None:
    x, y = fresh(garden)
    halves = [look(judged, x[:64], y[:64]), look(judged, x[64:], y[64:])]
    whole = look(judged, x, y)
    wobble = max(0.01, *(abs(each.kid - whole.kid) for each in halves))
    assert abs(whole.kid) < 0.05 and whole.coverage > 0.7
    found = {spoil.__name__: look(judged, spoil(x), y) for spoil in (blurred, gridded, shuffled)}
    for name, metrics in found.items():
        assert metrics.kid > whole.kid + 3 * wobble, name
        assert metrics.fd > 1.1 * whole.fd, name
        assert metrics.coverage < whole.coverage - 0.05, name
    # As eyes have it: what is only soft is nearer to real than shuffled pieces are.
    assert found["blurred"].kid < found["shuffled"].kid
    assert found["shuffled"].recognised is not None and whole.recognised is not None
    assert found["shuffled"].recognised < whole.recognised - 0.3


def test_pictures_of_the_wrong_class_are_not_recognised(
    garden: tuple[Tensor, Tensor], judged: GanEvaluator
) -> None:
    x, y = fresh(garden)
    right, wrong = look(judged, x, y), look(judged, x, (y + 1) % 6)
    assert right.recognised is not None and right.recognised > 0.9
    assert right.recognised_real is not None and right.recognised_real > 0.9
    assert wrong.recognised is not None and wrong.recognised < 0.1
    assert look(judged, x).recognised is None  # nobody said what they should be


def test_missing_modes_and_one_that_comes_again_are_seen(
    garden: tuple[Tensor, Tensor], judged: GanEvaluator
) -> None:
    x, y = fresh(garden)
    whole = look(judged, x, y)
    half = look(judged, x[y < 3], y[y < 3])
    assert half.coverage < whole.coverage - 0.2 and half.kid > whole.kid + 0.05
    assert half.recall is not None and whole.recall is not None and half.recall < whole.recall
    again = x.clone()
    noise = 4 * torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    again[:16] = (x[:1] + noise).clamp(0, 255).byte()
    repeated = look(judged, again, y)
    assert whole.repeated is not None and whole.repeated < 0.05
    assert repeated.repeated is not None and repeated.repeated > 0.1


def test_the_judge_is_the_network_itself_and_draws_no_random_numbers() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    space = choose_judge(CPU)
    assert torch.equal(torch.rand(3), expected)
    assert (space.name, space.content) == ("lite0-128", 1280)
    card = judge_card()
    assert card is not None
    network = Lite0Features(card).eval()
    pixels = torch.randint(0, 256, (3, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(
            space(pixels), network(pixels.float() / 255), atol=0.02, rtol=0.02
        )


@pytest.mark.parametrize("weights", ["no_weights", "damaged_weights"])
def test_without_its_weights_there_are_random_features(
    weights: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(weights)
    assert choose_judge(CPU).name == "random-64"


def test_who_is_recognised_is_counted() -> None:
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(60) % 3 + 4  # class numbers need not begin at 0
    x[torch.arange(60), labels - 4] += 12
    known = Recogniser(x, labels)
    assert known.share(x, labels) == 1
    assert known.share(x, labels.roll(1)) == 0
