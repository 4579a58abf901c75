"""Examples that ship, downloads that are there, and downloads that cannot be had."""

from __future__ import annotations

import io
import random
import struct
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from assets.examples import draw_garden
from tests.conftest import MakeZip
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.intake import datasets
from training.intake.datasets import EXAMPLES, list_sources, open_data


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return open_data("garden", tmp_path_factory.mktemp("sets") / "garden")[0]


def write_fashion(root: Path, train: int, test: int, kind: str = "FashionMNIST") -> None:
    """Files as Fashion-MNIST and MNIST have them, but few and random."""
    raw = root / kind / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        pictures = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pictures.tobytes())
        head = struct.pack(">II", 0x801, count)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def test_every_source_is_described_in_both_languages() -> None:
    assert len({source.name for source in list_sources()}) == 7
    for source in list_sources():
        assert source.title.text("en") != source.title.text("zh")
        assert source.licence and source.classes > 1 and source.pictures > 100
        assert (source.download_mb > 0) == (source.kind == "download")


def test_digits(tmp_path: Path) -> None:
    images, report = open_data("digits", tmp_path / "set")
    assert images.class_names == tuple("0123456789") and len(images) == 1797
    assert report.warnings == () and report.duplicates == ()
    zero = images.picture(0)[:, :, 0]
    assert zero.shape == (32, 32) and zero[16, 16] < 60 and zero.max() > 200  # a ring


def test_the_garden_is_what_the_list_says(garden: ImageSet) -> None:
    source = next(each for each in list_sources() if each.name == "garden")
    assert (len(garden.class_names), len(garden)) == (source.classes, source.pictures)
    assert min(garden.counts().values()) >= 60
    assert set(garden.heights) == set(garden.widths) == {128}
    assert len(set(garden.groups)) == len(garden)  # no two alike
    assert (EXAMPLES / "garden.zip").stat().st_size < 3 << 20


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_the_garden_cannot_be_told_by_its_pixels(garden: ImageSet) -> None:
    """A linear model on raw pixels stays far below what seeing shapes gives."""
    x = np.stack([garden.square(i, 32).reshape(-1) for i in range(len(garden))]) / 255.0
    seen, held_out, y, answers = train_test_split(
        x, garden.labels, test_size=0.25, stratify=garden.labels, random_state=0
    )
    model = LogisticRegression(C=0.1, max_iter=60).fit(seen, y)
    assert model.score(seen, y) > 0.75  # it did learn something
    assert 0.25 < model.score(held_out, answers) < 0.8


def test_the_garden_comes_from_its_script() -> None:
    with zipfile.ZipFile(EXAMPLES / "garden.zip") as archive:
        shipped = Image.open(io.BytesIO(archive.read("garden/snail/snail-03.jpg")))
    draw = random.Random(f"{draw_garden.SEED}/snail/3")
    drawn = draw_garden.draw_picture("snail", draw)
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(shipped)).mean() < 6


def test_fashion_mnist_that_is_already_here(tmp_path: Path) -> None:
    write_fashion(tmp_path, train=60, test=20)
    images, report = open_data("fashion-mnist", tmp_path / "set", per_class=3, root=tmp_path)
    assert report.layout == "splits" and images.class_names[0] == "T-shirt/top"
    assert Counter(images.given_splits.tolist()) == {0: 30, 2: 20}
    assert set(images.counts().values()) == {5}


def test_mnist_that_is_already_here(tmp_path: Path) -> None:
    write_fashion(tmp_path, train=60, test=20, kind="MNIST")
    images, _ = open_data("mnist", tmp_path / "set", root=tmp_path)
    assert images.class_names[3].startswith("3") and len(images.given("test")) == 20


def test_the_data_folder_can_be_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion(tmp_path, train=10, test=10)
    monkeypatch.setenv("SEEDLING_DATA", str(tmp_path))
    assert len(open_data("Fashion-MNIST", tmp_path / "set")[0]) == 20


@pytest.mark.parametrize(
    "name", ["fashion-mnist", "mnist", "cifar-10", "flowers-102", "oxford-pets"]
)
def test_without_a_network(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(UserError, match="garden, digits") as caught:
        open_data(name, tmp_path / "set", root=tmp_path / "root")
    assert caught.value.key == "datasets.no_network" and caught.value.text("zh")
    assert not (tmp_path / "set").exists() and not (tmp_path / "root").exists()


def test_a_download_tells_its_progress_and_its_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(root: Path, download: bool) -> list[tuple[object, int]]:
        if not download:
            raise RuntimeError("Dataset not found")
        (root / "part").write_bytes(bytes(3 << 20))
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setitem(datasets._DOWNLOADS, "cifar-10", datasets._Download(fetch, (), "http://x"))
    seen: list[tuple[int, int]] = []
    with pytest.raises(UserError, match="corrupted") as caught:
        open_data(
            "cifar-10", tmp_path / "set", root=tmp_path, progress=lambda *step: seen.append(step)
        )
    assert caught.value.key == "datasets.broken"
    assert seen[-1] == (3 << 20, 163 << 20)


def test_data_can_be_a_path(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    path = make_zip(cats_and_dogs)
    assert len(open_data(str(path), tmp_path / "a")[0]) == 10
    assert len(open_data(str(path), tmp_path / "b", per_class=4)[0]) == 8


@pytest.mark.parametrize("data", ["kittens", "", "no/such.zip"])
def test_data_that_is_nowhere(data: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="garden, digits, fashion-mnist") as caught:
        open_data(data, tmp_path / "set")
    assert caught.value.key == "datasets.unknown" and caught.value.text("zh")
