"""From what a browser sent to a data set, or to a refusal that leaves nothing behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from training.core.home import new_id
from training.core.messages import UserError
from training.intake.take_in import Limits, take_in
from training.jobs.datasets import DatasetStore
from ui.data.uploads import safe_parts, take_upload, write_skipped

ANNA, BEN = new_id(), new_id()


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
    assert safe_parts(name) == parts


def sent(datasets: DatasetStore, files: dict[str, bytes]) -> dict[str, object]:
    """What the drop zone says after the server has put ``files`` under names of its own."""
    said = []
    for name, data in files.items():
        path = datasets.home.temp / new_id() / f"{new_id()}.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        said.append({"path": str(path), "name": name})
    return {"files": said, "failed": ""}


def left(datasets: DatasetStore) -> list[Path]:
    return [path for path in datasets.home.path.rglob("*") if path.is_file()]


def nothing(done: int, total: int) -> None:
    """A progress bar that nobody watches."""


def enough() -> None:
    """Room for whatever comes."""


def test_a_folder_keeps_its_classes(
    datasets: DatasetStore, cats_and_dogs: dict[str, bytes]
) -> None:
    files = {f"pets/{name}": data for name, data in cats_and_dogs.items()}
    dataset = take_upload(datasets, ANNA, sent(datasets, files), Limits(), nothing, enough)
    assert dataset.images().counts() == {"cats": 5, "dogs": 5}
    assert dataset.images().name == "pets"
    assert not list(datasets.home.temp.rglob("*.png"))


def test_a_zip_is_called_as_its_owner_calls_it(
    datasets: DatasetStore, cats_and_dogs: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in cats_and_dogs.items():
            archive.writestr(name, data)
    uploaded = sent(datasets, {"My pets.zip": path.read_bytes()})
    assert take_upload(datasets, ANNA, uploaded, Limits(), nothing, enough).source == "My pets.zip"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_what_is_refused_leaves_nothing_behind(datasets: DatasetStore, data: bytes) -> None:
    with pytest.raises(UserError):
        take_upload(datasets, ANNA, sent(datasets, {"bad.zip": data}), Limits(), nothing, enough)
    assert left(datasets) == []


def test_a_path_outside_the_uploads_is_not_touched(datasets: DatasetStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"mine")
    datasets.home.temp.mkdir(parents=True)
    for path in (secret, datasets.home.temp / ".." / ".." / "secret.png"):
        with pytest.raises(UserError):
            said = {"files": [{"path": str(path), "name": "a.png"}], "failed": ""}
            take_upload(datasets, ANNA, said, Limits(), nothing, enough)
    assert secret.read_bytes() == b"mine"


@pytest.mark.parametrize("said", [{}, {"files": []}, {"files": [], "failed": "network"}])
def test_nothing_sent_is_said(datasets: DatasetStore, said: dict[str, object]) -> None:
    with pytest.raises(UserError):
        take_upload(datasets, ANNA, said, Limits(), nothing, enough)


def test_all_files_together_have_a_limit(datasets: DatasetStore) -> None:
    files = {f"{number}.png": b"x" * 600_000 for number in range(2)}
    with pytest.raises(UserError, match="1 MB"):
        take_upload(datasets, ANNA, sent(datasets, files), Limits(upload_mb=1), nothing, enough)


def test_the_list_of_what_was_left_out_is_harmless_in_a_spreadsheet(
    datasets: DatasetStore, cats_and_dogs: dict[str, bytes], make_folder: object, tmp_path: Path
) -> None:
    source = make_folder({**cats_and_dogs, "cats/=1+1.txt": b"text"})  # type: ignore[operator]
    _, report = take_in(source, datasets.folder_for_new())
    path = write_skipped(report, tmp_path / "out" / "skipped.csv", ["File", "Reason"], "zh")
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0] == "File,Reason"
    assert len(text.splitlines()) == 2


def test_without_room_an_upload_is_refused_and_gone(datasets: DatasetStore) -> None:
    def full() -> None:
        raise UserError("keeper.all_full", most=1)

    said = sent(datasets, {"a.png": b"a picture"})
    with pytest.raises(UserError, match="1 MB"):
        take_upload(datasets, ANNA, said, Limits(), nothing, full)
    assert not any(path.is_file() for path in datasets.home.temp.rglob("*"))
    assert not datasets.home.datasets.exists()
