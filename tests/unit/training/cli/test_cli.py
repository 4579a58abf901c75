"""The command line, as a person or a script calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import MakeFolder, PictureBytes
from tests.source import ROOT
from training.cli.parser import main

pytestmark = pytest.mark.slow

SHORT = ["--backbone", "seedling_net", "--method", "scratch", "--image-size", "32", "--lr", "0.003"]


@pytest.fixture
def upload(make_folder: MakeFolder, picture_bytes: PictureBytes) -> Path:
    """Two classes of twelve pictures, and a file that is none."""
    files = {
        f"{name}/{number}.png": picture_bytes(100 * index + number)
        for index, name in enumerate(("left", "right"))
        for number in range(12)
    }
    return make_folder({**files, "notes.txt": b"hello"})


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDLING_HOME", str(tmp_path / "home"))


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_inspect_says_what_an_upload_holds(
    capsys: pytest.CaptureFixture[str], upload: Path
) -> None:
    report: Mapping[str, Any] = answer(capsys, "inspect", upload)
    assert report["layout"] == "folders"
    assert report["classes"] == {"left": 12, "right": 12}
    assert report["kept"] == 24
    assert [entry["file"] for entry in report["skipped"]] == ["notes.txt"]
    assert set(report) >= {"layout", "classes", "kept", "skipped", "duplicates", "warnings"}


def test_finetune_predict_and_the_run_folder(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = answer(capsys, "finetune", upload, *SHORT, "--images", "64", "--out", out)
    assert set(result) >= {
        "run", "backbone", "method", "device", "classes", "train_images", "val_accuracy",
        "val_accuracy_range", "macro_recall", "seconds", "images_per_second",
    }  # fmt: skip
    assert result["run"] == str(out) and result["classes"] == ["left", "right"]
    low, high = result["val_accuracy_range"]
    assert low <= result["val_accuracy"] <= high
    assert {path.name for path in out.iterdir()} >= {"run.json", "events.jsonl", "model", "data"}
    picture = upload / "left" / "0.png"
    (entry,) = answer(capsys, "predict", out, picture)
    assert entry["file"] == str(picture)
    assert set(entry["probabilities"]) == {"left", "right"}
    assert sum(entry["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)


def test_without_out_the_run_goes_into_the_home(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    result = answer(capsys, "finetune", upload, *SHORT, "--images", "16")
    assert Path(result["run"]).parent == tmp_path / "home" / "runs"


def test_bad_input_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], make_folder: MakeFolder, picture_bytes: PictureBytes,
    tmp_path: Path,
) -> None:  # fmt: skip
    folder = make_folder({f"only/{number}.png": picture_bytes(number) for number in range(6)})
    out = tmp_path / "deep" / "er" / "run"
    said = refusal(capsys, "finetune", folder, *SHORT, "--images", "16", "--out", out)
    assert said.startswith("error: ")
    assert not (tmp_path / "deep").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["finetune", "digits", "--method", "magic"], "“magic”"),
        (["finetune", "digits", "--batch-size", "1"], "batch_size"),
        (["finetune", "digits", "--backbone", "seedling_net", "--method", "quick"], "seedling_net"),
        (["finetune", "no-such-thing"], "no-such-thing"),
        (["inspect", "no-such-thing"], "no-such-thing"),
        (["inspect", "digits", "--max-files", "0"], "files"),
        (["predict", "no-such-run", "a.png"], "no-such-run"),
        (["resume", "no-such-run"], "no-such-run"),
    ],
)
def test_bad_arguments_say_what_and_how_to_mend_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str, tmp_path: Path
) -> None:
    said = refusal(capsys, *arguments)
    assert said.startswith("error: ") and part in said
    assert not (tmp_path / "home").exists()


def test_refusals_come_in_chinese_too(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "resume", "no-such-run", "--language", "zh")
    assert said == "error: “no-such-run”不是一次训练的文件夹。 请给出含有 run.json 的训练文件夹。"


def test_an_unreadable_picture_is_refused(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    answer(capsys, "finetune", upload, *SHORT, "--images", "16", "--out", out)
    assert refusal(capsys, "predict", out, upload / "notes.txt").startswith("error: ")
    assert refusal(capsys, "predict", out, upload / "missing.png").startswith("error: ")


def test_a_finished_run_is_not_resumed_and_a_full_folder_not_overwritten(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    answer(capsys, "finetune", upload, *SHORT, "--images", "16", "--out", out)
    assert "finished" in refusal(capsys, "resume", out)
    before = (out / "run.json").read_text("utf-8")
    assert str(out) in refusal(capsys, "finetune", upload, *SHORT, "--out", out)
    assert (out / "run.json").read_text("utf-8") == before


def test_a_killed_command_is_resumed_to_the_end(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "training", "finetune", str(upload), *SHORT]
    process = subprocess.Popen(
        [*command, "--images", "1600", "--out", str(out)], cwd=ROOT, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"val/accuracy" in line and (out / "checkpoint").exists():
            break
    process.kill()
    process.wait()
    result = answer(capsys, "resume", out)
    assert result["images_seen"] == 1600
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    assert "resumed" in [line["event"] for line in lines]


def test_help_is_quick_to_ask_for() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "training", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0
    for command in ("inspect", "finetune", "predict", "resume"):
        assert command in result.stdout


@pytest.mark.parametrize("method", ["quick", "scratch"])
def test_duel_trains_both_on_the_same_pictures(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path, method: str
) -> None:
    out, length = tmp_path / "pair", ["--minutes", "0.05"]
    backbone = "seedling-s" if method == "quick" else "seedling_net"
    result = answer(
        *(capsys, "duel", upload, "--method", method, "--backbone", backbone, "--out", out),
        *length,
    )
    assert result["sentences"][0].startswith("With a head start: ")
    assert "in the same 3 seconds" in result["sentences"][0]
    methods = [result[each]["method"] for each in ("head_start", "from_scratch")]
    assert methods == ["quick", "scratch"]
    assert {path.name for path in out.iterdir()} == {"data", "head-start", "from-scratch"}
    assert result["judged"] == result["head_start"]["val_images"]
    picture = upload / "left" / "0.png"
    assert len(answer(capsys, "predict", out / "from-scratch", picture)) == 1


def test_a_duel_that_cannot_be_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], make_folder: MakeFolder, picture_bytes: PictureBytes,
    tmp_path: Path,
) -> None:  # fmt: skip
    flat = make_folder({f"{number}.png": picture_bytes(number) for number in range(8)})
    assert "error: " in refusal(capsys, "duel", flat, "--out", tmp_path / "pair")
    assert not (tmp_path / "pair").exists()


def test_a_card_is_drawn_of_a_finished_run(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    answer(capsys, "finetune", upload, *SHORT, "--images", "16", "--out", run)
    file = answer(capsys, "card", run, "--out", tmp_path / "new" / "card.png")["file"]
    assert Image.open(file).size == (1080, 1350)
    assert answer(capsys, "card", run, "--language", "zh")["file"] == str(run / "seedling-card.png")
    assert ".png" in refusal(capsys, "card", run, "--out", tmp_path / "card.pdf")
    assert "error: " in refusal(capsys, "card", "emoji-64")
