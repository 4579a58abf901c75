"""Projection: a generator's own picture is found again, and what is said is what is painted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from models.gans.registry import ARCHITECTURES, GanShape
from models.latent import StyleSpace
from tests.conftest import PictureBytes, scene
from tests.generators import lively_generator
from training.cli.parser import main
from training.core.messages import UserError
from training.features.perceptual import PerceptualSpace, _pretrained, choose_perceptual_space
from training.latent.projection import ProjectionProgress, project, square_picture
from training.latent.recipe import Recipe
from training.latent.sampler import GanSampler
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint, pack

pytestmark = pytest.mark.slow

OWN = 123_456  # the seed of the picture that is to be found again


def sampler(family: str, classes: int = 0) -> GanSampler:
    return GanSampler(lively_generator(family, classes), [f"c{n}" for n in range(classes)])


def apart(space: PerceptualSpace, a: Tensor, b: Tensor) -> float:
    """The distance of two pictures (3, R, R) uint8."""
    x, y = space.embed(torch.stack([a, b]))
    return float((x - y).square().sum())


@pytest.mark.parametrize("family", ARCHITECTURES)
@pytest.mark.parametrize("classes", [0, 3])
def test_a_picture_of_its_own_is_found_again(family: str, classes: int) -> None:
    painter = sampler(family, classes)
    own = painter([OWN])[0]
    seen = list(project(painter, own, steps=60))
    assert seen[-1].distance < seen[-1].start_distance / 4
    assert seen[-1].verdict == "close" and seen[-1].closeness > 0.9
    assert [each.distance for each in seen] == sorted((p.distance for p in seen), reverse=True)
    shares = [each.share for each in seen]
    assert shares == sorted(shares) and 0 < shares[0] < 0.1 and shares[-1] == 1


@pytest.mark.parametrize("family", ["mlp", "stylegan2"])
@pytest.mark.parametrize("classes", [0, 3])
def test_the_recipe_paints_what_is_said(family: str, classes: int) -> None:
    painter = sampler(family, classes)
    picture = square_picture(scene(7), painter.resolution)
    space = choose_perceptual_space()
    for each in itertools.islice(project(painter, picture, steps=12), 0, None, 5):
        painted = painter.paint([each.recipe])[0]
        assert apart(space, painted, picture) == pytest.approx(each.distance, rel=1e-4)
        assert each.space == space.name and each.recipe.classes.keys() <= set(range(classes))
        assert len(each.recipe.classes) == (1 if classes else 0)
        assert Recipe.from_text(each.recipe.to_text()) == each.recipe
        in_w = isinstance(painter.space, StyleSpace)
        assert bool(each.recipe.w) == in_w and bool(each.recipe.z) != in_w


def test_the_class_of_the_picture_is_found() -> None:
    painter = sampler("mlp", 3)
    for name in range(3):
        own = painter.paint([Recipe(seed=OWN, classes={name: 1.0})])[0]
        assert list(project(painter, own, steps=3))[-1].recipe.classes == {name: 1.0}


@pytest.mark.parametrize("family", ["dcgan", "stylegan"])
def test_points_stay_where_usual_ones_are(family: str) -> None:
    painter = sampler(family)
    noise = torch.randint(256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
    found = list(project(painter, noise, steps=60))[-1].recipe
    usual = torch.cat([painter.point(Recipe(seed=seed)) for seed in range(500)])
    lengths = usual.norm(dim=-1)
    assert 0.9 * lengths.min() <= painter.point(found).norm(dim=-1).max() <= 1.1 * lengths.max()


def test_the_same_seed_finds_the_same() -> None:
    painter = sampler("dcgan")
    picture = square_picture(scene(3), 32)
    state = torch.random.get_rng_state()

    def found(seed: int) -> ProjectionProgress:
        return list(project(painter, picture, steps=4, seed=seed))[-1]

    assert found(1) == found(1)
    assert found(1).recipe != found(2).recipe
    assert torch.equal(torch.random.get_rng_state(), state)


def test_closing_stops_and_the_clock_ends_it() -> None:
    painter = sampler("mlp")
    picture = square_picture(scene(3), painter.resolution)
    looking = project(painter, picture, steps=10_000)
    assert next(looking).share < 0.1
    looking.close()
    assert list(looking) == []
    with torch.no_grad():  # as a page may have it
        seen = list(project(painter, picture, seconds=1.0))
    assert seen[-1].share == 1 and seen[-1].distance < seen[-1].start_distance


def test_pictures_are_cut_and_scaled() -> None:
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    square = square_picture(wide, 32)
    assert square.shape == (3, 32, 32) and square.dtype == torch.uint8
    assert square.flatten(1).float().mean(1).tolist() == [0, 0, 255]


@pytest.mark.parametrize("weights", ["no_weights", ""])
def test_distances_go_by_what_is_seen(weights: str, request: pytest.FixtureRequest) -> None:
    if weights:
        request.getfixturevalue(weights)
    space = choose_perceptual_space()
    assert space.name.startswith("random" if weights else "seedling-s")
    picture, other = (square_picture(scene(seed), 64) for seed in (1, 2))
    moved = picture.roll(2, dims=2)
    darker = (picture.float() * 0.9).byte()
    assert apart(space, picture, picture) == 0
    assert 0 < apart(space, picture, moved) < apart(space, picture, other) / 3
    assert 0 < apart(space, picture, darker) < apart(space, picture, other) / 3


def test_choosing_a_space_draws_no_random_numbers() -> None:
    _pretrained.cache_clear()
    state = torch.random.get_rng_state()
    space = choose_perceptual_space()
    assert space.name == "seedling-s-64"
    assert torch.equal(torch.random.get_rng_state(), state)
    painter = sampler("mlp")
    found = list(project(painter, painter([OWN])[0], steps=10))[-1]
    assert found.distance < found.start_distance and found.space == space.name


def test_damaged_weights_are_done_without(damaged_weights: None) -> None:
    assert choose_perceptual_space().name.startswith("random")


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0.0}, {"seconds": 1e9}, {"steps": 0}, {"seed": -1}, {"seconds": "long"}]
)
def test_wrong_numbers_are_refused_at_once(wrong: dict[str, float]) -> None:
    painter = sampler("mlp")
    with pytest.raises(UserError):
        project(painter, square_picture(scene(1), 28), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [torch.zeros(3, 16, 16).byte(), torch.zeros(3, 28, 28)])
def test_pictures_of_another_shape_or_type_are_a_bug(wrong: Tensor) -> None:
    with pytest.raises(ValueError, match="28"):
        project(sampler("mlp"), wrong)


def test_the_command_writes_both_beside_each_other(
    tmp_path: Path, picture_bytes: PictureBytes, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = lively_generator("stylegan2")
    shape = GanShape("stylegan2", 32, 0, 8, 16).to_json()
    state = {"kind": "gan", "shape": shape, "class_names": []}
    run, image, out = tmp_path / "run", tmp_path / "mine.png", tmp_path / "new" / "both.png"
    checkpoints.save(run / "model", Checkpoint(pack(generator=generator.state_dict()), state))
    (run / "run.json").write_text("{}")
    image.write_bytes(picture_bytes(4))
    command = ["project", str(run), str(image), "--seconds", "1", "--out", str(out), "--json"]
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["files"] == [str(out)]
    assert answer["distance"] == answer["curve"][-1] < answer["start_distance"]
    assert 0 < answer["closeness"] < 1 and answer["space"] == "seedling-s-64"
    assert Recipe.from_json(answer["recipe"]).w and answer["seconds"] >= 1
    with Image.open(out) as both:
        assert both.width > 2 * both.height * 0.9
    image.unlink()
    out.unlink()
    assert main(command) == 2
    assert "mine.png" in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("space", ["random-64", "seedling-s-64"])
def test_verdicts_are_in_the_order_of_closeness(space: str) -> None:
    base = ProjectionProgress(1.0, 0.0, 0.5, 1.0, Recipe(), space)
    said = [replace(base, distance=number / 100).verdict for number in range(130)]
    assert [verdict for verdict, _ in itertools.groupby(said)] == ["close", "rough", "far"]
    assert replace(base, distance=1.3).closeness == 0
    assert replace(base, usual_distance=0.0).verdict == "close"
