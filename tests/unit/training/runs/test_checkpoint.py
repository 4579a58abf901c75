from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint, CheckpointDamaged


class Crash(BaseException):
    """The power went out; nothing catches this."""


def numbered(number: int) -> Checkpoint:
    return Checkpoint({"model/w": torch.full((3, 2), float(number))}, {"number": number})


def crash_at(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ``count``-th rename or removal of a folder, and all after it, never happen."""
    left = count

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 1:
                raise Crash
            return change(*args, **options)

        return wrapper

    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    weights = {
        "model/w": torch.randn(4, 3, 2),
        "model/half": torch.randn(5).to(torch.bfloat16),
        "ema/count": torch.tensor(7),
        "rng/cpu": torch.get_rng_state(),
        "model/empty": torch.empty(0, 3),
    }
    state = {"seconds": 1.5, "classes": ["cat", "猫"], "best": None}
    checkpoints.save(tmp_path / "checkpoint", Checkpoint(weights, state))
    loaded = checkpoints.load(tmp_path / "checkpoint")
    assert loaded.state == state
    assert loaded.tensors.keys() == weights.keys()
    for name, tensor in weights.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor), name


def test_tensors_may_share_memory_and_be_views(tmp_path: Path) -> None:
    tied = torch.arange(6.0).reshape(2, 3)
    tensors = {"model/a": tied, "model/b": tied, "ema/a": tied.T, "ema/b": tied[:, 1:]}
    checkpoints.save(tmp_path / "checkpoint", Checkpoint(tensors))
    loaded = checkpoints.load(tmp_path / "checkpoint").tensors
    assert torch.equal(loaded["model/b"], tied)
    assert torch.equal(loaded["ema/a"], tied.T)
    assert torch.equal(loaded["ema/b"], tied[:, 1:])


def test_loaded_tensors_do_not_hang_on_the_file(tmp_path: Path) -> None:
    """Else a resumed run could not replace its own checkpoint on Windows."""
    checkpoints.save(tmp_path / "checkpoint", numbered(1))
    loaded = checkpoints.load(tmp_path / "checkpoint")
    file = tmp_path / "checkpoint" / "tensors.safetensors"
    file.write_bytes(b"\0" * file.stat().st_size)
    assert torch.equal(loaded.tensors["model/w"], torch.full((3, 2), 1.0))


def test_parts_are_taken_by_whole_names(tmp_path: Path) -> None:
    one, two = torch.ones(1), torch.zeros(1)
    checkpoint = Checkpoint({"model/w": one, "model_ema/w": two, "model/head/w": two})
    assert checkpoint.part("model").keys() == {"w", "head/w"}


def test_a_new_checkpoint_replaces_the_old_and_leaves_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    for number in (1, 2):
        checkpoints.save(folder, numbered(number))
    assert checkpoints.load(folder).state == {"number": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("second", range(1, 6))
@pytest.mark.parametrize("first", range(1, 6))
def test_no_crash_and_no_second_crash_loses_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, second: int
) -> None:
    folder = tmp_path / "checkpoint"
    checkpoints.save(folder, numbered(1))
    for number, count in ((2, first), (3, second)):
        before = checkpoints.load(folder).state["number"]
        with monkeypatch.context() as patch:
            crash_at(count, patch)
            with contextlib.suppress(Crash):
                checkpoints.save(folder, numbered(number))
        assert checkpoints.load(folder).state["number"] in (before, number)
    checkpoints.save(folder, numbered(4))
    assert checkpoints.load(folder).state == {"number": 4}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_crash_between_the_renames_falls_back_to_the_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    checkpoints.save(folder, numbered(1))
    folder.rename(tmp_path / "checkpoint.old")
    assert checkpoints.load(folder).state == {"number": 1}


def test_a_full_disk_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    checkpoints.save(folder, numbered(1))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", no_space)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(folder, numbered(2))
    assert checkpoints.load(folder).state == {"number": 1}


def test_nothing_saved_is_not_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        checkpoints.load(tmp_path / "checkpoint")


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "first", "middle", "last", "gone"])
def test_damage_is_noticed(tmp_path: Path, name: str, damage: str) -> None:
    checkpoints.save(tmp_path / "checkpoint", numbered(1))
    file = tmp_path / "checkpoint" / name
    content = bytearray(file.read_bytes())
    if damage in ("first", "middle", "last"):
        content[{"first": 0, "middle": len(content) // 2, "last": -1}[damage]] ^= 1
    elif damage == "truncated":
        del content[-3:]
    elif damage == "emptied":
        content.clear()
    file.write_bytes(content)
    if damage == "gone":
        file.unlink()
    with pytest.raises(CheckpointDamaged, match="checkpoint"):
        checkpoints.load(tmp_path / "checkpoint")
