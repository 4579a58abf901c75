"""Generators from the command line: train, sample, film, transfer, kill and resume."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import MakeFolder, PictureBytes
from tests.source import ROOT
from training.cli.parser import main
from training.gan.config import GanConfig
from training.runs import checkpoint as checkpoints

pytestmark = pytest.mark.slow

SHORT = ["--width", "8", "--batch-size", "8"]


@pytest.fixture(autouse=True)
def own_home_and_random_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "no-hub"))  # for other processes, too
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


@pytest.fixture
def upload(make_folder: MakeFolder, picture_bytes: PictureBytes) -> Path:
    """Two classes of thirty pictures."""
    return make_folder(
        {
            f"{name}/{number}.png": picture_bytes(100 * index + number)
            for index, name in enumerate(("left", "right"))
            for number in range(30)
        }
    )


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and said.endswith(".")
    return said


@pytest.fixture
def trained(capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path) -> Path:
    """A finished run with two classes."""
    out = tmp_path / "run"
    style = ["--architecture", "stylegan2"]  # varied before it has learned anything
    answer(capsys, "gan", upload, *style, *SHORT, "--images", "16", "--out", out)
    return out


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def pixels_of(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


# ---- gan


def test_gan_tells_what_it_made(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    flags = [*SHORT, "--images", "40", "--loss", "hinge"]
    result: Mapping[str, Any] = answer(capsys, "gan", upload, *flags, "--out", out)
    assert set(result) >= {
        "run", "architecture", "resolution", "images_seen", "seconds", "images_per_second", "fd",
        "kid", "density", "coverage", "collapsed",
    }  # fmt: skip
    assert (result["run"], result["architecture"], result["loss"]) == (str(out), "dcgan", "hinge")
    assert (result["resolution"], result["width"], result["images_seen"]) == (32, 8, 40)
    assert result["class_names"] == ["left", "right"]
    assert result["collapsed"] in (True, False)  # so short a training proves nothing
    numbers = ("seconds", "images_per_second", "fd", "kid", "density", "coverage")
    assert all(math.isfinite(result[name]) for name in numbers)
    assert result["seconds"] > 0 and result["images_per_second"] > 0 and result["fd"] > 0
    assert result["space"] == "lite0-128" and result["train_images"] < 60
    info = json.loads((out / "run.json").read_text("utf-8"))
    assert (info["kind"], info["status"]) == ("gan", "finished")
    assert info["config"]["loss"] == "hinge" and info["config"]["images"] == 40
    assert {path.name for path in out.iterdir()} >= {"events.jsonl", "model", "data", "previews"}


def test_a_person_reads_sentences(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert main(["gan", str(upload), *SHORT, "--images", "16", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    sentence, path = printed.out.splitlines()
    assert "FD" in sentence and "lite0" in sentence and path == str(out)
    assert "gan/d_loss" in printed.err and "{" not in printed.err


def test_every_choice_on_the_command_line_reaches_the_run(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    flags = [
        *("--architecture", "stylegan2", "--loss", "relativistic", "--no-conditional", "--mirror"),
        *("--penalty-form", "exact", "--path-length", "2", "--augment", "fixed", "--gamma", "0.5"),
        *("--augment-strength", "0.3", "--lr", "0.001", "--d-lr-factor", "0.5", "--seed", "7"),
        *("--width", "4", "--batch-size", "4", "--schedule", "constant", "--images", "8"),
    ]
    result = answer(capsys, "gan", upload, *flags, "--out", out)
    assert result["conditional"] is False and result["batch_size"] == 4
    config = GanConfig.from_json(json.loads((out / "run.json").read_text("utf-8"))["config"])
    assert config == GanConfig(
        architecture="stylegan2", loss="relativistic", conditional=False, mirror=True,
        penalty_form="exact", path_length=2.0, augment="fixed", gamma=0.5, augment_strength=0.3,
        lr=0.001, d_lr_factor=0.5, seed=7, width=4, batch_size=4, schedule="constant", images=8,
        d_backbone="",
    )  # fmt: skip


def test_the_textbook_can_be_asked_for(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = answer(capsys, "gan", upload, "--textbook", *SHORT, "--images", "16", "--out", out)
    assert (result["architecture"], result["loss"], result["resolution"]) == ("mlp", "minimax", 28)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--loss", "magic"], "“magic”"),
        (["--architecture", "magic"], "“magic”"),
        (["--architecture", "mlp", "--resolution", "128"], "“128”"),
        (["--batch-size", "1"], "batch_size"),
        (["--lr", "nan"], "lr"),
        (["--from", "no-such-run"], "no-such-run"),
        (["--devices", "0", "--images", "8"], "0"),
        (["--device", "cuda:9", "--images", "8"], "cuda:9"),
    ],
)
def test_bad_arguments_say_what_and_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str],
    upload: Path,
    arguments: list[str],
    part: str,
    tmp_path: Path,
) -> None:
    out = tmp_path / "deep" / "er" / "run"
    assert part in refusal(capsys, "gan", upload, *arguments, "--out", out)
    assert not (tmp_path / "deep").exists() and not (tmp_path / "home").exists()


def test_one_picture_is_refused_and_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], make_folder: MakeFolder, picture_bytes: PictureBytes,
    tmp_path: Path,
) -> None:  # fmt: skip
    folder = make_folder({"1.png": picture_bytes(1)})
    assert "2" in refusal(capsys, "gan", folder, *SHORT, "--out", tmp_path / "deep" / "run")
    assert not (tmp_path / "deep").exists()


# ---- sample


def test_sample_writes_a_picture_for_each_seed(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "new"
    found = answer(capsys, "sample", trained, "--count", "3", "--seed", "40", "--out", out)
    names = ["seed-000040.png", "seed-000041.png", "seed-000042.png"]
    assert found["files"] == [str(out / name) for name in names]
    assert files_in(out) == set(names) and found["seconds"] >= 0
    made = [pixels_of(file) for file in found["files"]]
    assert all(picture.shape == (32, 32, 3) for picture in made)
    assert (made[0] != made[2]).any()
    again = answer(capsys, "sample", trained, "--count", "2", "--seed", "41")
    assert again["files"] == [str(trained / "samples" / name) for name in names[1:]]
    for before, file in zip(made[1:], again["files"], strict=True):
        assert abs(before - pixels_of(file)).max() <= 1  # another order of additions in a batch


def test_sample_knows_classes_and_truncation(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    def sampled(name: str, *flags: str) -> list[np.ndarray]:
        out = tmp_path / name
        found = answer(capsys, "sample", trained, "--count", "2", *flags, "--out", out)
        return [pixels_of(file) for file in found["files"]]

    turns = sampled("turns")  # the even seed is the first class, the odd one the second
    left, right = sampled("left", "--class", "left"), sampled("right", "--class", "right")
    assert abs(turns[0] - left[0]).max() <= 1 and abs(turns[1] - right[1]).max() <= 1
    assert (left[0] != right[0]).any() and (left[1] != right[1]).any()
    mean = sampled("mean", "--class", "left", "--truncation", "0")
    assert abs(mean[0] - mean[1]).max() <= 1 < abs(left[0] - left[1]).max()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--class", "middle"], "middle"),
        (["--count", "0"], "count"),
        (["--count", "100001"], "count"),
        (["--seed", "-1"], "seed"),
        (["--truncation", "1.6"], "truncation"),
        (["--truncation", "-1.1"], "truncation"),
        (["--truncation", "nan"], "truncation"),
    ],
)
def test_bad_wishes_are_refused_and_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str],
    trained: Path,
    arguments: list[str],
    part: str,
    tmp_path: Path,
) -> None:
    before, out = files_in(trained), tmp_path / "new"
    assert part in refusal(capsys, "sample", trained, *arguments)
    assert part in refusal(capsys, "sample", trained, *arguments, "--out", out)
    assert files_in(trained) == before and not out.exists()


def test_only_generators_are_sampled_from(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    assert "nowhere" in refusal(capsys, "sample", tmp_path / "nowhere")
    run = tmp_path / "classifier"
    scratch = ["--backbone", "seedling_net", "--method", "scratch", "--image-size", "32"]
    answer(capsys, "finetune", upload, *scratch, "--images", "16", "--out", run)
    before = files_in(run)
    assert "classifier" in refusal(capsys, "sample", run)
    refusal(capsys, "timelapse", run)
    out = tmp_path / "from"
    refusal(capsys, "gan", upload, *SHORT, "--images", "8", "--from", run, "--out", out)
    assert files_in(run) == before and not out.exists()


def test_a_generator_does_not_predict(
    capsys: pytest.CaptureFixture[str], trained: Path, upload: Path
) -> None:
    assert "generator" in refusal(capsys, "predict", trained, upload / "left" / "0.png")


# ---- timelapse


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_a_film_shows_every_grid(
    capsys: pytest.CaptureFixture[str], trained: Path, kind: str, tmp_path: Path
) -> None:
    import av

    out = tmp_path / "deep" / f"film.{kind}"
    found = answer(capsys, "timelapse", trained, "--out", out)
    grids = sorted((trained / "previews").glob("samples-*.png"))
    assert found["files"] == [str(out)] and found["frames"] == len(grids) >= 2
    first, last = pixels_of(grids[0]), pixels_of(grids[-1])
    assert files_in(out.parent) == {out.name}
    with av.open(str(out)) as film:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(frames) >= len(grids)
    for frame, grid in ((frames[0], first), (frames[-1], last)):
        height, width = grid.shape[:2]
        assert abs(frame[:height, :width] - grid).mean() < 12  # compressed
    assert abs(first - last).mean() > 0


def test_a_film_has_a_usual_place(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    assert answer(capsys, "timelapse", trained)["files"] == [str(trained / "timelapse.mp4")]


def test_walks_and_directions_are_written(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "walk.gif"
    found = answer(
        capsys, "walk", trained, "--seeds", "3", "4", "--seconds", "1", "--fps", "6", "--out", out
    )
    assert found["files"] == [str(out)] and found["frames"] == 6
    assert files_in(out.parent) == {out.name}
    found = answer(capsys, "directions", trained, "--count", "3")
    assert found["files"] == [str(trained / "directions.png")] and len(found["shares"]) == 3
    height, width = pixels_of(trained / "directions.png").shape[:2]
    assert width * 3 == pytest.approx(height * 7, rel=0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("walk", "--seeds", "1"),
        ("walk", "--seeds", "1", "-2"),
        ("walk", "--fps", "0"),
        ("walk", "--truncation", "nan"),
        ("directions", "--count", "0"),
        ("directions", "--seed", "-1"),
    ],
)
def test_walks_and_directions_that_can_not_be_are_refused(
    capsys: pytest.CaptureFixture[str], trained: Path, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    command, *flags = arguments
    out = tmp_path / "new" / "out.mp4"
    refusal(capsys, command, trained, *flags, "--out", out)
    assert not out.parent.exists()


def test_films_of_other_kinds_or_of_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path
) -> None:
    for name in ("film.avi", "film"):
        assert name in refusal(capsys, "timelapse", trained, "--out", tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()
    for path in (trained / "previews").iterdir():
        path.unlink()
    before = files_in(trained)
    refusal(capsys, "timelapse", trained)
    assert files_in(trained) == before


# ---- transfer


def test_from_another_run_it_goes_on_with_its_weights(
    capsys: pytest.CaptureFixture[str], trained: Path, upload: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out = tmp_path / "second"
    monkeypatch.chdir(tmp_path)  # the path is kept so that it leads there from anywhere
    flags = ["--architecture", "stylegan2", "--batch-size", "8", "--images", "8", "--lr", "1e-6"]
    result = answer(capsys, "gan", upload, *flags, "--from", "run", "--out", out)
    assert result["width"] == 8  # as the start has it
    info = json.loads((out / "run.json").read_text("utf-8"))
    assert info["config"]["start_from"] == str(trained)
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    said = [line["message"]["key"] for line in lines if line["event"] == "notice"]
    assert "notice.gan_carried" in said
    before = checkpoints.load(trained / "model").part("generator")
    after = checkpoints.load(out / "model").part("generator")
    for name in before:
        if name.endswith("weight") and before[name].dim() > 1:
            torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-4)


# ---- killed


def test_a_killed_command_is_resumed_to_the_end(
    capsys: pytest.CaptureFixture[str], upload: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    program = (  # saves after every report, not only every twenty seconds
        "import sys, training.gan.monitor as view\n"
        "view.SAVE_SECONDS = view.SAVE_BUDGET_SHARE = 0.0\n"
        "view.LOOK_SAMPLES = 16\n"
        "from training.cli.parser import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    flags = ["gan", str(upload), "--width", "4", "--batch-size", "4", "--images", "600"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *flags, "--out", str(out)], cwd=ROOT, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"gan/d_loss" in line and (out / "checkpoint").exists():
            break
    process.kill()
    process.wait()
    process.stderr.close()
    saved = checkpoints.load(out / "checkpoint").state["images_seen"]
    assert 0 < saved < 600
    assert json.loads((out / "run.json").read_text("utf-8"))["status"] == "running"
    result = answer(capsys, "resume", out)
    assert result["images_seen"] == 600 and math.isfinite(result["fd"])
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    resumed = [line for line in lines if line["event"] == "resumed"]
    assert [line["images_seen"] for line in resumed] == [saved]
    after = [line for line in lines[lines.index(resumed[0]) :] if line["event"] == "step"]
    assert saved <= after[0]["images_seen"] <= saved + 20  # went on there, not from the start
    shots = [int(path.stem[-9:]) for path in (out / "previews").glob("samples-*.png")]
    assert max(shots) == 600
    assert "finished" in refusal(capsys, "resume", out)
