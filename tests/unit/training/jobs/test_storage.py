"""How much room people have, and how long what is theirs is kept."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.conftest import MakeSet
from tests.unit.training.jobs.test_manager import LONG
from tests.visiting import generator_run
from tests.waiting import is_, wait
from training.core.home import Home, new_id
from training.core.messages import UserError
from training.data.imageset import ImageSet
from training.jobs.collection import Collection
from training.jobs.datasets import DatasetStore
from training.jobs.manager import RunManager
from training.jobs.quotas import Quotas
from training.jobs.storage import HOUR, Storage, size_of

ANN, BOB = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "kept")


def kept(home: Home, **bounds: float) -> Storage:
    return Storage(home, RunManager(home, ("cpu",), Quotas(**bounds)))  # type: ignore[arg-type]


def give(home: Home, owner: str, images: ImageSet) -> Path:
    """A data set of ``owner``'s."""
    datasets = DatasetStore(home)
    folder = datasets.folder_for_new()
    shutil.copytree(images.folder, folder)
    return datasets.keep(owner, folder, "pictures").folder


def grow_old(folder: Path, hours: float) -> None:
    """As if nobody had touched anything in there for so long."""
    then = time.time() - hours * HOUR
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then))


# ---- keep-hours


def test_who_does_not_come_back_is_forgotten_and_nobody_else(home: Home, make_set: MakeSet) -> None:
    images = make_set({"red": 8, "green": 8})
    sets = {owner: give(home, owner, images) for owner in (ANN, BOB)}
    runs = {o: generator_run(home, ImageSet.open(sets[o]), "dcgan", o) for o in (ANN, BOB)}
    Collection(home, ANN).folder.mkdir(parents=True)
    storage = kept(home, keep_hours=24)
    for owner in (ANN, BOB):
        storage.seen(owner)
    assert storage.sweep() == []
    grow_old(home.path, 25)
    storage = kept(home, keep_hours=24)
    storage.seen(BOB)  # a visit, and nothing else
    assert storage.sweep() == [ANN]
    assert not sets[ANN].exists() and sets[BOB].exists()
    assert [run.id for run in storage.manager.all_runs()] == [runs[BOB]]
    assert not (home.runs / runs[ANN]).exists() and not (home.collected / ANN).exists()
    assert [path.name for path in home.visits.iterdir()] == [BOB]
    assert storage.sweep() == []


def test_without_the_flag_nothing_is_noted_or_deleted(home: Home, make_set: MakeSet) -> None:
    folder = give(home, ANN, make_set({"red": 8, "green": 8}))
    grow_old(home.path, 10_000)
    storage = kept(home)
    storage.seen(ANN)
    assert storage.sweep() == [] and folder.exists() and not home.visits.exists()


def test_a_run_at_work_is_a_sign_of_life(home: Home, make_set: MakeSet) -> None:
    folder = give(home, ANN, make_set({"red": 8, "green": 8}))
    storage = kept(home, keep_hours=1)
    run = storage.manager.start(ANN, LONG, folder, name="long")
    wait(storage.manager, run, is_("running"))
    grow_old(home.datasets, 5)
    assert storage.sweep() == []
    assert storage.sweep(time.time() + 100 * HOUR) == []
    storage.manager.stop(run)
    wait(storage.manager, run, is_("stopped"))
    assert storage.sweep(time.time() + 100 * HOUR) == [ANN] and not folder.exists()
    storage.manager.close()


def test_a_clock_set_back_deletes_nothing(home: Home, make_set: MakeSet) -> None:
    folder = give(home, ANN, make_set({"red": 8, "green": 8}))
    storage = kept(home, keep_hours=1)
    storage.seen(ANN)
    assert storage.sweep(time.time() - 1000 * HOUR) == [] and folder.exists()


def test_a_visit_is_written_down_now_and_then_only(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, real, later = kept(home, keep_hours=1), time.monotonic, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: real() + later)
    storage.seen(ANN)
    (home.visits / ANN).unlink()
    storage.seen(ANN)  # a tick of the page, one of thirty a second
    assert not (home.visits / ANN).exists()
    later = 301.0
    storage.seen(ANN)
    assert (home.visits / ANN).exists()


def test_the_sweep_goes_on_after_a_bad_moment(home: Home) -> None:
    manager, calls = RunManager(home, ("cpu",)), list[int]()

    def sweep() -> None:
        calls.append(1)
        raise OSError("a bad moment")

    manager.repeat(0.01, sweep, "sweep")
    deadline = time.monotonic() + 10
    while len(calls) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    manager.close()
    assert len(calls) >= 3
    done = len(calls)
    time.sleep(0.1)
    assert len(calls) == done


# ---- quotas


def test_a_full_quota_is_refused_and_says_by_how_much(home: Home, make_set: MakeSet) -> None:
    images = make_set({"red": 80, "green": 80}, side=96)
    current = give(home, ANN, images)
    run = generator_run(home, ImageSet.open(current), "dcgan", ANN)
    storage = kept(home, person_mb=1)
    assert storage.used(ANN) == size_of(current) + size_of(home.runs / run) > 2**20
    with pytest.raises(UserError) as caught:
        storage.make_room(ANN, current.name)
    assert caught.value.key == "keeper.person_full" and "1 MB" in caught.value.text()
    storage.make_room(BOB)  # another's quota is another's
    storage.manager.delete(run)
    with pytest.raises(UserError):  # what one works with is not given up
        storage.make_room(ANN, current.name)
    assert current.exists()
    storage.make_room(ANN, None)
    assert not current.exists()


def test_pictures_that_a_run_needs_stay(home: Home, make_set: MakeSet) -> None:
    images = make_set({"red": 80, "green": 80}, side=96)
    old, older = give(home, ANN, images), give(home, ANN, images)
    generator_run(home, ImageSet.open(old), "dcgan", ANN)
    bobs = give(home, BOB, images)
    storage = kept(home, person_mb=6)
    grown = storage.used(ANN)
    storage.make_room(ANN, new_id())
    assert old.exists() and bobs.exists() and not older.exists() and storage.used(ANN) < grown


def test_everybodys_share_together_is_bounded(home: Home, make_set: MakeSet) -> None:
    images = make_set({"red": 80, "green": 80}, side=96)
    give(home, ANN, images)
    storage = kept(home, all_mb=6)
    storage.make_room(BOB)
    folder = give(home, ANN, images)
    storage = kept(home, all_mb=6)
    with pytest.raises(UserError) as caught:
        storage.make_room(BOB)
    assert caught.value.key == "keeper.all_full"
    storage.make_room(ANN, folder.name)  # the other one of hers goes
    storage.make_room(BOB)


def test_what_a_killed_upload_left_is_cleared_up(home: Home, make_set: MakeSet) -> None:
    whole = give(home, ANN, make_set({"red": 8, "green": 8}))
    nobodys, half = home.datasets / new_id(), home.datasets / ".something-1234"
    for folder in (nobodys, half):
        folder.mkdir()
        (folder / "pixels.bin").write_bytes(b"half a picture")
    kept(home).clear_up()
    assert list(home.datasets.iterdir()) == [whole]
    kept(Home(home.path / "none")).clear_up()
