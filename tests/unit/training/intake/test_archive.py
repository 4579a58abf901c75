"""What is refused about a zip, and how the names inside are read."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from tests.conftest import MakeZip, PictureBytes
from training.core.messages import UserError
from training.intake.archive import Archive, archive_kind
from training.intake.limits import Limits
from training.intake.names import class_name, guess_encoding, is_junk, natural_key, shown


def refused(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UserError) as caught:
        Archive(path, limits or Limits())
    assert caught.value.text("en") and caught.value.text("zh")
    return caught.value.key


def names(path: Path) -> list[str]:
    with Archive(path, Limits()) as archive:
        return [entry.path for entry in archive.entries]


def raw_named(path: Path, members: list[bytes], data: bytes = b"x") -> Path:
    """A zip whose names are these bytes, with no word on their encoding."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(members):
            archive.writestr(zipfile.ZipInfo("#" * (len(name) - 2) + f"{number:02d}"), data)
    content = path.read_bytes()
    for number, name in enumerate(members):
        content = content.replace(b"#" * (len(name) - 2) + b"%02d" % number, name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "cp437"])
def test_names_in_the_encodings_people_have(tmp_path: Path, encoding: str) -> None:
    told = (
        ["Café/Köln groß.jpg", "Señor/über.jpg"]
        if encoding == "cp437"
        else ["猫猫/一只猫.jpg", "狗/小狗.jpg"]
    )
    assert names(raw_named(tmp_path / "a.zip", [name.encode(encoding) for name in told])) == told


def test_rare_characters_beyond_gb2312(tmp_path: Path) -> None:
    told = ["朱镕基/喆.jpg", "普通/图片.jpg"]
    assert names(raw_named(tmp_path / "a.zip", [name.encode("gbk") for name in told])) == told


def test_the_archive_decides_for_all_its_names() -> None:
    ambiguous = "Köln".encode("cp437")  # by itself also valid GBK
    assert guess_encoding([ambiguous]) == "cp437"
    assert guess_encoding(["图片".encode("gbk"), b"plain.jpg"]) == "gb2312"
    assert guess_encoding(["联通/图片".encode("gbk")]) == "gb2312"  # valid UTF-8, too
    assert guess_encoding(["Фото/кот".encode()]) == guess_encoding(["Çà è".encode()]) == "utf-8"
    assert guess_encoding(["图片/中文".encode()]) == "utf-8"
    assert guess_encoding([b"\xff\xfe", "图片".encode("gbk")]) == "cp437"
    assert guess_encoding(["საქართველო".encode(), b"plain.jpg"]) == "utf-8"


def test_names_flagged_as_utf8(make_zip: MakeZip) -> None:
    assert names(make_zip({"猫/café.png": b"x"})) == ["猫/café.png"]


def test_a_unicode_name_in_an_extra_field_wins(tmp_path: Path) -> None:
    import zlib

    plain, path = b"??.jpg", tmp_path / "a.zip"
    info = zipfile.ZipInfo(plain.decode())
    told = struct.pack("<BL", 1, zlib.crc32(plain)) + "狗狗.jpg".encode()
    info.extra = struct.pack("<HH", 0x7075, len(told)) + told
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"x")
    assert names(path) == ["狗狗.jpg"]


def test_what_systems_leave_behind_is_ignored(make_zip: MakeZip) -> None:
    path = make_zip(
        {
            "__MACOSX/cats/._1.jpg": b"x",
            "cats/.DS_Store": b"x",
            "cats/Thumbs.db": b"x",
            "cats/DESKTOP.INI": b"x",
            ".git/cats/1.jpg": b"x",
            "cats/": b"",
            "cats/1.jpg": b"x",
        }
    )
    assert names(path) == ["cats/1.jpg"]
    assert not is_junk("a..b/c.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "../1.jpg",
        "a/../../1.jpg",
        "/etc/1.jpg",
        "C:/1.jpg",
        "c:1.jpg",
        "..\\1.jpg",
        "\\\\host\\1.jpg",
    ],
)
def test_paths_that_lead_outside(make_zip: MakeZip, name: str) -> None:
    assert refused(make_zip({"cats/1.jpg": b"x", name: b"x"})) == "intake.escape"


def test_backslashes_of_old_windows_tools_are_folders(make_zip: MakeZip) -> None:
    assert names(make_zip({"cats\\1.jpg": b"x"})) == ["cats/1.jpg"]


def test_links(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("cats/1.jpg")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refused(tmp_path / "a.zip") == "intake.link"


def test_encrypted(make_zip: MakeZip) -> None:
    path = make_zip({"1.jpg": b"x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert refused(path) == "intake.encrypted"


def test_overlapping_members(make_zip: MakeZip) -> None:
    """Two directory entries that share one member's bytes."""
    path = make_zip({"1.jpg": b"x" * 100, "2.jpg": b"x" * 100})
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(content)
    assert refused(path) == "intake.overlap"


def test_too_much_inside(make_zip: MakeZip) -> None:
    path = make_zip({f"{n}.jpg": bytes([n]) * 700_000 for n in range(3)})
    assert refused(path, Limits(unpacked_mb=1)) == "intake.unpacked_too_big"
    assert refused(path, Limits(files=2)) == "intake.too_many_files"
    Archive(path, Limits(files=3)).__exit__(None, None, None)


def test_a_bomb_is_refused_by_its_ratio(make_zip: MakeZip) -> None:
    path = make_zip({"1.bmp": bytes(3 << 20)}, method=zipfile.ZIP_DEFLATED)
    assert refused(path) == "intake.ratio"
    small = make_zip({"1.bmp": bytes(900_000)}, "small.zip", method=zipfile.ZIP_DEFLATED)
    assert names(small) == ["1.bmp"]  # flat drawings are that small, too


def test_millions_of_entries_are_counted_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(1100):
            archive.writestr(zipfile.ZipInfo(f"{number}/"), b"")

    def fail(*_: object) -> None:
        raise AssertionError("the directory was parsed")

    monkeypatch.setattr(zipfile, "ZipFile", fail)
    assert refused(tmp_path / "a.zip", Limits(files=1)) == "intake.too_many_files"


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_cut_off_zip(make_zip: MakeZip, picture_bytes: PictureBytes, keep: float) -> None:
    path = make_zip({f"{n}.png": picture_bytes(n) for n in range(4)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert refused(path) == "intake.corrupt"


def test_a_zip_of_nothing(make_zip: MakeZip) -> None:
    assert refused(make_zip({})) == "intake.empty"
    assert refused(make_zip({".DS_Store": b"x", "cats/": b""})) == "intake.empty"


def test_archives_are_told_apart_by_their_first_bytes() -> None:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("1.jpg"))
    assert archive_kind(buffer.getvalue()[:512]) == "tar"
    assert archive_kind(b"Rar!\x1a\x07\x01\x00") == "RAR"
    assert archive_kind(b"7z\xbc\xaf\x27\x1c\x00\x04") == "7z"
    assert archive_kind(b"\xff\xd8\xff\xe0") is None


def test_class_names_are_fit_to_be_shown() -> None:
    assert class_name("  red\tapple \u202e") == "red apple"
    assert class_name("\u200f\x00") == "_"
    assert len(class_name("x" * 60_000)) <= 100
    assert shown("a\x1b[31m/b\u202egpj.exe") == "a[31m/bgpj.exe"


def test_natural_order() -> None:
    assert sorted(["10", "9", "b", "A", "²"], key=natural_key) == ["9", "10", "A", "b", "²"]
