"""The best generator of a run or its last one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.conftest import MakeSet
from tests.waiting import has_saved, is_, wait
from training.core.messages import UserError
from training.gan.config import GanConfig
from training.gan.progress import Evaluations
from training.jobs.manager import RunManager
from training.latent.choice import choose_generator
from training.latent.steering import load_gan_sampler
from training.runs.folder import RunFolder

pytestmark = pytest.mark.slow

CONFIG = GanConfig(images=160, width=4, batch_size=4, augment="none")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


@pytest.fixture
def run(manager: RunManager, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run whose first evaluation was its best."""
    monkeypatch.setattr(Evaluations, "is_best", lambda self, metrics: self.best_kid is None)
    run_id = manager.start("ann", CONFIG, make_set({"red": 60}).folder, name="colours")
    assert wait(manager, run_id, is_("finished", "failed")).status == "finished"
    return run_id


def choose(manager: RunManager, run_id: str, name: str) -> None:
    manager.change_result(run_id, lambda folder: choose_generator(folder, name))


def is_part(folder: RunFolder, part: str) -> bool:
    """Whether the generator that is used is this part of the last checkpoint."""
    saved = folder.checkpoint()
    assert saved is not None
    used = load_gan_sampler(folder.path).generator.state_dict()
    return all(torch.equal(used[name], weight) for name, weight in saved.part(part).items())


def test_the_last_can_take_the_place_of_the_best_and_give_it_back(
    manager: RunManager, run: str
) -> None:
    folder, version = manager.folder(run), manager.status(run).version
    before = folder.result()
    assert before is not None
    first, last = before["best_seen"], before["images_seen"]
    assert 0 < first < last == 160
    assert (before["kept"], before["kept_seen"]) == ("best", first)
    assert (before["other"]["kept"], before["other"]["kept_seen"]) == ("last", last)
    assert is_part(folder, "best") and not is_part(folder, "ema")
    choose(manager, run, "last")
    after = manager.status(run)
    assert after.result is not None and after.version > version
    assert (after.result["kept"], after.result["kept_seen"]) == ("last", last)
    assert after.result["meters"] == before["other"]["meters"] != before["meters"]
    assert after.result["fd"] == after.result["meters"]["fd"]
    assert after.result == folder.result()
    assert is_part(folder, "ema")
    choose(manager, run, "last")  # a second press
    assert is_part(folder, "ema") and manager.status(run).result == after.result
    choose(manager, run, "best")
    assert is_part(folder, "best") and manager.status(run).result == before


def test_each_has_a_grid_of_its_own(manager: RunManager, run: str) -> None:
    folder, result = manager.folder(run), manager.status(run).result
    assert result is not None
    (seen, best), (last_seen, last) = folder.shots("best")[-1], folder.shots("last")[-1]
    assert (seen, last_seen) == (result["best_seen"], result["images_seen"])
    assert best.read_bytes() != last.read_bytes()
    assert last.read_bytes() == folder.shots("samples")[-1][1].read_bytes()


def test_a_choice_that_was_cut_off_between_two_files_is_made_good(
    manager: RunManager, run: str
) -> None:
    folder = manager.folder(run)
    path: Path = folder.path / "result.json"
    before = path.read_bytes()
    choose(manager, run, "last")
    after = path.read_bytes()
    path.write_bytes(before)
    choose(manager, run, "last")
    assert path.read_bytes() == after and is_part(folder, "ema")


def test_without_a_second_generator_there_is_no_choice(
    manager: RunManager, make_set: MakeSet
) -> None:
    config = dataclasses.replace(CONFIG, images=CONFIG.batch_size)  # evaluated once, at its end
    run_id = manager.start("ann", config, make_set({"red": 60}).folder, name="colours")
    done = wait(manager, run_id, is_("finished", "failed"))
    assert done.result is not None and done.result["best_seen"] == done.result["images_seen"]
    assert done.result["other"] is None
    with pytest.raises(UserError) as refused:
        choose(manager, run_id, "last")
    assert refused.value.key == "gan.no_choice"
    assert manager.status(run_id).result == done.result


def test_a_run_at_work_has_to_end_first(manager: RunManager, make_set: MakeSet) -> None:
    config = dataclasses.replace(CONFIG, images=40_000)
    run_id = manager.start("ann", config, make_set({"red": 60}).folder, name="colours")
    wait(manager, run_id, has_saved(manager, run_id))
    with pytest.raises(UserError) as refused:
        choose(manager, run_id, "last")
    assert refused.value.key == "run.at_work"
