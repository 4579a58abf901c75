from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch

from training.classifier.config import ClassifierConfig
from training.core.files import write_json
from training.core.messages import Message
from training.kinds import read_config
from training.runs.checkpoint import Checkpoint, CheckpointDamaged
from training.runs.events import Finished, Log, Notice, Preview, Saved
from training.runs.folder import RunFolder, RunInfo
from training.runs.history import History, Point
from training.runs.state import RunState


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", info())


def info() -> RunInfo:
    return RunInfo(
        id="a1",
        owner="me",
        kind="classifier",
        name="ants and 蜜蜂",
        created=1.5,
        data="../data",
        edits={"bees": "ants", "stones": None},
        config=ClassifierConfig(seed=3).to_json(),
        status=RunState.FAILED,
        error=(Message("error.x.what", {"device": "cpu"}), Message("error.x.fix")),
    )


def step(seconds: float, loss: float) -> Log:
    seen = round(seconds * 10)
    return Log("train", seen, seconds, seconds / 10, 10.0, {"train/loss": loss})


def losses(history: History) -> list[float]:
    return [point.value for point in history.curves["train/loss"]]


def test_run_json_comes_back_as_it_was(folder: RunFolder) -> None:
    assert folder.info() == info()
    assert read_config(folder) == ClassifierConfig(seed=3)


def test_run_json_can_be_read_without_the_app(folder: RunFolder) -> None:
    plain = json.loads((folder.path / "run.json").read_text(encoding="utf-8"))
    assert plain["name"] == "ants and 蜜蜂"
    assert plain["edits"] == {"bees": "ants", "stones": None}
    assert plain["error"][0] == {"key": "error.x.what", "values": {"device": "cpu"}}


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunFolder(tmp_path).info()


def test_write_json_never_leaves_half_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"n": 1})

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_space)  # the disk fills up while the new file is written
        with pytest.raises(OSError, match="No space"):
            write_json(path, {"n": 2})
    assert json.loads(path.read_text(encoding="utf-8")) == {"n": 1}
    write_json(path, {"n": 3})
    assert json.loads(path.read_text(encoding="utf-8")) == {"n": 3}


def test_the_history_of_a_run_is_all_that_it_said(folder: RunFolder) -> None:
    folder.record(step(1.0, 2.0))
    folder.record(Notice(Message("notice.plan", {"steps": 4})))
    folder.record(Preview("lr_range", {"chosen": 0.1}))
    folder.record(Preview("lr_range", {"chosen": 0.2}))
    folder.record(Log("evaluate", 40, 4.0, 0.9, 8.0, {"train/loss": 1.0, "val/accuracy": 0.75}))
    history = RunFolder(folder.path).history()
    assert history == History(
        curves={
            "train/loss": (Point(10, 1.0, 2.0), Point(40, 4.0, 1.0)),
            "val/accuracy": (Point(40, 4.0, 0.75),),
        },
        notices=(Message("notice.plan", {"steps": 4}),),
        previews={"lr_range": {"chosen": 0.2}},
        phase="evaluate",
        images_seen=40,
        seconds=4.0,
        progress=0.9,
        images_per_second=8.0,
    )


def test_a_snapshot_of_the_history_stays_as_it_is(folder: RunFolder) -> None:
    early = History().after({"event": "step", **vars(step(1.0, 2.0))})
    later = early.after({"event": "step", **vars(step(2.0, 1.0))})
    assert (losses(early), losses(later)) == ([2.0], [2.0, 1.0])


def test_a_record_line_is_what_the_history_grows_by(folder: RunFolder) -> None:
    """The page adds up the lines that ``record`` returns; a restart reads them from disk."""
    lines = [folder.record(event) for event in (step(1.0, 2.0), step(2.0, 1.0))]
    live = History()
    for line in lines:
        assert line is not None
        live = live.after(line)
    assert live == folder.history()


def test_half_a_line_costs_only_itself(folder: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    folder.record(step(1.0, 3.0))
    folder.record(step(2.0, 2.0))
    events = folder.path / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-9])  # the process was killed while it wrote
    with caplog.at_level(logging.WARNING):
        assert losses(folder.history()) == [3.0]
    assert "line 2" in caplog.text
    folder.record(step(3.0, 1.0))
    assert losses(folder.history()) == [3.0, 1.0]


def test_a_resumed_run_does_not_say_things_twice(folder: RunFolder) -> None:
    notice = Notice(Message("notice.unfreeze", {"stage": 2}))
    for event in (step(1.0, 4.0), step(2.0, 3.0), notice, step(3.0, 2.5)):
        folder.record(event)
    folder.append({"event": "resumed", "seconds": 2.0})  # from a checkpoint at two seconds
    assert losses(folder.history()) == [4.0, 3.0]
    assert folder.history().seconds == 2.0
    folder.record(notice)
    folder.record(step(3.0, 2.5))
    assert losses(folder.history()) == [4.0, 3.0, 2.5]
    assert folder.history().notices == (notice.message,)


def test_checkpoint_and_model_go_to_their_own_places(folder: RunFolder) -> None:
    assert folder.checkpoint() is None
    assert folder.result() is None
    assert folder.record(Saved(Checkpoint({"w": torch.ones(2)}, {"seconds": 3.0}))) is None
    model = Checkpoint({"w": torch.zeros(2)}, {"classes": ["a", "b"]})
    folder.record(Finished({"val_accuracy": 0.9}, model))
    checkpoint = folder.checkpoint()
    assert checkpoint is not None
    assert checkpoint.state == {"seconds": 3.0}
    assert folder.result() == {"val_accuracy": 0.9}
    assert (folder.path / "model" / "tensors.safetensors").exists()
    assert folder.history() == History()


def test_a_damaged_checkpoint_is_not_taken_for_none(folder: RunFolder) -> None:
    folder.record(Saved(Checkpoint({"w": torch.ones(2)})))
    (folder.path / "checkpoint" / "tensors.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointDamaged):
        folder.checkpoint()
