"""Who sees what: ids from a browser are claims until they are checked."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from training.home import Home, new_id
from training.intake import Limits, take_in
from training.text import UserError
from ui import session
from ui.session import Collection, DataSet, Shelf
from ui.uploads import take_upload, write_skipped

ANNA, BEN = new_id(), new_id()


@dataclass(frozen=True)
class Run:
    """As much of a snapshot as the choice looks at."""

    id: str
    status: str


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(Home(tmp_path / "home"))


@pytest.fixture
def dataset(shelf: Shelf, cats_and_dogs: dict[str, bytes], make_folder: object) -> DataSet:
    folder = shelf.folder_for_new()
    take_in(make_folder(cats_and_dogs), folder)  # type: ignore[operator]
    return shelf.keep(ANNA, folder, "pets.zip")


@pytest.mark.parametrize(
    "claim", ["", None, 7, "a" * 31, "A" * 32, "../" + "a" * 29, "a" * 32 + "\n", ["a" * 32], {}]
)
def test_only_32_hexadecimal_digits_are_an_id(claim: object, shelf: Shelf) -> None:
    assert not session.is_id(claim)
    assert session.is_id(session.owner_from(claim))
    assert shelf.find(ANNA, claim) is None


def test_a_known_browser_keeps_its_id() -> None:
    assert session.owner_from(ANNA) == ANNA


def test_a_data_set_is_its_owners(shelf: Shelf, dataset: DataSet) -> None:
    found = shelf.require(ANNA, dataset.id)
    assert (found.source, len(found.images())) == ("pets.zip", 10)
    assert shelf.find(BEN, dataset.id) is None
    assert shelf.find("", dataset.id) is None
    assert shelf.find(ANNA, new_id()) is None
    with pytest.raises(UserError):
        shelf.require(BEN, dataset.id)


def test_a_folder_without_owner_is_nobodys(shelf: Shelf, dataset: DataSet) -> None:
    (dataset.folder / "owner.json").unlink()
    assert shelf.find(ANNA, dataset.id) is None


def test_edits_hold_until_undone(shelf: Shelf, dataset: DataSet) -> None:
    shelf.edit(dataset, {"cats": "pets"})
    shelf.edit(shelf.require(ANNA, dataset.id), {"cats": "pets", "dogs": "pets"})
    assert shelf.require(ANNA, dataset.id).images().counts() == {"pets": 10}
    shelf.undo(shelf.require(ANNA, dataset.id))
    assert shelf.require(ANNA, dataset.id).images().counts() == {"pets": 5, "dogs": 5}
    shelf.undo(shelf.require(ANNA, dataset.id))
    shelf.undo(shelf.require(ANNA, dataset.id))
    assert shelf.require(ANNA, dataset.id).images().counts() == {"cats": 5, "dogs": 5}


def test_an_empty_name_leaves_a_class_out_and_spaces_do_not_count() -> None:
    rows = [("a", " a "), ("b", ""), ("c", "d  d"), ("e", "d d")]
    assert session.read_edits(rows) == {"b": None, "c": "d d", "e": "d d"}


@pytest.mark.parametrize("rows", [[], [("a", "")], [("a", ""), ("b", "  ")]])
def test_a_class_has_to_remain(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError):
        session.read_edits(rows)


def test_one_class_is_enough_for_a_generator() -> None:
    assert session.read_edits([("a", "x"), ("b", "x")]) == {"a": "x", "b": "x"}


def test_collected_pictures_are_counted_undone_and_cleared(shelf: Shelf) -> None:
    collection, picture = Collection(shelf.home, ANNA), Image.new("RGB", (8, 8))
    for name in ("apple", "pear", " apple "):
        collection.add(picture, name)
    assert collection.counts() == {"apple": 2, "pear": 1}
    assert Collection(shelf.home, BEN).counts() == {}
    collection.undo()
    assert collection.counts() == {"apple": 1, "pear": 1}
    with pytest.raises(UserError):
        collection.add(picture, "  ")
    collection.clear()
    collection.undo()
    assert not collection.folder.exists()


def test_a_collection_needs_an_id(shelf: Shelf) -> None:
    with pytest.raises(ValueError):
        Collection(shelf.home, "../somebody")


def test_the_run_shown_is_the_one_wanted_then_the_one_at_work_then_the_newest() -> None:
    runs = [Run("3", "finished"), Run("2", "running"), Run("1", "stopped")]
    assert session.choose_run("1", runs).id == "1"  # type: ignore[arg-type, union-attr]
    assert session.choose_run("9", runs).id == "2"  # type: ignore[arg-type, union-attr]
    assert session.choose_run("", runs[::2]).id == "3"  # type: ignore[arg-type, union-attr]
    assert session.choose_run("1", []) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cats/a.png", ("cats", "a.png")),
        ("../../etc/passwd", ("etc", "passwd")),
        ("/etc/a.png", ("etc", "a.png")),
        ("C:\\x\\a.png", ("C_", "x", "a.png")),
        ("a\x00b.png", ("a_b.png",)),
        ("猫/1.png", ("猫", "1.png")),
        ("..", ()),
    ],
)
def test_a_name_stays_inside(name: str, parts: tuple[str, ...]) -> None:
    assert session.safe_parts(name) == parts


def sent(shelf: Shelf, files: dict[str, bytes]) -> dict[str, object]:
    """What the drop zone says after the server has put ``files`` under names of its own."""
    said = []
    for name, data in files.items():
        path = shelf.home.temp / new_id() / f"{new_id()}.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        said.append({"path": str(path), "name": name})
    return {"files": said, "failed": ""}


def left(shelf: Shelf) -> list[Path]:
    return [path for path in shelf.home.path.rglob("*") if path.is_file()]


def nothing(done: int, total: int) -> None:
    """A progress bar that nobody watches."""


def enough() -> None:
    """Room for whatever comes."""


def test_a_folder_keeps_its_classes(shelf: Shelf, cats_and_dogs: dict[str, bytes]) -> None:
    files = {f"pets/{name}": data for name, data in cats_and_dogs.items()}
    dataset = take_upload(shelf, ANNA, sent(shelf, files), Limits(), nothing, enough)
    assert dataset.images().counts() == {"cats": 5, "dogs": 5}
    assert dataset.images().name == "pets"
    assert not list(shelf.home.temp.rglob("*.png"))


def test_a_zip_is_called_as_its_owner_calls_it(
    shelf: Shelf, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in cats_and_dogs.items():
            archive.writestr(name, data)
    uploaded = sent(shelf, {"My pets.zip": path.read_bytes()})
    assert take_upload(shelf, ANNA, uploaded, Limits(), nothing, enough).source == "My pets.zip"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_what_is_refused_leaves_nothing_behind(shelf: Shelf, data: bytes) -> None:
    with pytest.raises(UserError):
        take_upload(shelf, ANNA, sent(shelf, {"bad.zip": data}), Limits(), nothing, enough)
    assert left(shelf) == []


def test_a_path_outside_the_uploads_is_not_touched(shelf: Shelf, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"mine")
    shelf.home.temp.mkdir(parents=True)
    for path in (secret, shelf.home.temp / ".." / ".." / "secret.png"):
        with pytest.raises(UserError):
            said = {"files": [{"path": str(path), "name": "a.png"}], "failed": ""}
            take_upload(shelf, ANNA, said, Limits(), nothing, enough)
    assert secret.read_bytes() == b"mine"


@pytest.mark.parametrize("said", [{}, {"files": []}, {"files": [], "failed": "network"}])
def test_nothing_sent_is_said(shelf: Shelf, said: dict[str, object]) -> None:
    with pytest.raises(UserError):
        take_upload(shelf, ANNA, said, Limits(), nothing, enough)


def test_all_files_together_have_a_limit(shelf: Shelf) -> None:
    files = {f"{number}.png": b"x" * 600_000 for number in range(2)}
    with pytest.raises(UserError, match="1 MB"):
        take_upload(shelf, ANNA, sent(shelf, files), Limits(upload_mb=1), nothing, enough)


def test_the_list_of_what_was_left_out_is_harmless_in_a_spreadsheet(
    shelf: Shelf, cats_and_dogs: dict[str, bytes], make_folder: object, tmp_path: Path
) -> None:
    source = make_folder({**cats_and_dogs, "cats/=1+1.txt": b"text"})  # type: ignore[operator]
    _, report = take_in(source, shelf.folder_for_new())
    path = write_skipped(report, tmp_path / "out" / "skipped.csv", ["File", "Reason"], "zh")
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0] == "File,Reason"
    assert len(text.splitlines()) == 2


def test_without_room_an_upload_is_refused_and_gone(shelf: Shelf) -> None:
    def full() -> None:
        raise UserError("keeper.all_full", most=1)

    said = sent(shelf, {"a.png": b"a picture"})
    with pytest.raises(UserError, match="1 MB"):
        take_upload(shelf, ANNA, said, Limits(), nothing, full)
    assert not any(path.is_file() for path in shelf.home.temp.rglob("*"))
    assert not shelf.home.datasets.exists()


def test_an_account_is_the_same_in_every_browser_and_nobody_elses(shelf: Shelf) -> None:
    assert shelf.account("Ann") == shelf.account("Ann") != shelf.account("ann")
    assert session.is_id(shelf.account("Ann"))
    assert Shelf(Home(shelf.home.path / "other")).account("Ann") != shelf.account("Ann")
