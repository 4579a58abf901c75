"""The parts of a training step: schedules, losses, metrics, batches, features, the head."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.frozen import eager_features, fingerprint
from models.registry import create_model
from tests.conftest import MakeSet
from training.classifier.augment import vary
from training.classifier.config import ClassifierConfig
from training.classifier.head import FOLDS, fit_head, folds
from training.classifier.losses import inverse_frequency, l2_sp, weighted_cross_entropy
from training.classifier.plan import EVAL_SHARE, REPLAN, ClassifierProgress, make_plan
from training.classifier.probe import Probe
from training.classifier.schedule import (
    choose_rate,
    grown_side,
    grown_work,
    learning_rate_factor,
    range_test_rates,
    trained_stages,
)
from training.data.batches import batch_rows, stream_squares, to_unit
from training.data.splits import Split, split_images
from training.features.store import FeatureStore, extract
from training.metrics.classification import describe_predictions, effective_count, wilson_range
from training.runs.clock import Clock


def test_one_cycle_rises_to_the_peak_and_falls_to_nearly_nothing() -> None:
    factors = [learning_rate_factor("one_cycle", step / 100) for step in range(101)]
    peak = factors.index(max(factors))
    assert max(factors) == pytest.approx(1.0)
    assert factors[:peak] == sorted(factors[:peak])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[0] < 0.05 and factors[-1] < 0.01


def test_gradual_unfreezing_ends_with_every_stage() -> None:
    counts = [trained_stages("gradual", 4, step / 50) for step in range(51)]
    assert counts[0] == 0 and counts[-1] == 4 and counts == sorted(counts)
    assert trained_stages("full", 4, 0.0) == 4


def test_the_range_test_stops_well_before_the_loss_explodes() -> None:
    rates = range_test_rates(60)
    losses = [2.0 - min(1.5, rate * 100) if rate < 0.03 else 2.0 + rate * 50 for rate in rates]
    rate = choose_rate(rates, losses, usual=1e-3)
    assert 5e-4 < rate < 1e-2
    assert choose_rate(rates, [1.0] * 60, usual=1e-3) == pytest.approx(1e-3 / 4)  # tells nothing


def test_wilson_range_is_the_published_one() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I: 81 of 263, and 0 of 20.
    assert wilson_range(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-4)
    assert wilson_range(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-4)
    assert wilson_range(20, 20)[1] == 1.0
    assert wilson_range(0, 0) == (0.0, 1.0)


def test_the_range_holds_what_it_says_where_pictures_look_alike() -> None:
    """Twenty groups of five, each right or wrong as a whole: 95 % of ranges hold the truth."""
    rng, groups, truth = np.random.default_rng(0), np.arange(100) // 5, np.zeros(100, np.int64)
    assert effective_count(groups) == 20 and effective_count(np.arange(100)) == 100
    held = naive = 0
    for _ in range(1000):
        right = (rng.random(20) < 0.8)[groups]
        probabilities = np.stack([right, ~right], axis=1).astype(np.float32)
        found = describe_predictions(truth, probabilities, ("a", "b"), groups)
        low, high = found["accuracy_range"]
        held += low <= 0.8 <= high
        low, high = wilson_range(found["right"], found["count"])
        naive += low <= 0.8 <= high
    assert held >= 920 and naive < 700


def test_ranges_of_all_right_and_all_wrong_reach_the_end() -> None:
    groups = np.array([0, 0, 0, 1, 1, 2, 3])  # an effective count that is not whole
    for right, end in ((1, 1), (0, 0)):
        wrong = np.full(7, 1 - right)
        found = describe_predictions(
            np.zeros(7, np.int64), np.eye(2, dtype=np.float32)[wrong], ("a", "b"), groups
        )
        assert found["accuracy_range"][right] == end


def test_a_class_without_test_pictures_does_not_count_in_the_means() -> None:
    truth = np.array([0, 0, 0, 1])
    probabilities = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    described = describe_predictions(truth, probabilities, ("a", "b", "c"), np.arange(4))
    assert described["accuracy"] == 0.75 and described["baseline"] == 0.75
    assert described["macro_recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert described["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert [entry["count"] for entry in described["per_class"]] == [3, 1, 0]


def test_l2_sp_pulls_only_what_has_a_start() -> None:
    weights = {"body": torch.tensor([1.0, 3.0]), "head": torch.tensor([9.0])}
    start = {"body": torch.tensor([0.0, 1.0])}
    assert l2_sp(weights, start, 0.5).item() == pytest.approx(0.25 * (1 + 4))


def test_class_weights_give_every_class_the_same_say() -> None:
    labels = torch.tensor([0] * 30 + [1] * 10)
    weights = inverse_frequency(labels, 3)
    assert weights[0] * 30 == pytest.approx(float(weights[1] * 10))
    assert weights[labels].mean().item() == pytest.approx(1.0)
    assert weights[2] == 0


def test_smoothing_and_class_weights_teach_the_majority_its_own_class() -> None:
    """The best scores for 400 pictures of one class and 10 of another, all told apart."""
    labels = torch.tensor([0] * 400 + [1] * 10)
    weights = inverse_frequency(labels, 2)
    offsets = torch.zeros(2, 2, requires_grad=True)  # of each class's pictures
    solver = torch.optim.LBFGS([offsets], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        loss = weighted_cross_entropy(offsets[labels], labels, weights, smoothing=0.05)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[arg-type]
    own = offsets.detach().softmax(dim=1).diagonal()
    torch.testing.assert_close(own, torch.full((2,), 1 - 0.05 / 2), atol=1e-3, rtol=0)


def test_without_smoothing_the_weighted_loss_is_torchs() -> None:
    scores, labels = torch.randn(12, 3), torch.arange(12) % 3
    weights = torch.tensor([0.5, 1.0, 3.0])
    for given in (weights, None):
        torch.testing.assert_close(
            weighted_cross_entropy(scores, labels, given, 0.0),
            F.cross_entropy(scores, labels, weight=given),
        )
    torch.testing.assert_close(
        weighted_cross_entropy(scores, labels, None, 0.2),
        F.cross_entropy(scores, labels, label_smoothing=0.2),
    )


def test_batches_run_through_every_picture_once_per_epoch() -> None:
    rows = torch.cat([batch_rows(10, images_seen, 4, seed=1) for images_seen in range(0, 20, 4)])
    assert sorted(rows[:10].tolist()) == list(range(10))
    assert sorted(rows[10:].tolist()) == list(range(10))
    assert rows[:10].tolist() != rows[10:].tolist()


def test_variation_keeps_the_range_and_depends_on_its_generator_alone() -> None:
    x = torch.rand(6, 3, 37, 37)
    first, again = (
        vary(x, 32, mirror=True, generator=torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert first.shape == (6, 3, 32, 32)
    assert torch.equal(first, again)
    assert first.min() >= 0 and first.max() <= 1
    other = vary(x, 32, mirror=True, generator=torch.Generator().manual_seed(6))
    assert not torch.equal(first, other)


def test_digits_are_never_mirrored() -> None:
    ramp = torch.linspace(0, 1, 32).expand(64, 3, 32, 32)  # bright on the right
    varied = vary(ramp, 32, mirror=False, generator=torch.Generator().manual_seed(0))
    assert (varied[..., -8:].mean((1, 2, 3)) > varied[..., :8].mean((1, 2, 3))).all()
    mirrored = vary(ramp, 32, mirror=True, generator=torch.Generator().manual_seed(0))
    assert (mirrored[..., -8:].mean((1, 2, 3)) < mirrored[..., :8].mean((1, 2, 3))).any()


def test_extracted_features_equal_the_networks_own(make_set: MakeSet) -> None:
    images = make_set({"a": 5, "b": 4}, side=64)
    model = create_model("squeezenet1_1", 2).eval()
    rows, cpu = np.array([7, 0, 3, 8, 1]), torch.device("cpu")
    store = FeatureStore(images, None)
    counts = list(extract(eager_features(model, cpu), images, rows, 64, cpu, store))
    (pixels,) = stream_squares(images, rows, 64, len(rows))
    with torch.no_grad():
        expected = model.features(to_unit(pixels, torch.device("cpu")))
    assert [counted.done for counted in counts] == [4, 5]
    torch.testing.assert_close(store.get(images, rows), expected, atol=1e-3, rtol=1e-3)


def test_features_are_computed_once_also_when_cut_short(make_set: MakeSet) -> None:
    images = make_set({"a": 6, "b": 6}, side=32)
    model, rows, cpu = create_model("seedling_net", 2), np.arange(12), torch.device("cpu")
    half = extract(
        eager_features(model, cpu), images, rows, 32, cpu, FeatureStore(images, "net-32")
    )
    assert next(half).done == 4
    half.close()
    rest = list(
        extract(eager_features(model, cpu), images, rows, 32, cpu, FeatureStore(images, "net-32"))
    )
    assert [counted.fresh for counted in rest] == [4, 8]
    edited = images.edited({"a": None})
    store = FeatureStore(edited, "net-32")
    assert not list(
        extract(eager_features(model, cpu), edited, np.arange(6), 32, cpu, store)
    )  # by place, not by row
    whole = FeatureStore(images, "net-32").get(images, np.arange(6, 12))
    assert torch.equal(store.get(edited, np.arange(6)), whole)


def test_a_damaged_feature_file_is_computed_again(make_set: MakeSet) -> None:
    images = make_set({"a": 4, "b": 4}, side=32)
    model, rows, cpu = create_model("seedling_net", 2), np.arange(8), torch.device("cpu")
    store = FeatureStore(images, "net-32")
    list(extract(eager_features(model, cpu), images, rows, 32, cpu, store))
    assert store.path is not None
    store.path.write_bytes(store.path.read_bytes()[:100])
    assert FeatureStore(images, "net-32").missing(images, rows).size == 8


def test_features_of_other_weights_are_not_taken_for_these(make_set: MakeSet) -> None:
    images = make_set({"a": 4, "b": 4}, side=32)
    rows, cpu = np.arange(8), torch.device("cpu")
    models = [create_model("seedling_net", 2) for _ in range(2)]
    prints = [fingerprint(model) for model in models]
    assert prints[0] != prints[1] and fingerprint(models[0]) == prints[0]
    models[0].head.reset_parameters()
    assert fingerprint(models[0]) == prints[0]  # features know nothing of the head
    for model, name in zip(models, prints, strict=True):
        store = FeatureStore(images, "net-32", name)
        assert store.missing(images, rows).size == 8
        list(extract(eager_features(model, cpu), images, rows, 32, cpu, store))
    kept = list((images.folder / "features").iterdir())
    assert kept == [FeatureStore(images, "net-32", prints[1]).path]  # the others are of no use


def test_a_validation_picture_is_news_to_the_head_of_lp_ft(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On noise nobody can be right about pictures that the head was not fitted on."""
    images = make_set({"a": 60, "b": 60, "c": 60}, side=32)
    labels = np.random.default_rng(1).permutation(images.labels)
    images = dataclasses.replace(images, labels=labels)
    right = {}
    for method in ("lp_ft", "quick"):
        config = ClassifierConfig(
            backbone="seedling-s", method=method, images=64, class_weights=False
        )
        model = create_model("seedling-s", 3, pretrained=True, head_stages=3).eval()
        split = split_images(images, 0)
        progress, clock = ClassifierProgress(split), Clock(0.0, math.inf)
        list(fit_head(config, images, model, progress, torch.device("cpu"), clock))
        (pixels,) = stream_squares(images, split.val, 64, len(split.val))
        with torch.no_grad():
            guesses = model(to_unit(pixels, torch.device("cpu"))).argmax(dim=1).numpy()
        right[method] = (guesses == images.labels[split.val]).mean()
    assert right["lp_ft"] < 0.6 and right["quick"] > right["lp_ft"] + 0.2


def test_look_alikes_are_fitted_together_or_not_at_all(make_set: MakeSet) -> None:
    """Five equal pictures in one fold each would make any strength look good."""
    groups = [number // 5 for number in range(60)]
    images = make_set({"a": 30, "b": 30}, groups=groups, side=32)
    rows = np.arange(60, dtype=np.int64)
    split = Split(rows[:50], rows[50:], rows[:0], "held_out")
    for fitted in (folds(images, split), folds(images, dataclasses.replace(split, val=rows[:0]))):
        count, ways = fitted.shape
        assert ways == FOLDS
        for way in fitted.T.tolist():
            seen = {groups[row] for row in range(count) if way[row]}
            assert seen and not seen & {groups[row] for row in range(count) if not way[row]}


def test_pictures_that_are_all_alike_can_not_be_divided(make_set: MakeSet) -> None:
    images = make_set({"a": 4, "b": 4}, groups=[0] * 8, side=32)
    rows = np.arange(8, dtype=np.int64)
    assert folds(images, Split(rows, rows[:0], rows[:0], "held_out")).shape == (8, 0)


def test_the_probe_finds_what_logistic_regression_finds() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 20, generator=generator) * 5 + 2
    y = (x[:, 0] + x[:, 1] > 4).long() + (x[:, 2] > 5).long()
    head = Probe(x, y, 3, None).fit(strength=30.0)
    scaled = StandardScaler().fit_transform(x.numpy())
    reference = LogisticRegression(C=1 / 30.0, tol=1e-8, max_iter=2000).fit(scaled, y.numpy())
    found = F.softmax(head(x), dim=1).detach().numpy()
    np.testing.assert_allclose(found, reference.predict_proba(scaled), atol=0.01)


def test_the_strength_is_chosen_where_unseen_pictures_are_best() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 100, generator=generator)
    noise = torch.randn(400, generator=generator)
    y = (x[:, 0] + 1.5 * noise > 0).long()  # mostly noise: a strong pull is right
    fitted = torch.arange(400)[:, None] < 200
    trials = list(Probe(x, y, 2, None).try_strengths(fitted))
    best = min(trials, key=lambda trial: trial.val_loss)
    assert best.strength > trials[-1].strength
    assert trials[-1].train_loss < trials[0].train_loss
    assert all(math.isfinite(trial.val_loss) for trial in trials)


def test_more_dimensions_than_pictures_change_nothing() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 90, generator=generator) + 1
    y = (x[:, 0] > 1).long()
    # The reference has one column of weights for two classes; two columns share the pull.
    head = Probe(x, y, 2, None).fit(strength=20.0)
    scaled = StandardScaler().fit(x.numpy())
    reference = LogisticRegression(C=1 / 10.0, tol=1e-8, max_iter=2000)
    reference.fit(scaled.transform(x.numpy()), y.numpy())
    unseen = torch.randn(50, 90, generator=generator)
    found = (head(unseen)[:, 1] - head(unseen)[:, 0]).detach().numpy()
    expected = reference.decision_function(scaled.transform(unseen.numpy()))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_growing_pictures_grow_to_nearly_their_size() -> None:
    sides = [grown_side(64, step / 30) for step in range(31)]
    assert sides == sorted(sides) and sides[0] == 32 and sides[-1] == 56
    assert len(set(sides)) == 3
    assert grown_side(32, 0.0) == 32  # networks of five halvings see nothing in less


def test_growing_pictures_cost_what_their_area_costs() -> None:
    works = [grown_work(step / 30) for step in range(31)]
    assert works == sorted(works) and works[0] == 0
    areas = [(grown_side(64, (part + 0.5) / 3) / 64) ** 2 for part in range(3)]
    assert works[-1] == pytest.approx(sum(areas) / 3)
    assert grown_work(1 / 3) == pytest.approx(areas[0] / 3)


@pytest.mark.parametrize("seen_share", [0.1, 1 / 3, 0.5, 0.9])
def test_a_plan_for_growing_pictures_foresees_that_they_become_dearer(seen_share: float) -> None:
    config = ClassifierConfig(minutes=10.0, grow=True, batch_size=8)
    speed = 100.0  # pictures of full size a second
    counts = {"train_count": 4000, "val_count": 40, "test_count": 40}
    plan = make_plan(config, **counts, seconds_used=0.0, images_per_second=speed)
    assert plan.total * grown_work(1.0) / speed == pytest.approx(600 * (1 - EVAL_SHARE), rel=0.02)
    budget = plan.reserve + plan.total * grown_work(1.0) / speed
    exact = dataclasses.replace(config, minutes=budget / 60)
    before, images_seen = plan.total, int(seen_share * plan.total)
    plan.after_eval(exact, images_seen, plan.total * grown_work(seen_share) / speed)
    assert plan.total == pytest.approx(before, rel=REPLAN)


def test_small_pictures_are_averages_and_not_samples() -> None:
    """Stripes one pixel wide are grey from afar."""
    stripes = (torch.arange(74) % 2).float().expand(8, 3, 74, 74)
    small = vary(stripes, 32, mirror=False, generator=torch.Generator().manual_seed(0))
    assert small.std(dim=(1, 2, 3)).max() < 0.05
