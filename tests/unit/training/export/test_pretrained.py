"""Models of our own: made by one command, gone on with after a stop, shipped with a card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models.registry import create_model
from models.weights import (
    CARD,
    WEIGHTS,
    WeightsUnavailable,
    shipped_card,
    shipped_folder,
    shipped_names,
)
from tests.conftest import MakeFolder, PictureBytes
from tests.source import ROOT
from training.cli.parser import main
from training.export.cards import models_table, read_cards
from training.export.pretrained import MAX_BYTES, RECIPES, half
from training.kinds import read_config
from training.runs.events import Event, Saved
from training.runs.folder import RunFolder, load_model

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)


@pytest.fixture
def upload(make_folder: MakeFolder, picture_bytes: PictureBytes) -> Path:
    files = {
        f"{name}/{number}.png": picture_bytes(100 * index + number)
        for index, name in enumerate(("left", "right"))
        for number in range(30)
    }
    return make_folder(files)


def pretrain(name: str, upload: Path, where: Path, **flags: object) -> int:
    """The command, with a run and a model of its own below ``where``."""
    told = [str(part) for flag, value in flags.items() for part in (f"--{flag}", value)]
    folders = ["--run", str(where / "run"), "--out", str(where / "out")]
    return main(["pretrain", name, "--data", str(upload), *folders, *told])


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_is_made_stopped_gone_on_with_and_shipped(
    name: str, upload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, kept = RunFolder.record, []

    def interrupt(folder: RunFolder, event: Event) -> Any:
        line = record(folder, event)
        if isinstance(event, Saved):
            kept.append(event)
            raise KeyboardInterrupt
        return line

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "record", interrupt)
        assert pretrain(name, upload, tmp_path, images=512) == 130
    assert len(kept) == 1 and not (tmp_path / "out").exists()
    begun = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))

    assert pretrain(name, upload, tmp_path, images=512) == 0
    run, out = tmp_path / "run", tmp_path / "out"
    assert json.loads((run / "run.json").read_text("utf-8"))["id"] == begun["id"]
    events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    assert [each["event"] for each in events].count("resumed") == 1

    card = json.loads((out / CARD).read_text("utf-8"))
    data = (out / WEIGHTS).read_bytes()
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["bytes"] == len(data) < MAX_BYTES
    assert card["images_seen"] >= 512 and card["seconds"] > 0
    classes = 2 if getattr(RECIPES[name].config, "conditional", True) else 0
    assert card["data"]["classes"] == classes and 0 < card["data"]["images"] <= 60
    assert card["recipe"] == read_config(RunFolder(run)).to_json()
    assert RECIPES[name].licence == card["data"]["licence"]
    (tmp_path / "out").rename(tmp_path / name)
    monkeypatch.setattr("models.weights.SHIPPED", tmp_path)
    assert shipped_names() == (name,) and f"| `{name}` |" in models_table()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little trained classifier, as it would be shipped."""
    where, rng = tmp_path_factory.mktemp("made"), np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 150)):
        (where / "data" / name).mkdir(parents=True)
        for number in range(30):
            picture = rng.integers(low, low + 100, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(picture).save(where / "data" / name / f"{number}.png")
    assert pretrain("seedling-s", where / "data", where, images=512) == 0
    return where / "out"


def test_what_is_shipped_is_what_was_measured(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The accuracy on the card is that of the file's own weights, head and all."""
    card = json.loads((made / CARD).read_text("utf-8"))
    stored = load_file(made / WEIGHTS)
    assert {t.dtype for t in stored.values() if t.ndim > 1} == {torch.float16}
    assert {t.dtype for n, t in stored.items() if "running_var" in n} == {torch.float32}
    trained = load_model(made.parent / "run").part("model")
    shipped = load_model(made).part("model")
    assert shipped.keys() == trained.keys()
    for name, weight in shipped.items():
        assert torch.equal(weight, half(trained[name]).to(weight.dtype)), name
    pictures = sorted((made.parent / "data").glob("*/*.png"))
    capsys.readouterr()
    assert main(["predict", str(made), *map(str, pictures), "--json"]) == 0
    answers = json.loads(capsys.readouterr().out.splitlines()[-1])
    right = np.mean([max(p := a["probabilities"], key=p.__getitem__) in a["file"] for a in answers])
    assert right > 0.9 and card["quality"]["accuracy"] > 0.9


def test_a_classifier_begins_with_shipped_weights_and_a_head_of_its_own(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.weights.SHIPPED", made.parent)
    card = shipped_card(made.name)
    assert card is not None and card.is_here() and card.licence == RECIPES["seedling-s"].licence
    weights = card.load()
    model = create_model("seedling-s", 7)
    left = model.load_state_dict(weights, strict=False)
    assert set(left.missing_keys) == {"head.weight", "head.bias"} and not left.unexpected_keys
    (made / WEIGHTS).rename(made / "hidden")
    try:
        assert not card.is_here()
        with pytest.raises(WeightsUnavailable):
            card.load()
        (made / WEIGHTS).write_bytes(b"no weights at all")
        with pytest.raises(WeightsUnavailable):
            card.load()
    finally:
        (made / "hidden").replace(made / WEIGHTS)
    assert shipped_card("nobody") is None


# ---- what the project comes with


def cards() -> list[Mapping[str, Any]]:
    return read_cards()


def test_the_table_of_models_says_what_the_cards_say() -> None:
    assert (ROOT / "MODELS.md").read_text("utf-8") == models_table()


def test_every_card_is_of_the_file_beside_it_and_all_are_small() -> None:
    sizes = []
    for card in cards():
        data = (shipped_folder(card["name"]) / WEIGHTS).read_bytes()
        assert card["sha256"] == hashlib.sha256(data).hexdigest()
        assert card["bytes"] == len(data) < MAX_BYTES
        assert card["name"] in RECIPES or card["kind"] == "judge"
        sizes.append(len(data))
    assert sum(sizes) < 4 * MAX_BYTES


def test_models_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert capsys.readouterr().out == models_table()
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [dict(card) for card in cards()]
