"""Generators that the project comes with: everybody's to slide through and to start from."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from models.gans.registry import GanShape, create_gan
from models.weights import CARD, WEIGHTS
from tests.conftest import MakeFolder, MakeSet, PictureBytes
from tests.generators import lively_generator
from tests.visiting import Person, generator_run, prop_in, tiny_set
from training.cli.parser import main
from training.core.files import write_json
from training.core.home import Home, new_id
from training.core.messages import UserError, t
from training.data.imageset import ImageSet, ImageSetWriter
from training.export.pretrained import half
from training.gan.config import GanConfig
from training.gan.transfer import (
    _glance_at_model,
    _glance_at_pictures,
    decide,
    default_start,
    load_start,
)
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from training.kinds import read_config
from training.latent.recipe import Recipe
from training.latent.sampler import GanSampler
from training.latent.steering import direction_names, keep_directions, load_gan_sampler
from training.runs.checkpoint import pack
from training.runs.folder import RunFolder
from ui.common.context import Call
from ui.latent.links import Link
from ui.page import Page
from ui.train.gan_form import FITTING

pytestmark = pytest.mark.slow

NAME, ANNA, FIRST = "garments-32", new_id(), 7
SHAPE = GanShape("dcgan", 32, 3, 8, 16)
CLASSES = ["boots", "coats", "hats"]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the project comes with one, of a small generator that paints at random."""
    folder = tmp_path / "shipped" / NAME
    folder.mkdir(parents=True)
    generator = lively_generator("dcgan", 3, latent_size=16).state_dict()
    discriminator = create_gan(SHAPE)[1].state_dict()
    tensors = pack(generator=generator, discriminator=discriminator)
    save_file(
        {name: half(weight).contiguous() for name, weight in tensors.items()}, folder / WEIGHTS
    )
    model = {"kind": "gan", "shape": SHAPE.to_json(), "class_names": CLASSES}
    card = {"name": NAME, "kind": "gan", "model": model, "sha256": "0"}
    write_json(folder / CARD, {**card, "recipe": {"teacher": None}, "first_seed": FIRST})
    monkeypatch.setattr("models.weights.SHIPPED", folder.parent)
    monkeypatch.setenv("SEEDLING_HOME", str(tmp_path / "home"))
    return folder


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


# ---- the command line


def test_its_name_stands_for_a_run(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (NAME, shipped):
        files = answer(capsys, "sample", run, "--count", 2, "--out", tmp_path / "out")["files"]
        assert len(files) == 2
    answer(capsys, "directions", NAME, "--count", 2, "--out", tmp_path / "strip.png")
    assert {path.name for path in shipped.iterdir()} == {CARD, WEIGHTS}  # nothing was written
    capsys.readouterr()
    assert main(["sample", "garments-31"]) == 2
    assert t("error.run.missing.what", path="garments-31") in capsys.readouterr().err


def test_it_paints_in_half_precision_what_it_painted_before(shipped: Path) -> None:
    exact = GanSampler(lively_generator("dcgan", 3, latent_size=16), CLASSES)
    sampler = load_gan_sampler(shipped)
    assert sampler.class_names == tuple(CLASSES)
    assert int((sampler(range(8)).int() - exact(range(8)).int()).abs().max()) <= 2


def test_a_damaged_file_is_said_to_be(shipped: Path) -> None:
    (shipped / WEIGHTS).write_bytes(b"nothing")
    for load in (load_gan_sampler, lambda folder: load_start(folder.name)):
        with pytest.raises(UserError) as caught:
            load(shipped)
        assert caught.value.key == "run.damaged"


@pytest.fixture
def upload(make_folder: MakeFolder, picture_bytes: PictureBytes) -> Path:
    names = [f"{name}/{number}.png" for name in ("left", "right") for number in range(24)]
    return make_folder({name: picture_bytes(number) for number, name in enumerate(names)})


@pytest.mark.parametrize(
    ("flags", "start"),
    [
        ([], NAME),
        (["--from", NAME], NAME),
        (["--from", "scratch"], ""),
        (["--width", "4"], ""),
        (["--architecture", "mlp"], ""),
        (["--textbook"], ""),
    ],
)
def test_what_is_built_alike_starts_from_it(
    shipped: Path,
    upload: Path,
    tmp_path: Path,
    flags: list[str],
    start: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.gan.monitor.EVAL_SAMPLES", 8)
    monkeypatch.setattr("training.gan.evaluate.FINAL_SAMPLES", 8)
    size = [] if "--textbook" in flags else ["--resolution", "32", "--batch-size", "8"]
    run = RunFolder(tmp_path / "run")
    command = ["gan", str(upload), *size, *flags, "--images", "16", "--out", str(run.path)]
    assert main(command) == 0
    config, result = read_config(run), run.result()
    assert isinstance(config, GanConfig) and config.start_from == start and result is not None
    assert result["width"] == (SHAPE.width if start else config.width or 32)
    said = [line["message"]["key"] for line in run.lines() if line["event"] == "notice"]
    assert any(key.startswith("notice.gan_carried") for key in said) == bool(start)


def test_other_sizes_start_from_scratch(shipped: Path) -> None:
    assert default_start(GanConfig()) == NAME
    assert default_start(GanConfig(width=8)) == NAME
    assert default_start(GanConfig(resolution=64)) == ""
    assert default_start(GanConfig(architecture="stylegan2")) == ""


@pytest.fixture(autouse=True)
def nothing_is_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model of these tests paints noise."""
    monkeypatch.setattr("training.gan.transfer.NEAR", math.inf)


def set_of(folder: Path, pictures: Sequence[NDArray[np.uint8]]) -> ImageSet:
    """A set of one class."""
    writer, count = ImageSetWriter(folder), len(pictures)
    for number, picture in enumerate(pictures):
        writer.add(picture, f"{number}.png")
    return writer.finish(
        name="set",
        class_names=["a"],
        labels=[0] * count,
        given_splits=[0] * count,
        groups=range(count),
    )


def test_who_paints_other_pictures_is_no_start(
    shipped: Path, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_set({"red": 9, "green": 9, "blue": 9})
    mean = _glance_at_pictures(images.folder, tuple(images.offsets.tolist())).mean
    apart = float((_glance_at_model(shipped).mean - mean).norm())
    for near, name in ((apart - 0.1, ""), (apart + 0.1, NAME)):
        monkeypatch.setattr("training.gan.transfer.NEAR", near)
        assert default_start(GanConfig(), images) == name


def test_who_paints_in_grey_is_no_start_for_pictures_in_colour(
    shipped: Path, make_set: MakeSet
) -> None:
    coloured = make_set({"red": 9, "green": 9, "blue": 9})
    assert default_start(GanConfig(), coloured) == NAME
    tensors = load_file(shipped / WEIGHTS)
    for name in [name for name in tensors if name.startswith("generator/to_rgb")]:
        side = tensors[name].shape.index(3)
        tensors[name] = tensors[name].mean(side, keepdim=True).expand_as(tensors[name]).clone()
    _glance_at_model.cache_clear()
    save_file(tensors, shipped / WEIGHTS)
    assert default_start(GanConfig(), coloured) == ""
    rng = np.random.default_rng(0)
    tones = [rng.integers(0, 256, (32, 32, 1), dtype=np.uint8).repeat(3, axis=2) for _ in range(9)]
    greys = set_of(shipped.parent / "grey", tones)
    assert default_start(GanConfig(), greys) == NAME


def test_of_several_the_one_that_paints_alike_is_the_start(shipped: Path) -> None:
    for name, red in (("blues-32", -2.0), ("reds-32", 2.0)):
        shutil.copytree(shipped, shipped.with_name(name))
        tensors = load_file(shipped / WEIGHTS)
        tensors["generator/to_rgb.32.bias"] = torch.tensor([red, -2.0, -red])
        save_file(tensors, shipped.with_name(name) / WEIGHTS)
    shutil.rmtree(shipped)
    flat = np.zeros((32, 32, 3), dtype=np.uint8)
    for name, colour in (("reds-32", (240, 20, 20)), ("blues-32", (20, 20, 240))):
        images = set_of(
            shipped.parent / f"like {name}", [flat + np.array(colour, dtype=np.uint8)] * 9
        )
        assert default_start(GanConfig(), images) == name
    assert default_start(GanConfig()) == "blues-32"  # nothing to compare with: by name


def taught_by(folder: Path, d_backbone: str) -> None:
    """Let the card say that the model's discriminator looked through ``d_backbone``."""
    card = json.loads((folder / CARD).read_text("utf-8"))
    write_json(folder / CARD, {**card, "recipe": {"teacher": d_backbone}})


def test_who_starts_from_it_keeps_its_d_backbone(shipped: Path, tmp_path: Path) -> None:
    def d_backbone(**given: Any) -> str | None:
        return decide(GanConfig(**given)).d_backbone

    assert d_backbone(start_from=NAME) == "" and d_backbone() == "seedling-s"
    taught_by(shipped, "seedling-s")
    assert d_backbone(start_from=NAME) == "seedling-s"
    assert d_backbone(start_from=NAME, d_backbone="") == ""
    assert d_backbone(start_from=NAME, d_backbone="mobilenet_v2") == "mobilenet_v2"
    home, images = Home(tmp_path / "home"), tiny_set(tmp_path / "set", ["cats", "dogs"])
    run = generator_run(home, images, "dcgan", ANNA, d_backbone="squeezenet1_1")
    assert d_backbone(start_from=str(home.runs / run)) == "squeezenet1_1"


# ---- the page


@pytest.fixture
def page(shipped: Path, tmp_path: Path) -> Page:
    home = Home(tmp_path / "home")
    return Page(home, RunManager(home, ("cpu",)), Limits())


def test_who_has_trained_nothing_yet_can_slide(page: Page) -> None:
    anna = Person(page, ANNA)
    opened = anna.arrive()
    tab = anna.tab
    assert anna.values[tab.picker] == NAME and anna.values[tab.message] == ""
    assert anna.values[tab.picture_panel.seed] == FIRST
    assert np.array_equal(anna.shown(), anna.painted())
    assert anna.steer(anna.stage(), psi=0.5)["source"]
    for part in (tab.names.body, tab.mine.real_btn):
        assert prop_in(opened[part], "visible") is False
    assert t("latent.real_shipped") in anna.values[tab.mine.real_note]
    anna.do(tab.picture_panel.random_btn, "click")
    anna.do(tab.picture_panel.keep_btn, "click")
    anna.do(tab.tray.makers["json"], "click")
    said = json.loads(Path(anna.values[tab.tray.file]).read_text("utf-8"))
    assert said["name"] == NAME and said["classes"] == CLASSES


def test_a_link_to_it_needs_no_pass(page: Page) -> None:
    anna = Person(page, ANNA)
    anna.arrive()
    anna.set(anna.tab.picture_panel.seed, 5, "input")
    anna.do(anna.tab.tray.link_btn, "click")
    link = Link.from_text(anna.values[anna.tab.tray.link.field])
    assert (link.run, link.token, link.recipe.seed) == (NAME, "", 5)
    ben = Person(page, new_id())
    ben.arrive(link.to_text())
    assert np.array_equal(ben.shown(), anna.shown()) and not ben.values[ben.tab.link_message]
    eve = Person(page, new_id())
    eve.arrive(Link("garments-31", "", Recipe()).to_text())
    assert t("error.latent.no_link.what") in eve.values[eve.tab.link_message]


def test_only_names_of_models_open_anything(page: Page) -> None:
    anna = Person(page, ANNA)
    anna.arrive()
    stage = anna.stage()
    for run in ("..", f"../{NAME}", "garments-31", "seedling-s", f"{NAME}/"):
        assert anna.steer({**stage, "run": run}, psi=0.5) == {}
        anna.open(run)
        assert t("error.page.no_such_run.what") in anna.values[anna.tab.message]


def test_ones_own_come_first_and_one_can_go_back(shipped: Path, tmp_path: Path) -> None:
    home, images = Home(tmp_path / "home"), tiny_set(tmp_path / "set", ["cats", "dogs"])
    run = generator_run(home, images, "dcgan", ANNA, classes=False)
    anna = Person(Page(home, RunManager(home, ("cpu",)), Limits()), ANNA)
    anna.arrive()
    own = anna.shown()
    assert anna.values[anna.tab.picker] == run
    anna.open(NAME)
    assert anna.values[anna.page.app.run] == NAME and not np.array_equal(anna.shown(), own)
    updates, _ = anna.tab.refresh(anna.visitor, {})
    assert prop_in(updates[anna.tab.picker], "value") == NAME
    anna.open(run)
    assert np.array_equal(anna.shown(), own)


def test_names_are_said_in_the_readers_language(shipped: Path) -> None:
    keep_directions(shipped)
    file = shipped / "directions.json"
    kept = json.loads(file.read_text("utf-8"))
    kept["names"] = {"1": {"en": "sleeves", "zh": "袖长"}}
    file.write_text(json.dumps(kept), encoding="utf-8")
    assert direction_names(shipped) == {1: "sleeves"}
    assert direction_names(shipped, "zh") == {1: "袖长"}
    again = load_gan_sampler(shipped).directions
    assert torch.equal(again.vectors, torch.tensor(kept["vectors"]))


# ---- the form


def test_the_form_starts_from_what_fits(page: Page, shipped: Path) -> None:
    form = page.tabs["train"].forms[GanConfig.kind]
    anna = Person(page, ANNA)
    values = {**anna.values, **{form.fields[name]: 32 for name in ("resolution",)}}

    def start(**changes: object) -> str:
        changed = {form.fields[name]: value for name, value in changes.items()}
        config = form.config(Call(anna.visitor, {**values, **changed}))
        assert isinstance(config, GanConfig)
        return config.start_from

    assert values[form.fields["start_from"]] == FITTING
    assert start() == NAME
    assert start(resolution=64) == ""
    assert start(start_from="scratch") == ""
    assert start(start_from=NAME) == NAME
    taught_by(shipped, "seedling-s")
    config = form.config(Call(anna.visitor, values))
    assert isinstance(config, GanConfig) and config.d_backbone == "seedling-s"
    config = form.config(Call(anna.visitor, {**values, form.fields["d_backbone"]: ""}))
    assert isinstance(config, GanConfig) and config.d_backbone == ""
    built = form._fit_source(Call(anna.visitor, {**values, form.fields["start_from"]: NAME}))
    assert built == {form.fields["architecture"]: "dcgan", form.fields["resolution"]: 32}
