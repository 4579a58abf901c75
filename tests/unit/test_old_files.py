"""Runs, checkpoints and links of earlier versions are read for ever.

``tests/data/runs-of-november-2026.zip`` was written by the code of that month: a finished
classifier, a finished GAN, a GAN that was cut off in the middle of its training, one that looked
through a pretrained backbone, and a link. Its settings and states have the names of that time.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.source import ROOT
from training.classifier.config import ClassifierConfig
from training.classifier.predict import Predictor
from training.core.device import create_fabric
from training.core.home import Home
from training.gan.config import GanConfig
from training.gan.progress import GanProgress
from training.gan.setup import resume_training
from training.gan.transfer import decide
from training.jobs.runner import follow, open_run
from training.kinds import read_config
from training.latent.steering import load_gan_sampler
from training.runs.events import Finished, Log, Resumed
from training.runs.folder import RunFolder
from training.runs.state import RunState
from ui.common.tokens import ShareTokens
from ui.latent.links import Link

pytestmark = pytest.mark.slow

ARCHIVE = ROOT / "tests" / "data" / "runs-of-november-2026.zip"
SECRET = "a-secret-of-the-past"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The old files, unpacked."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations of a few samples: how good they are is not the question here."""
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


@pytest.fixture
def expected(old: Path) -> Any:
    return json.loads((old / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "status", "curve"),
    [
        ("classifier", RunState.FINISHED, "val/accuracy"),
        ("gan", RunState.FINISHED, "gan/d_loss"),
        ("gan-interrupted", RunState.RUNNING, "gan/d_loss"),
        ("gan-teacher", RunState.RUNNING, "gan/d_loss"),
    ],
)
def test_an_old_run_says_what_it_was(old: Path, name: str, status: RunState, curve: str) -> None:
    folder = RunFolder(old / name)
    assert folder.info().status is status
    history = folder.history()
    assert history.curves[curve] and history.images_seen > 0
    assert (folder.result() is not None) == (status is RunState.FINISHED)


def test_an_old_config_has_todays_names(old: Path) -> None:
    classifier = read_config(RunFolder(old / "classifier"))
    assert isinstance(classifier, ClassifierConfig) and classifier.images == 96
    through = read_config(RunFolder(old / "gan-teacher"))
    assert isinstance(through, GanConfig) and through.d_backbone == "seedling-s"
    start = GanConfig(start_from=str(old / "gan-teacher"))
    assert decide(start).d_backbone == "seedling-s"


def test_an_old_classifier_predicts_what_it_did(old: Path, expected: Any) -> None:
    predict = Predictor(old / "classifier")
    for name, before in expected["predictions"].items():
        with Image.open(old / f"{name}.png") as picture:
            found = predict(picture.convert("RGB"))
        now = found.probabilities
        assert found.is_strange is None  # it was not measured then
        assert list(now) == list(before)
        assert now == pytest.approx(before, abs=1e-4)


def test_an_old_generator_paints_what_it_did(old: Path) -> None:
    painted = load_gan_sampler(old / "gan")(range(4))
    strip = np.concatenate([each.permute(1, 2, 0).numpy() for each in painted], axis=1)
    with Image.open(old / "gan-seeds-0-to-3.png") as before:
        difference = np.abs(strip.astype(int) - np.asarray(before, dtype=int))
    assert difference.max() <= 1  # machines round differently


def test_an_old_training_goes_on_where_it_stopped(old: Path) -> None:
    folder = RunFolder(old / "gan-interrupted")
    saved = folder.checkpoint()
    assert saved is not None and saved.state["seen"] == 8
    events = list(open_run(folder, create_fabric("cpu")))
    assert events[0] == Resumed(saved.state["seconds"], 8)
    steps = [event for event in events if isinstance(event, Log) and event.phase == "train"]
    assert steps[0].images_seen == 16
    end = events[-1]
    assert isinstance(end, Finished) and end.result["images_seen"] == 320


def test_an_old_optimizer_keeps_all_that_it_knew(old: Path) -> None:
    """Adam's state was one row for all weights; now each weight has its own part of it."""
    folder = RunFolder(old / "gan-interrupted")
    config, saved = read_config(folder), folder.checkpoint()
    assert isinstance(config, GanConfig) and saved is not None
    learner, progress = resume_training(config, folder.images(), create_fabric("cpu"), saved)
    assert progress.balance.d_rank_accuracy == saved.state["won"]
    for name, optimizer in (("g", learner.g_optimizer), ("d", learner.d_optimizer)):
        row = saved.part(f"{name}_optimizer")
        states = list(optimizer.state.values())
        for moment in ("exp_avg", "exp_avg_sq"):
            parts = [state[moment] for state in states]
            norm = torch.stack([part.square().sum() for part in parts]).sum().sqrt()
            torch.testing.assert_close(norm, row[f"0/{moment}"].norm())
            weights = optimizer.param_groups[0]["params"]
            assert [part.shape for part in parts] == [weight.shape for weight in weights]
        assert {float(state["step"]) for state in states} == {float(row["0/step"])}


def test_an_old_training_on_the_command_line_ends(old: Path) -> None:
    folder = RunFolder(old / "gan-interrupted")
    follow(folder, "cpu", lambda line: None)
    assert folder.info().status is RunState.FINISHED


def test_an_old_state_comes_back_in_parts(old: Path) -> None:
    state = json.loads((old / "gan-teacher/checkpoint/state.json").read_text(encoding="utf-8"))
    progress = GanProgress.from_json(state)
    assert progress.images_seen == state["seen"] and progress.augment.p == state["strength"]
    assert progress.plan.next_eval == state["plan"]["next_look"]
    assert GanProgress.from_json(progress.to_json()).to_json() == progress.to_json()


def test_an_old_link_leads_to_its_picture(old: Path, expected: Any) -> None:
    (old / "home").mkdir(exist_ok=True)
    (old / "home" / "link-secret").write_text(SECRET, encoding="ascii")
    link = Link.from_text(expected["link"])
    assert (link.recipe.seed, link.recipe.psi) == (7, 0.8)
    assert link.recipe.steps == {0: 1.5, 3: -0.25} and link.recipe.classes == {0: 1.0, 1: 0.5}
    tokens, expires = ShareTokens(Home(old / "home")), int(link.token.split("-")[0], 16)
    assert tokens.allows(link.run, link.token, now=expires - 1)
    assert not tokens.allows(link.run, link.token, now=expires + 1)
