"""Tiny data for all tests.

Pictures, folders and zips of them, data sets, and a home with runs.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from xdist.scheduler import LoadScopeScheduling

from models.frozen import frozen_backbone
from models.weights import ShippedCard, WeightsUnavailable
from tests.source import ROOT
from training.core.home import Home
from training.data.imageset import GIVEN_SPLITS, ImageSet, ImageSetWriter
from training.features.judge import _lite0
from training.features.perceptual import _pretrained
from training.jobs.datasets import DatasetStore
from training.jobs.manager import RunManager

PictureBytes = Callable[..., bytes]
MakeFolder = Callable[[Mapping[str, bytes]], Path]
MakeZip = Callable[..., Path]
MakeSet = Callable[..., ImageSet]


BROWSER_TESTS = "tests/e2e/"


class Scheduler(LoadScopeScheduling):
    """Which tests one worker has to run, where there are several.

    All journeys share one server and one browser. Tests of a file with fixtures of scope "module"
    share those, which each worker would make anew. All others go wherever there is room.
    """

    def _split_scope(self, nodeid: str) -> str:
        """What a test's scope is called; a scope is never divided."""
        file = nodeid.partition("::")[0]
        if file.startswith(BROWSER_TESTS):
            return BROWSER_TESTS
        return file if _has_lasting_fixtures(ROOT / file) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    """The scheduler of ``--numprocesses``."""
    return Scheduler(config, log)


@cache
def _has_lasting_fixtures(path: Path) -> bool:
    """Whether this file of tests, or the conftest beside it, has fixtures of scope "module"."""
    homes = [home for home in (path, path.with_name("conftest.py")) if home.exists()]
    return any('scope="module"' in home.read_text(encoding="utf-8") for home in homes)


def scene(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """A smooth random RGB picture; every seed looks different from every other."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def picture_bytes() -> PictureBytes:
    """``picture_bytes(seed, kind="PNG", width=48, height=40)``: a picture file."""

    def make(seed: int = 0, kind: str = "PNG", width: int = 48, height: int = 40) -> bytes:
        return encoded(scene(seed, width, height), kind)

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """``make_folder({"cats/1.png": bytes})``: a folder called "upload" with these files."""

    def make(files: Mapping[str, bytes]) -> Path:
        root = tmp_path / "source" / "upload"
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    return make


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    """``make_zip({"cats/1.png": bytes}, name="upload.zip")``: a zip with these files."""

    def make(
        files: Mapping[str, bytes], name: str = "upload.zip", method: int = zipfile.ZIP_STORED
    ) -> Path:
        path = tmp_path / "source" / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w", method) as archive:
            for member, data in files.items():
                archive.writestr(member, data)
        return path

    return make


@pytest.fixture
def cats_and_dogs(picture_bytes: PictureBytes) -> dict[str, bytes]:
    """Two classes of five different pictures, ``{path: bytes}``."""
    return {
        f"{name}/{number}.png": picture_bytes(10 * index + number)
        for index, name in enumerate(("cats", "dogs"))
        for number in range(5)
    }


@pytest.fixture
def make_set(tmp_path: Path) -> MakeSet:
    """``make_set({"red": 8, "green": 8})``: a picture set whose classes differ in colour.

    ``given`` names the upload's folder of every picture ("train", "val" or "test"), ``groups``
    its near-duplicate group; both in the order of the classes.
    """

    def make(
        counts: Mapping[str, int],
        given: Sequence[str] | None = None,
        groups: Sequence[int] | None = None,
        side: int = 40,
    ) -> ImageSet:
        rng = np.random.default_rng(0)
        writer = ImageSetWriter(tmp_path / f"set-{len(list(tmp_path.iterdir()))}")
        labels = [label for label, count in enumerate(counts.values()) for _ in range(count)]
        for number, label in enumerate(labels):
            picture = rng.integers(0, 120, (side, side, 3), dtype=np.uint8)
            picture[..., label % 3] += 100
            writer.add(picture, f"{label}/{number}.png")
        return writer.finish(
            name="tiny",
            class_names=counts,
            labels=labels,
            given_splits=[GIVEN_SPLITS.index(name) for name in given or ["train"] * len(labels)],
            groups=groups if groups is not None else range(len(labels)),
        )

    return make


@pytest.fixture
def datasets(tmp_path: Path) -> DatasetStore:
    """In the same home as ``manager``, so that runs can be started with them."""
    return DatasetStore(Home(tmp_path / "home"))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunManager]:
    """With one CPU worker, so that a second run has to wait for the first."""
    manager = RunManager(Home(tmp_path / "home"), devices=("cpu",))
    yield manager
    manager.close()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One CPU thread, on which sums do not depend on how work was shared out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pretrained weights: neither the project's own nor any in the cache or in memory."""
    monkeypatch.setattr(ShippedCard, "is_here", lambda card: False)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    yield from _forgotten()


@pytest.fixture
def damaged_weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's own weights are there and can't be read, as on a bad disk."""

    def refuse(card: ShippedCard) -> None:
        raise WeightsUnavailable(card, OSError("bad sector"))

    monkeypatch.setattr(ShippedCard, "load", refuse)
    yield from _forgotten()


def _forgotten() -> Iterator[None]:
    """Empty the caches of networks, before for this test and after for those that follow."""
    for kept in (frozen_backbone, _pretrained, _lite0):
        kept.cache_clear()
    yield
    for kept in (frozen_backbone, _pretrained, _lite0):
        kept.cache_clear()
