"""From an upload to a set and a report that somebody can act on."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.conftest import MakeFolder, MakeZip, PictureBytes, encoded, scene
from training.core.messages import Message, UserError
from training.data.imageset import ImageSet
from training.intake.take_in import Limits, Report, take_in, take_in_labelled


def keys(messages: tuple[Message, ...]) -> list[str]:
    return [message.key.rpartition(".")[2] for message in messages]


def reasons(report: Report) -> dict[str, str]:
    return {each.file: each.reason.key.rpartition(".")[2] for each in report.skipped}


def refused(source: Path | list[Path], folder: Path, limits: Limits | None = None) -> str:
    """The error's key; nothing may be left where the set would have been."""
    with pytest.raises(UserError) as caught:
        take_in(source, folder, limits=limits)
    assert not folder.exists() and not folder.parent.exists()
    assert caught.value.text("en") and caught.value.text("zh")
    return caught.value.key


def test_a_zip_becomes_a_set(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    images, report = take_in(make_zip(cats_and_dogs, "my pets.zip"), tmp_path / "sets" / "1")
    assert images.name == "my pets" and images.class_names == ("cats", "dogs")
    assert report.layout == "folders" and report.kept == 10 and not report.skipped
    assert images.counts() == dict(report.classes) == {"cats": 5, "dogs": 5}
    for index, file in enumerate(images.files):
        assert np.array_equal(
            images.picture(index), np.asarray(Image.open(io.BytesIO(cats_and_dogs[file])))
        )
    assert os.listdir(tmp_path / "sets") == ["1"]
    again = ImageSet.open(tmp_path / "sets" / "1")
    assert again.files == images.files and np.array_equal(again.groups, images.groups)


def test_a_zip_and_its_folder_give_the_same_set(
    make_zip: MakeZip, make_folder: MakeFolder, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    from_zip, _ = take_in(make_zip(cats_and_dogs), tmp_path / "a")
    from_folder, _ = take_in(make_folder(dict(reversed(cats_and_dogs.items()))), tmp_path / "b")
    assert from_zip.files == from_folder.files
    assert np.array_equal(from_zip.pixels, from_folder.pixels)


def test_given_splits_are_kept(
    make_zip: MakeZip, picture_bytes: PictureBytes, tmp_path: Path
) -> None:
    names = ["train/a/1.png", "train/b/2.png", "Valid/a/3.png", "test/b/4.png"]
    path = make_zip({f"set/{name}": picture_bytes(i) for i, name in enumerate(names)})
    images, report = take_in(path, tmp_path / "set")
    assert report.layout == "splits"
    assert [len(images.given(split)) for split in ("train", "val", "test")] == [2, 1, 1]


def test_other_files_do_not_disturb_and_are_named(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    inner = make_zip({"1.png": encoded(scene(1))}, "inner.zip").read_bytes()
    odd = {
        "words.txt": b"n01443537 goldfish",
        "notes/README.md": b"hello",
        "cover.png": encoded(scene(99)),
        "cats/more.zip": inner,
        "cats/empty.png": b"",
        "dogs/cut.png": encoded(scene(98))[:60],
        "dogs/looks-like.jpg": b"GIF, but not really",
        "__MACOSX/cats/._1.png": b"x",
        "cats/.DS_Store": b"x",
    }
    images, report = take_in(make_zip(cats_and_dogs | odd), tmp_path / "set")
    assert images.class_names == ("cats", "dogs") and len(images) == 10
    assert reasons(report) == {
        "words.txt": "not_a_picture",
        "notes/README.md": "not_a_picture",
        "cover.png": "stray",
        "cats/more.zip": "nested_archive",
        "cats/empty.png": "empty",
        "dogs/cut.png": "damaged",
        "dogs/looks-like.jpg": "not_a_picture",
    }


def test_a_damaged_member_costs_only_itself(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    path = make_zip(cats_and_dogs)
    content = bytearray(path.read_bytes())
    content[content.index(cats_and_dogs["dogs/3.png"]) + 200] ^= 0xFF  # its CRC is wrong now
    path.write_bytes(content)
    images, report = take_in(path, tmp_path / "set")
    assert len(images) == 9 and reasons(report) == {"dogs/3.png": "damaged_file"}


def test_names_do_not_decide_what_a_file_is(
    make_zip: MakeZip, picture_bytes: PictureBytes, tmp_path: Path
) -> None:
    images, _ = take_in(
        make_zip({"a": picture_bytes(1), "b.txt": picture_bytes(2, "JPEG")}), tmp_path / "s"
    )
    assert images.files == ("a", "b.txt") and set(images.labels) == {-1}


def test_a_list_of_files_keeps_its_order(
    make_folder: MakeFolder, picture_bytes: PictureBytes, tmp_path: Path
) -> None:
    root = make_folder({"b/image.png": picture_bytes(1), "a/image.png": picture_bytes(2)})
    images, report = take_in([root / "b/image.png", root / "a/image.png"], tmp_path / "set")
    assert images.files == ("image.png", "image (2).png") and report.layout == "flat"
    assert np.array_equal(images.picture(0), np.asarray(scene(1)))


def test_a_list_with_one_zip(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    path = make_zip(cats_and_dogs)
    (tmp_path / "extra.png").write_bytes(encoded(scene(50)))
    images, report = take_in([tmp_path / "extra.png", path], tmp_path / "set")
    assert len(images) == 10 and reasons(report) == {"extra.png": "stray"}
    other = make_zip(cats_and_dogs, "other.zip")
    assert refused([path, other], tmp_path / "no" / "set") == "intake.two_archives"


def test_pictures_collected_one_by_one(
    make_folder: MakeFolder, picture_bytes: PictureBytes, tmp_path: Path
) -> None:
    root = make_folder({f"{n}/image.png": picture_bytes(n) for n in range(4)} | {"bad.png": b"no"})
    pictures = [(root / f"{n}/image.png", " cup " if n % 2 else "pen") for n in range(4)]
    images, report = take_in_labelled([*pictures, (root / "bad.png", "cup")], tmp_path / "set")
    assert images.counts() == {"cup": 2, "pen": 2}
    assert images.files[2:] == ("pen/image (2).png", "cup/image (2).png")
    assert reasons(report) == {"cup/bad.png": "not_a_picture"}


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
def test_links_in_folders_are_not_followed(
    make_folder: MakeFolder, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    root = make_folder(cats_and_dogs)
    (tmp_path / "secret.png").write_bytes(encoded(scene(70)))
    (root / "cats" / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "loop").symlink_to(root, target_is_directory=True)
    images, report = take_in(root, tmp_path / "set")
    assert len(images) == 10
    assert reasons(report) == {"cats/link.png": "link", "loop": "link"}


def test_what_cannot_be_taken_in_at_all(make_zip: MakeZip, tmp_path: Path) -> None:
    out, files = tmp_path / "no" / "set", tmp_path / "files"
    files.mkdir()
    with tarfile.open(files / "a.tar.gz", "w:gz"):
        pass
    contents = {
        "a.rar": b"Rar!\x1a\x07\x00",
        "a.7z": b"7z\xbc\xaf\x27\x1c",
        "a.pdf": b"%PDF",
        "a.jpg": b"",
    }
    for name, data in contents.items():
        (files / name).write_bytes(data)
    assert refused(files / "a.tar.gz", out) == "intake.not_a_zip"
    assert refused(files / "a.rar", out) == "intake.not_a_zip"
    assert refused(files / "a.7z", out) == "intake.not_a_zip"
    assert refused(files / "a.pdf", out) == "intake.neither"
    assert refused(files / "a.jpg", out) == "intake.empty_file"
    assert refused(files / "gone.zip", out) == "intake.no_such_file"
    assert refused([], out) == "intake.no_files"
    assert refused(make_zip({"a.txt": b"x"}), out) == "intake.no_pictures"
    assert refused(make_zip({"a.png": b"\x89PNG\r\n\x1a\n12345678"}), out) == "intake.none_readable"
    inner = make_zip({"1.png": encoded(scene(1))}, "inner.zip").read_bytes()
    assert refused(make_zip({"a/inner.zip": inner}), out) == "intake.only_nested"


def test_limits(
    make_zip: MakeZip, make_folder: MakeFolder, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    out, path, root = tmp_path / "no" / "set", make_zip(cats_and_dogs), make_folder(cats_and_dogs)
    (root / "cats" / "film.avi").write_bytes(bytes(2 << 20))
    assert refused(path, out, Limits(files=9)) == "intake.too_many_files"
    assert refused(root, out, Limits(files=9)) == "intake.too_many_files"
    assert refused(root, out, Limits(unpacked_mb=1)) == "intake.unpacked_too_big"
    assert refused(root / "cats" / "film.avi", out, Limits(upload_mb=1)) == "intake.upload_too_big"
    assert (
        refused(make_zip({"a.jpg": bytes(2 << 20)}), out, Limits(upload_mb=1))
        == "intake.upload_too_big"
    )
    with pytest.raises(ValueError, match="files is 0"):
        Limits(files=0)


def test_bytes_are_counted_while_reading(
    make_zip: MakeZip, picture_bytes: PictureBytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory may say less than its members hold; then the reading stops."""
    big = {f"{n}.bmp": picture_bytes(n, "BMP", 500, 400) for n in range(4)}
    path = make_zip(big)
    monkeypatch.setattr("training.intake.archive.Archive._refuse_bombs", lambda *_: None)
    assert (
        refused(path, tmp_path / "no" / "set", Limits(unpacked_mb=1)) == "intake.unpacked_too_big"
    )


def test_a_full_disk_is_noticed_before_writing(
    make_zip: MakeZip,
    cats_and_dogs: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1000))
    assert refused(make_zip(cats_and_dogs), tmp_path / "no" / "set") == "intake.disk_full"


def test_nothing_is_left_when_somebody_gives_up(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(make_zip(cats_and_dogs), tmp_path / "sets" / "1", progress=stop)
    assert not (tmp_path / "sets").exists()


def test_a_set_in_the_way_is_not_touched(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    take_in(make_zip(cats_and_dogs), folder)
    with pytest.raises(FileExistsError):
        take_in(make_zip(cats_and_dogs), folder)
    assert len(ImageSet.open(folder)) == 10


def test_progress_counts_to_the_end(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    take_in(make_zip(cats_and_dogs), tmp_path / "s", progress=lambda *step: seen.append(step))
    assert seen == [(n, 10) for n in range(1, 11)]


def test_copies_are_found_and_grouped(make_zip: MakeZip, tmp_path: Path) -> None:
    original = scene(1, 200, 160)
    files = {f"{n}.png": encoded(scene(n, 200, 160)) for n in range(1, 20)}
    files["small.png"] = encoded(original.resize((100, 80)))
    files["jpeg.jpg"] = encoded(original, "JPEG", quality=40)
    files["bright.png"] = encoded(ImageEnhance.Brightness(original).enhance(1.1))
    images, report = take_in(make_zip(files), tmp_path / "set")
    assert [set(group) for group in report.duplicates] == [
        {"1.png", "small.png", "jpeg.jpg", "bright.png"}
    ]
    assert len(set(images.groups)) == 19 and "duplicates" in keys(report.warnings)


def test_copies_across_given_splits_are_a_leak(
    make_zip: MakeZip, picture_bytes: PictureBytes, tmp_path: Path
) -> None:
    files = {
        f"train/{c}/{n}.png": picture_bytes(10 * n + i)
        for i, c in enumerate("ab")
        for n in range(5)
    }
    files |= {"test/a/1.png": files["train/a/1.png"], "test/b/9.png": picture_bytes(99)}
    _, report = take_in(make_zip(files), tmp_path / "set")
    assert "leak" in keys(report.warnings)


@pytest.mark.parametrize(
    "counts, expected",
    [
        ({"a": 24, "b": 24}, []),
        ({"a": 24, "b": 3}, ["too_few", "imbalance"]),
        ({"a": 24, "b": 10}, ["few"]),
        ({"Red": 20, "red ": 20}, ["similar_names"]),
        ({"train/a": 20, "train/b": 20, "test/a": 3}, ["only_train"]),
        ({"train/a": 20, "test/a": 3, "test/b": 20}, ["only_held_out"]),
        ({"train/a": 20, "test/a": 2}, ["one_class"]),
        ({".": 5}, ["no_labels"]),
    ],
)
def test_advice(
    make_zip: MakeZip, tmp_path: Path, counts: dict[str, int], expected: list[str]
) -> None:
    files = {
        f"{name}/{n}.png".removeprefix("./"): encoded(scene(1000 * i + n))
        for i, (name, count) in enumerate(counts.items())
        for n in range(count)
    }
    _, report = take_in(make_zip(files), tmp_path / "set")
    assert keys(report.warnings) == expected


def test_tiny_pictures_and_classes_that_cannot_be_read(make_zip: MakeZip, tmp_path: Path) -> None:
    files = {
        f"{c}/{n}.png": encoded(scene(50 * i + n, 20, 20))
        for i, c in enumerate("ab")
        for n in range(20)
    }
    files["c/1.png"] = encoded(scene(1))[:50]
    images, report = take_in(make_zip(files), tmp_path / "set")
    assert images.class_names == ("a", "b")
    assert keys(report.warnings) == ["lost_classes", "small_pictures"]


def test_a_report_reads_in_every_language_and_survives_the_disk(
    make_zip: MakeZip, tmp_path: Path
) -> None:
    files = {"a/1.png": encoded(scene(1)), "b/2.png": encoded(scene(2)), "b/note.txt": b"hi"}
    _, report = take_in(make_zip(files), tmp_path / "set")
    assert Report.load(tmp_path / "set") == report
    english, chinese = report.to_json(), report.to_json("zh")
    assert english["skipped"] == [{"file": "b/note.txt", "reason": "Not a picture."}]
    assert chinese["skipped"][0]["reason"] == "不是图片。"
    assert set(english) == {"layout", "classes", "kept", "skipped", "duplicates", "warnings"}
    assert "a (1), b (1)" in english["warnings"][0] and "a (1), b (1)" in chinese["warnings"][0]
    assert report.layout_text("zh") != report.layout_text("en")


def test_a_cap_takes_from_every_class_and_split(
    make_zip: MakeZip, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    images, _ = take_in(make_zip(cats_and_dogs), tmp_path / "set", per_class=2)
    assert images.files == ("cats/0.png", "cats/2.png", "dogs/0.png", "dogs/2.png")
