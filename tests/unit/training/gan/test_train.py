"""The GAN's training loop, run for real on tiny pictures."""

from __future__ import annotations

import dataclasses
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from models.gans.registry import GanShape, create_generator, list_architectures
from tests.conftest import MakeSet
from tests.evaluations import healthy
from training.core.device import create_fabric
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.data.splits import split_for_generator
from training.gan.config import GAN_TEXTBOOK, GanConfig
from training.gan.evaluate import evaluate_gan
from training.gan.learner import GanLearner
from training.gan.losses import OBJECTIVES
from training.gan.plan import GanPlan, class_share, lr_factor, penalty_factor
from training.gan.progress import Balance, Evaluations, GanProgress
from training.gan.train import train_gan
from training.gan.transfer import carry_over, load_start
from training.kinds import read_config
from training.latent.steering import load_gan_sampler
from training.runs.checkpoint import Checkpoint, load, save
from training.runs.events import (
    Event,
    Finished,
    Log,
    Notice,
    Picture,
    Preview,
    Resumed,
    Saved,
    Tick,
)
from training.runs.folder import RunFolder, RunInfo

pytestmark = pytest.mark.slow

TINY = GanConfig(images=96, width=8, batch_size=8, augment_strength=0.5)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


def run(
    config: GanConfig,
    images: ImageSet,
    resume: Checkpoint | None = None,
    start: Checkpoint | None = None,
) -> list[Event]:
    fabric = create_fabric("cpu")
    return list(train_gan(config, images, fabric=fabric, resume=resume, start=start))


def finished(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def notices(events: list[Event]) -> list[str]:
    return [event.message.key for event in events if isinstance(event, Notice)]


def curves(events: list[Event], name: str) -> list[float]:
    return [e.metrics[name] for e in events if isinstance(e, Log) and name in e.metrics]


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return a.tensors.keys() == b.tensors.keys() and all(
        torch.equal(a.tensors[name], b.tensors[name]) for name in a.tensors
    )


@pytest.mark.parametrize("architecture", list_architectures())
@pytest.mark.parametrize("classes", [1, 2])
def test_every_architecture_trains_with_and_without_classes(
    make_set: MakeSet, architecture: str, classes: int
) -> None:
    images = make_set(dict.fromkeys(["red", "green"][:classes], 30))
    config = dataclasses.replace(TINY, architecture=architecture, images=24)
    events = run(config, images)
    result = finished(events).result
    assert result["conditional"] == (classes == 2)
    assert math.isfinite(result["fd"]) and math.isfinite(result["kid"])
    assert result["images_seen"] == 24
    grids = [event for event in events if isinstance(event, Picture) and event.name == "samples"]
    assert len(grids) >= 2 and not (grids[0].pixels == grids[-1].pixels).all()


@pytest.mark.parametrize(
    ("architecture", "key"),
    [("dcgan", "notice.gan_short_minutes"), ("stylegan2", "notice.gan_short_slow")],
)
def test_who_gives_too_little_time_is_told_how_much_it_takes(
    make_set: MakeSet, architecture: str, key: str
) -> None:
    config = dataclasses.replace(TINY, architecture=architecture, images=None, minutes=0.06)
    loop = train_gan(config, make_set({"red": 60}), fabric=create_fabric("cpu"))
    said = next(e.message for e in loop if isinstance(e, Notice) and e.message.key == key)
    loop.close()  # type: ignore[attr-defined]
    assert said.values["minutes"] >= 1 and str(said.values["minutes"]) in said.text()


@pytest.mark.parametrize("loss", OBJECTIVES)
@pytest.mark.parametrize("form", ["exact", "estimate"])
def test_every_loss_trains_both_networks(make_set: MakeSet, loss: str, form: str) -> None:
    images = make_set({"red": 30})
    config = dataclasses.replace(TINY, loss=loss, penalty_form=form, images=16)
    model = finished(run(config, images)).model
    torch.manual_seed(config.seed)
    for part in ("generator", "discriminator"):
        for name, weight in model.part(part).items():
            assert weight.isfinite().all(), name


def test_the_generator_learns_what_the_pictures_have_in_common(make_set: MakeSet) -> None:
    images = make_set({"red": 60})  # red is brighter than green and blue, and the rest is noise
    events = run(dataclasses.replace(TINY, images=1000, augment="none"), images)
    pictures = [event for event in events if isinstance(event, Picture)]
    first, last = pictures[0].pixels, pictures[-1].pixels
    reds = [(p[..., 0].mean() - p[..., 1:].mean()) for p in (first, last)]
    assert abs(reds[0]) < 20 and reds[1] > 50


def test_killed_and_resumed_equals_never_killed(
    make_set: MakeSet, tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.gan.monitor.SAVE_MIN_SECONDS", 0.0)
    monkeypatch.setattr("training.gan.monitor.SAVE_BUDGET_SHARE", 0.0)
    images = make_set({"red": 40, "green": 40})
    config = dataclasses.replace(
        TINY, architecture="stylegan2", images=160, path_length=2.0, mirror=True
    )
    whole = run(config, images)
    saves = [event.checkpoint for event in whole if isinstance(event, Saved)]
    middle = saves[len(saves) // 2]
    assert 0 < middle.state["images_seen"] < 160
    save(tmp_path / "kept", middle)
    torch.manual_seed(99)  # another process has other random numbers
    again = run(config, images, resume=load(tmp_path / "kept"))
    assert same(finished(whole).model, finished(again).model)
    ours, theirs = finished(whole).result, finished(again).result
    timed = ("seconds", "images_per_second")
    assert {k: v for k, v in ours.items() if k not in timed} == {
        k: v for k, v in theirs.items() if k not in timed
    }
    assert (
        curves(again, "gan/d_loss")
        == curves(whole, "gan/d_loss")[-len(curves(again, "gan/d_loss")) :]
    )


def test_stopped_early_keeps_the_best_so_far(make_set: MakeSet) -> None:
    images = make_set({"red": 60})
    events = train_gan(TINY, images, fabric=create_fabric("cpu"))
    saved = next(event for event in events if isinstance(event, Saved))
    events.close()  # type: ignore[attr-defined]
    last = list(evaluate_gan(TINY, images, saved.checkpoint, fabric=create_fabric("cpu")))[-1]
    assert isinstance(last, Finished) and last.result["images_seen"] > 0


def test_what_was_learned_since_the_last_look_is_not_thrown_away(make_set: MakeSet) -> None:
    images = make_set({"red": 60})
    last = [e for e in run(TINY, images) if isinstance(e, Saved)][-1].checkpoint
    worse = {f"best/{k}": torch.zeros_like(v) for k, v in last.part("best").items()}
    before = {**last.state["evaluations"], "last_seen": 8, "best_kid": 1e9, "best_seen": 8}
    state = {**last.state, "evaluations": before}
    stopped = Checkpoint({**last.tensors, **worse}, state)
    end = list(evaluate_gan(TINY, images, stopped, fabric=create_fabric("cpu")))[-1]
    assert isinstance(end, Finished) and end.result["best_seen"] == last.state["images_seen"]
    for name, weight in end.model.part("generator").items():
        assert torch.equal(weight, last.part("ema")[name])


def test_a_handful_of_pictures_is_enough_and_honestly_judged(make_set: MakeSet) -> None:
    events = run(dataclasses.replace(TINY, images=16), make_set({"red": 20}))
    assert "notice.gan_tiny" in notices(events)
    result = finished(events).result
    assert result["evaluated_on"] == "train" and result["meters"]["copied_share"] is None
    assert result["train_images"] == 20
    assert curves(events, "gan/augment")[-1] == TINY.augment_strength  # nothing to adapt to


def test_pictures_without_classes_work(make_set: MakeSet) -> None:
    images = make_set({"red": 30, "green": 30})
    flat = dataclasses.replace(images, labels=images.labels * 0 - 1, class_names=())
    events = run(dataclasses.replace(TINY, images=16), flat)
    assert finished(events).result["conditional"] is False
    assert "notice.gan_unconditional" in notices(events)


def test_one_picture_is_too_few(make_set: MakeSet) -> None:
    with pytest.raises(UserError, match="at least 2"):
        split_for_generator(make_set({"red": 1}), 0)


@pytest.mark.parametrize("count", [20, 60, 600])
def test_held_out_pictures_are_held_out(make_set: MakeSet, count: int) -> None:
    images = make_set({"red": count // 2, "green": count // 2}, side=2)
    split = split_for_generator(images, 0)
    assert not set(split.train) & (set(split.val) | set(split.test))
    assert len(split.val) == {20: 0, 60: 12, 600: 54}[count]  # a tenth of what the test left
    assert (set(split.val) == set(split.test)) == (count < 600)


def test_given_test_pictures_stay_apart_from_training(make_set: MakeSet) -> None:
    given = ["train"] * 30 + ["test"] * 10
    split = split_for_generator(make_set({"red": 40}, given=given), 0)
    assert sorted(split.train) == list(range(30))
    assert sorted(split.test) == sorted(split.val) == list(range(30, 40))
    assert split.origin == "test"


# ---- when things go wrong


def test_a_loss_that_is_no_number_goes_back_and_slows_down(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GanLearner.step
    broken: list[int] = []

    def breaks_once(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        if images_seen >= 32 and not broken:
            broken.append(images_seen)
            with torch.no_grad():
                for weight in self.generator.parameters():
                    weight.fill_(math.nan)
        return step(self, images_seen, augment_p)

    monkeypatch.setattr(GanLearner, "step", breaks_once)
    events = run(TINY, make_set({"red": 60}))
    assert notices(events).count("notice.gan_diverged") == 1
    for weight in finished(events).model.tensors.values():
        assert weight.isfinite().all()
    assert curves(events, "gan/lr")[-1] < 0.5 * curves(events, "gan/lr")[0]


def test_a_game_that_breaks_down_again_and_again_ends(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GanLearner.step

    def always_breaks(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        return dataclasses.replace(
            step(self, images_seen, augment_p), g_loss=torch.tensor(math.inf)
        )

    monkeypatch.setattr(GanLearner, "step", always_breaks)
    with pytest.raises(UserError, match="no longer a number"):
        run(TINY, make_set({"red": 60}))


@pytest.mark.parametrize(
    "problem",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")],
)
def test_out_of_memory_halves_the_batch(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch, problem: RuntimeError
) -> None:
    step = GanLearner.step

    def heavy(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        if self.batch_size > 4:
            self.discriminator.requires_grad_(False)  # as in the middle of a step
            raise problem
        return step(self, images_seen, augment_p)

    monkeypatch.setattr(GanLearner, "step", heavy)
    events = run(TINY, make_set({"red": 60}))
    assert "notice.gan_memory" in notices(events)
    assert finished(events).result["batch_size"] == 4


def test_out_of_memory_while_the_speed_is_measured(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GanLearner.step

    def heavy(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        if self.batch_size > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(self, images_seen, augment_p)

    monkeypatch.setattr(GanLearner, "step", heavy)
    events = run(GanConfig(minutes=0.05, width=8, batch_size=16), make_set({"red": 60}))
    assert notices(events).count("notice.gan_memory") == 2
    assert finished(events).result["batch_size"] == 4


def test_too_little_memory_for_any_batch_says_what_to_do(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_heavy(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(GanLearner, "step", too_heavy)
    with pytest.raises(UserError, match="smaller resolution"):
        run(TINY, make_set({"red": 60}))


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: GanLearner, images_seen: int, augment_p: float) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(GanLearner, "step", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(TINY, make_set({"red": 60}))


def progress_at(share: float, total: int = 1000) -> GanProgress:
    split = split_stub()
    plan = GanPlan(total, 10, 100, 10, 100, 10**9, 1.0, 0.0)
    return GanProgress(split, GanShape("dcgan", 32), plan, 10, images_seen=round(share * total))


def split_stub() -> Any:
    import numpy as np

    from training.data.splits import Split

    rows = np.arange(4)
    return Split(rows, rows[:0], rows[:0], "held_out")


def test_a_discriminator_that_wins_for_long_is_slowed_down_once_in_a_while() -> None:
    balance = Balance()
    said = [balance.discriminator_won(1.0, 0.3) for _ in range(200)]
    assert sum(said) == 1 and balance.d_factor == 0.5
    assert balance.discriminator_won(1.0, 0.6) and balance.d_factor == 0.25


def test_a_fair_game_is_left_alone() -> None:
    balance = Balance()
    assert not any(balance.discriminator_won(0.9, 0.5) for _ in range(500))


def test_augmentation_follows_overfitting_and_stays_within_its_bounds() -> None:
    config, progress = GanConfig(augment_strength=0.6), progress_at(0.2)
    for _ in range(1000):
        progress.update_augment(config, 1.0)
    assert progress.augment.p == 0.6
    for _ in range(1000):
        progress.update_augment(config, 0.0)
    assert progress.augment.p == 0.0


def test_rates_fall_in_the_second_half_only() -> None:
    config = GanConfig()
    rates = [lr_factor(config, share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert rates == pytest.approx([1, 1, 1, 0.55, 0.1])
    assert lr_factor(dataclasses.replace(config, schedule="constant"), 1) == 1


def test_the_penalty_falls_all_along() -> None:
    config = GanConfig()
    weights = [penalty_factor(config, share) for share in (0, 0.5, 1)]
    assert weights == pytest.approx([1, 0.55, 0.1])
    assert penalty_factor(dataclasses.replace(config, schedule="constant"), 1) == 1


def test_the_plan_follows_the_speed() -> None:
    config, progress = GanConfig(minutes=1.0), progress_at(0.5, 10_000)
    progress.images_per_second = 20.0  # much slower than planned, with 29 s left
    progress.after_report(config, 30.0)
    assert progress.plan.total == 5000 + 29 * 20
    reproducible = progress_at(0.5, 10_000)
    reproducible.images_per_second = 20.0
    reproducible.after_report(dataclasses.replace(config, images=10_000), 30.0)
    assert reproducible.plan.total == 10_000


def test_progress_survives_json() -> None:
    progress = progress_at(0.4)
    progress.augment.p, progress.evaluations.history = 0.3, [{"fd": 1.0}]
    assert GanProgress.from_json(progress.to_json()).to_json() == progress.to_json()


def test_a_time_budget_is_kept(make_set: MakeSet) -> None:
    import time

    images = make_set({"red": 60})
    config = GanConfig(minutes=0.1, batch_size=8)
    started = time.monotonic()
    events = run(config, images)
    result = finished(events).result
    evaluations = [event.data for event in events if isinstance(event, Preview)]
    assert time.monotonic() - started < 6 * 2.5  # a shared machine
    assert result["images_seen"] > 8 and result["width"] in (16, 32)
    assert evaluations[-1]["images_seen"] == result["images_seen"]  # what came out last was judged


# ---- the average, transfer, samples


def test_the_average_lags_behind_and_then_follows(make_set: MakeSet) -> None:
    images = make_set({"red": 60})
    last = [e for e in run(TINY, images) if isinstance(e, Saved)][-1].checkpoint
    fast, slow = last.part("generator"), last.part("ema")
    weights = [name for name in fast if name.endswith("weight")]
    assert any(not torch.equal(fast[name], slow[name]) for name in weights)
    for name in weights:
        assert (fast[name] - slow[name]).abs().mean() < 0.05


def test_transfer_starts_with_the_weights_of_another_run(make_set: MakeSet, tmp_path: Path) -> None:
    source = make_set({"red": 30, "green": 30})
    model = finished(run(TINY, source)).model
    save(tmp_path / "run" / "model", model)
    start = load_start(str(tmp_path / "run"))
    config = dataclasses.replace(TINY, start_from=str(tmp_path / "run"), width=None, freeze_d=2)
    target = make_set({"blue": 60})  # one class
    events = run(config, target, start=start)
    assert "notice.gan_carried" in notices(events) and finished(events).result["width"] == 8
    frozen = finished(events).model.part("discriminator")
    before = model.part("discriminator")
    blocks = sorted({name.split(".")[1] for name in before if name.startswith("blocks.")}, key=int)
    kept, taught = blocks[::-1][:2], blocks[::-1][2:]
    for name in before:
        if name.startswith("blocks.") and name.endswith(("weight", "bias")):
            is_kept = name.split(".")[1] in kept
            assert torch.equal(frozen[name], before[name]) == is_kept, (name, kept, taught)


def test_what_can_not_be_carried_over_is_listed_and_never_frozen(
    make_set: MakeSet, tmp_path: Path
) -> None:
    images = make_set({"red": 60})
    save(tmp_path / "run" / "model", finished(run(TINY, images)).model)
    larger = dataclasses.replace(
        TINY, start_from=str(tmp_path / "run"), resolution=64, freeze_d=2, images=16
    )
    events = run(larger, images, start=load_start(str(tmp_path / "run")))
    said = {e.message.key: e.message.text() for e in events if isinstance(e, Notice)}
    assert "to_rgb" in said["notice.gan_carried_not"]
    assert "Only 0 of the 2" in said["notice.gan_freeze_less"]  # the pixels' stage is a new one


def test_new_classes_start_as_the_average_of_the_old_ones() -> None:
    torch.manual_seed(0)
    three, two, none = (create_generator(GanShape("dcgan", 32, c, 8, 16)) for c in (3, 2, 0))
    for name, weight in three.named_parameters():
        if name.endswith(("gain.weight", "bias.weight")):
            torch.nn.init.normal_(weight)
    old = three.state_dict()
    assert carry_over(two, old) == []
    mean = old["start.gain.weight"].mean(dim=0)
    torch.testing.assert_close(two.state_dict()["start.gain.weight"][1], mean)
    assert carry_over(none, old) == []
    torch.testing.assert_close(none.state_dict()["start.norm.weight"], mean)
    assert carry_over(three, none.state_dict()) == ["classes.weight"]
    torch.testing.assert_close(three.state_dict()["start.gain.weight"][2], mean)


def test_all_is_carried_over_between_equal_networks(make_set: MakeSet, tmp_path: Path) -> None:
    images = make_set({"red": 60})
    save(tmp_path / "run" / "model", finished(run(TINY, images)).model)
    config = dataclasses.replace(TINY, start_from=str(tmp_path / "run"))
    assert "notice.gan_carried" in notices(
        run(config, images, start=load_start(str(tmp_path / "run")))
    )


def test_a_start_is_judged_as_it_came_and_is_never_the_result(
    make_set: MakeSet, tmp_path: Path
) -> None:
    images = make_set({"red": 60})
    save(tmp_path / "run" / "model", finished(run(TINY, images)).model)
    # A rate that only makes it worse.
    config = dataclasses.replace(TINY, start_from=str(tmp_path / "run"), lr=0.1, images=32)
    events = run(config, images, start=load_start(config.start_from))
    first, *later = [e.data for e in events if isinstance(e, Preview) and e.name == "meters"]
    assert first["images_seen"] == 0 and not first["best"]
    best = min(later, key=lambda evaluation: float(evaluation["kid"]))
    assert finished(events).result["best_seen"] == best["images_seen"] > 0
    fresh = run(dataclasses.replace(TINY, images=16), images)
    earliest = next(e.data for e in fresh if isinstance(e, Preview) and e.name == "meters")
    assert earliest["images_seen"] > 0


def test_a_start_without_a_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no generator"):
        load_start(str(tmp_path))


def test_samples_depend_on_their_seed_alone(make_set: MakeSet, tmp_path: Path) -> None:
    save(tmp_path / "model", finished(run(TINY, make_set({"red": 30, "green": 30}))).model)
    sampler = load_gan_sampler(tmp_path)
    assert sampler.class_names == ("red", "green")
    many = sampler([5, 6, 7, 8], "green")
    assert many.shape == (4, 3, 32, 32) and many.dtype == torch.uint8
    difference = (many[2].int() - sampler([7], "green")[0].int()).abs().max()
    assert difference <= 1  # another order of additions in a batch
    mean = sampler([5, 6], "green", psi=0.0)
    assert (mean[0].int() - mean[1].int()).abs().max() <= 1
    with pytest.raises(UserError, match="blue"):
        sampler([1], "blue")


# ---- what a run keeps


def test_grids_are_kept_thinned_and_taken_back_on_resume(tmp_path: Path, monkeypatch: Any) -> None:
    import numpy as np

    monkeypatch.setattr("training.runs.folder.MAX_SHOTS", 6)
    info = RunInfo("0" * 32, "", "gan", "x", 0.0, "data", {}, GAN_TEXTBOOK.to_json())
    folder = RunFolder.create(tmp_path / "run", info)
    assert isinstance(read_config(folder), GanConfig)
    pixels = np.zeros((4, 4, 3), np.uint8)
    for images_seen in range(0, 700, 100):
        folder.record(Picture("samples", images_seen, images_seen / 10, pixels))
    kept = [images_seen for images_seen, _ in folder.shots("samples")]
    assert kept == [0, 200, 400, 600]
    folder.record(Resumed(40.0, 400))
    assert [images_seen for images_seen, _ in folder.shots("samples")] == [0, 200, 400]
    assert folder.history().shots == {"samples": 400}


def test_meters_say_more_than_a_number(make_set: MakeSet) -> None:
    events = run(TINY, make_set({"red": 100}))
    previews = [event.data for event in events if isinstance(event, Preview)]
    assert previews and all(preview["space"] == "lite0-128" for preview in previews)
    assert previews[-1]["images_seen"] == 96
    best = [preview["kid"] for preview in previews if preview["best"]]
    assert best == sorted(best, reverse=True)
    assert finished(events).result["best_seen"] in [p["images_seen"] for p in previews if p["best"]]


def test_a_listener_gets_a_say_all_the_time(make_set: MakeSet) -> None:
    """Every step gives the turn away, so that pausing and stopping are prompt."""
    events = train_gan(TINY, make_set({"red": 60}), fabric=create_fabric("cpu"))
    first = list(islice(events, 40))
    events.close()  # type: ignore[attr-defined]
    assert any(isinstance(event, Tick) for event in first)


def test_what_an_earlier_version_kept_is_measured_anew_before_it_gives_way(
    make_set: MakeSet,
) -> None:
    """Stopped before the update: the kept generator may well be better than the newest."""
    images = make_set({"red": 100})
    last = [event.checkpoint for event in run(TINY, images) if isinstance(event, Saved)][-1]
    spoiled = {f"ema/{name}": torch.zeros_like(x) for name, x in last.part("best").items()}
    history = [{**each, "space": "seedling-s-64"} for each in last.state["evaluations"]["history"]]
    before = {
        **{**last.state["evaluations"], "history": history, "last_seen": 8, "best_kid": 1e-6},
        "best_space": "seedling-s-64",
    }
    state = {**last.state, "evaluations": before}
    stopped = Checkpoint({**last.tensors, **spoiled}, state)
    end = list(evaluate_gan(TINY, images, stopped, fabric=create_fabric("cpu")))[-1]
    assert isinstance(end, Finished)
    for name, weight in end.model.part("generator").items():
        assert torch.equal(weight, last.part("best")[name])


def test_numbers_of_two_judges_are_not_compared() -> None:
    """A run of an earlier version goes on: its best has a number in other features."""
    old = {"space": "seedling-s-64"}
    evaluations = Evaluations(history=[old], best_kid=0.01, best_seen=320)
    assert evaluations.best_space == "seedling-s-64"
    first = healthy(kid=0.4)
    assert evaluations.is_best(first)
    evaluations.measure_best_anew(first)
    assert not evaluations.is_best(healthy(kid=0.5)) and evaluations.is_best(healthy(kid=0.3))


# ---- classes, told apart late


def test_classes_are_told_apart_after_a_while() -> None:
    config = GanConfig(class_start=0.3)
    shares = [class_share(config, share) for share in (0.0, 0.3, 0.45, 0.6, 1.0)]
    assert shares == pytest.approx([0, 0, 0.5, 1, 1])
    assert class_share(dataclasses.replace(config, class_start=0.0), 0.0) == 1
    assert class_share(GanConfig(d_backbone=""), 0.0) == 1
    assert class_share(GanConfig(d_backbone="seedling-s"), 0.0) == 0
    assert class_share(dataclasses.replace(config, start_from="garments-32"), 0.0) == 1


def test_a_generator_that_does_not_tell_classes_apart_yet_is_never_the_best(
    make_set: MakeSet,
) -> None:
    evaluations = Evaluations()
    evaluations.add(healthy(kid=0.1), 100, classes=0.9)
    assert evaluations.best_kid is None
    evaluations.add(healthy(kid=0.5), 200, classes=1.0)
    assert evaluations.best_kid == pytest.approx(0.5) and evaluations.best_seen == 200
    config = dataclasses.replace(TINY, images=320, class_start=0.3)
    events = run(config, make_set({"red": 40, "green": 40}))
    seen = [e.data["images_seen"] for e in events if isinstance(e, Preview) and e.data["best"]]
    assert seen and min(seen) >= 0.6 * 320
    assert "notice.gan_classes" in notices(events)
    assert "notice.gan_classes" not in notices(run(TINY, make_set({"blue": 40})))


def test_nothing_tells_classes_apart_before_their_time(make_set: MakeSet) -> None:
    """As long as they are one, all that the networks know of each is the same."""
    images = make_set({"red": 40, "green": 40})
    config = dataclasses.replace(TINY, images=160, class_start=0.4)
    saves = [e.checkpoint for e in run(config, images) if isinstance(e, Saved)]
    early, late = saves[0], saves[-1]
    assert early.state["images_seen"] < 64 < late.state["images_seen"]
    names = [name for name in early.tensors if name.endswith(("gain.weight", "embedding.weight"))]
    assert names
    for name in names:
        assert torch.equal(early.tensors[name][0], early.tensors[name][1])
    assert any(not torch.equal(*late.tensors[name]) for name in names)
