"""Whatever is uploaded: a set, or a UserError that can be read; and nothing left behind."""

from __future__ import annotations

import io
import random
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import encoded, scene
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.intake.decode import Unreadable, decode
from training.intake.names import class_name, guess_encoding
from training.intake.take_in import Limits, Report, take_in

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
PICTURES = tuple(encoded(scene(seed, 16, 12), kind) for seed, kind in enumerate(KINDS))
LIMITS = Limits(upload_mb=1, unpacked_mb=2, files=30, megapixels=1)
# Two members of one name are legal, and part of what is tried.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Duplicate name"),
    pytest.mark.filterwarnings("ignore:Corrupt EXIF data"),
    pytest.mark.filterwarnings("ignore:Truncated File Read"),
]
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)

names = st.one_of(
    st.sampled_from(
        ["train/a/1", "test/a/2", "val/b/3", "a/1", "b/1", "1", "__MACOSX/1", "../1", "a/b/c/d"]
    ),
    st.text(min_size=1, max_size=12),
    st.binary(min_size=1, max_size=9).map(lambda raw: raw.decode("cp437")),
)
contents = st.one_of(st.sampled_from(PICTURES), st.binary(max_size=60))
members = st.lists(st.tuples(names, contents, st.sampled_from([0, 8, 12, 14])), max_size=8)


def kept_of(files: dict[str, bytes]) -> int:
    """Take in the one file (or all, as a list) and look around; how many pictures came of it."""
    kept = 0
    with tempfile.TemporaryDirectory() as home:
        source, sets = Path(home) / "source", Path(home) / "sets"
        source.mkdir()
        for name, data in files.items():
            (source / name).write_bytes(data)
        try:
            images, report = take_in(sorted(source.iterdir()), sets / "1", limits=LIMITS)
        except UserError as error:
            assert error.text("en") and error.text("zh")
            assert not sets.exists()
        else:
            consistent(images, report)
            kept = len(images)
            assert [path.name for path in sets.iterdir()] == ["1"]
            del images  # lets go of the map, which Windows would not delete
        assert sorted(path.name for path in source.iterdir()) == sorted(files)
        assert {path.name for path in Path(home).iterdir()} <= {"source", "sets"}
        return kept


def consistent(images: ImageSet, report: Report) -> None:
    assert report.kept == len(images) > 0
    assert images.pixels.size == int((images.heights * images.widths).sum()) * 3
    assert sum(report.classes.values()) == int((images.labels >= 0).sum())
    assert all(report.classes.values())
    assert images.labels.max() < len(images.class_names)
    assert Report.load(images.folder) == report
    assert report.to_json("en")["kept"] == report.to_json("zh")["kept"]


def zipped(files: list[tuple[str, bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, method in files:
            info = zipfile.ZipInfo(name or "_")
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


@unhurried
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    assert kept_of({"upload": data}) <= 1


@unhurried
@given(
    st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", *(p[:16] for p in PICTURES)]),
    st.binary(max_size=200),
)
def test_any_bytes_after_a_promising_start(start: bytes, rest: bytes) -> None:
    assert kept_of({"upload": start + rest}) <= 1


@unhurried
@given(members)
def test_any_zip(files: list[tuple[str, bytes, int]]) -> None:
    assert kept_of({"upload.zip": zipped(files)}) <= len(files)


@unhurried
@given(members, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damaged_zip(
    files: list[tuple[str, bytes, int]], hits: list[tuple[float, int]]
) -> None:
    data = bytearray(zipped([*files, ("cats/1.png", PICTURES[0], 8)]))
    for place, value in hits:
        data[int(place * (len(data) - 1))] = value
    assert kept_of({"upload.zip": bytes(data)}) <= len(files) + 1


@unhurried
@given(
    st.integers(0, len(PICTURES) - 1), st.integers(0, 2**32), st.integers(1, 5), st.floats(0.05, 1)
)
def test_any_damaged_picture(which: int, seed: int, hits: int, keep: float) -> None:
    """Decoding gives RGB or a reason, never another error."""
    rng, data = random.Random(seed), bytearray(PICTURES[which])
    for _ in range(hits):
        data[rng.randrange(len(data))] = rng.randrange(256)
    try:
        image = decode(bytes(data[: int(keep * len(data))]), LIMITS)
    except Unreadable as error:
        assert error.reason.text("en") and error.reason.text("zh")
    else:
        assert image.mode == "RGB" and np.asarray(image).ndim == 3


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=12), max_size=6))
def test_any_names_decode(raw: list[bytes]) -> None:
    encoding = guess_encoding(raw)
    assert all(class_name(name.decode(encoding)) for name in raw)


@unhurried
@given(st.text())
def test_class_names_are_stable(text: str) -> None:
    name = class_name(text)
    assert name == class_name(name) and name.strip() == name and "\n" not in name


def test_a_picture_of_every_kind_is_a_good_start() -> None:
    for data in PICTURES:
        assert Image.open(io.BytesIO(data)).size == (16, 12)
