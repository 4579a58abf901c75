"""What may go wrong around the page: uploads cut short, closed tabs, two tabs, a locked disk."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from tests.conftest import MakeFolder, MakeSet, encoded
from tests.serving import ROOT, Caller, free_port, start_server
from tests.unit.training.cli.test_cli import refusal
from tests.unit.training.jobs.test_manager import LONG, SHORT
from tests.unit.ui.data.test_uploads import ANNA, enough, left, nothing, sent
from tests.visiting import Person, generator_run, tiny_set
from tests.waiting import is_, wait
from training.core.files import require_writable
from training.core.home import Home, new_id
from training.core.messages import UserError, t
from training.intake.limits import Limits
from training.jobs.datasets import DatasetStore
from training.jobs.manager import RunManager
from ui.data.uploads import take_upload
from ui.page import Page

pytestmark = pytest.mark.slow

BUG, NO_SUCH_RUN = t("error.bug.what"), t("error.page.no_such_run.what")


# ---- a server that is killed, and browsers that are closed, in mid-upload


class Browser(Caller):
    """Anna's: it sends files to a server and has data sets made of them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        keys = {each["id"]: each["props"].get("storage_key") for each in self.config["components"]}
        known = {"seedling.owner": ANNA, "seedling.language": "en"}
        self.states = {each: known.get(key, "") for each, key in keys.items() if key}

    def endpoint(self, event: str) -> dict[str, Any]:
        return next(each for each in self.endpoints() if each["targets"][0][1] == event)

    def send(self, file: Path) -> dict[str, Any]:
        """What the drop zone says once the server has the file."""
        answer = self.client.post("/gradio_api/upload", files={"files": file.read_bytes()})
        return {"files": [{"path": answer.json()[0], "name": file.name}], "failed": ""}

    def drop(self, file: Path) -> str:
        """All that the page answers to an upload."""
        take, said = self.endpoint("upload"), self.send(file)
        return self.call(take, [self.states[each] for each in take["inputs"]], new_id(), said)

    def drop_and_leave(self, file: Path) -> None:
        """The same, but the tab is closed at the first sign that it has begun."""
        take, said, session = self.endpoint("upload"), self.send(file), new_id()
        data = [self.states[each] for each in take["inputs"]]
        body = self.body(take, data, session, said)
        self.client.post("/gradio_api/queue/join", json=body)
        query = {"session_hash": session}
        with self.client.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            next(line for line in stream.iter_lines() if "process_starts" in line)

    def visit(self) -> int:
        """Load the page again; gives the status."""
        load = self.endpoint("load")
        usual = {each["id"]: each["props"].get("value") for each in self.config["components"]}
        data = [self.states.get(each, usual.get(each)) for each in load["inputs"]]
        body = self.body(load, data, new_id(), None)
        return self.client.post("/gradio_api/run/predict", json=body).status_code


def until(happens: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


@pytest.fixture(scope="module")
def slow_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few bytes that take some seconds to decode."""
    path = tmp_path_factory.mktemp("slow") / "Slow.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100):
            colour = (2 * number, 255 - number, number % 7 * 30)
            picture = encoded(Image.new("RGB", (1600, 1600), colour))
            archive.writestr(f"{number % 2}/{number}.png", picture)
    return path


@pytest.mark.slow
def test_a_kill_or_a_closed_tab_in_mid_upload_leaves_nothing_half_made(
    tmp_path: Path, slow_zip: Path
) -> None:
    home, port = Home(tmp_path), free_port()
    server = start_server(tmp_path, port)
    try:
        with socket.create_connection(("127.0.0.1", port)) as half:
            head = 'Content-Disposition: form-data; name="files"; filename="0.zip"'
            part = f"--x\r\n{head}\r\n\r\n".encode() + bytes(300_000)
            kind = "Content-Type: multipart/form-data; boundary=x"
            size = "Content-Length: 900000"
            request = f"POST /gradio_api/upload HTTP/1.1\r\nHost: here\r\n{kind}\r\n{size}\r\n\r\n"
            half.sendall(request.encode() + part)
            until(lambda: files_in(home.temp))  # one upload is on its way,
            browser = Browser(f"http://127.0.0.1:{port}")
            browser.drop_and_leave(slow_zip)
            until(lambda: files_in(home.datasets))  # and one is being read
            server.kill()
            server.wait()
        assert files_in(home.temp) and files_in(home.datasets)
        assert not list(home.datasets.glob("*/owner.json"))

        server = start_server(tmp_path, port)
        assert not files_in(home.temp) and not files_in(home.datasets)
        browser = Browser(f"http://127.0.0.1:{port}")
        assert "100 pictures in 2 classes" in browser.drop(slow_zip)
        assert len(list(home.datasets.glob("*/owner.json"))) == 1

        browser.drop_and_leave(slow_zip)
        until(lambda: not files_in(home.temp) and not list(home.datasets.glob(".*")))
        assert len(list(home.datasets.iterdir())) == len(list(home.datasets.glob("*/owner.json")))
        assert "100 pictures in 2 classes" in browser.drop(slow_zip) and browser.visit() == 200
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    "place",
    ["training.data.imageset.ImageSetWriter.add", "training.intake.report.Report.save", "os.fsync"],
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_in_mid_upload_is_said_and_leaves_nothing(
    tmp_path: Path,
    cats_and_dogs: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    number: int,
) -> None:
    datasets = DatasetStore(Home(tmp_path / "home"))

    def full(*_: object) -> None:
        raise OSError(number, "as the disk says it")

    monkeypatch.setattr(place, full)
    with pytest.raises(UserError) as caught:
        take_upload(datasets, ANNA, sent(datasets, cats_and_dogs), Limits(), nothing, enough)
    assert caught.value.key == "intake.disk_filled" and left(datasets) == []
    monkeypatch.undo()
    take_upload(datasets, ANNA, sent(datasets, cats_and_dogs), Limits(), nothing, enough)


# ---- tabs


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """With six generators of Anna's, and nothing at work."""
    home = Home(tmp_path / "home")
    images = tiny_set(tmp_path / "set", ["cats", "dogs"])
    for _ in range(6):
        generator_run(home, images, "dcgan", ANNA)
    manager = RunManager(home, ("cpu",))
    yield Page(home, manager, Limits())
    manager.close()


def arrived(page: Page, run: str = "") -> Person:
    """Anna in a new tab, before one of her runs."""
    tab = Person(page, ANNA)
    tab.values[page.app.run] = run
    request: Any = SimpleNamespace(query_params={}, username=None)
    tab.take(page._arrive(tab.values, request))
    return tab


def tick(tab: Person) -> None:
    answer = tab.page._refresh(tab.values)
    if answer != gr.skip():
        tab.take(answer)


def said(tab: Person) -> str:
    """What stands above the run."""
    return str(tab.values[tab.page.tabs["watch"].message])


def press(tab: Person, name: str) -> str:
    """Press a button of the Watch tab, or let a second pass; gives the message."""
    if name == "tick":
        tick(tab)
    else:
        tab.do(getattr(tab.page.tabs["watch"], name), "click")
    return said(tab)


BUTTONS = ("pause_btn", "resume_btn", "stop_btn", "delete_btn", "sure_btn", "keep_btn", "tick")


def test_a_run_deleted_in_one_tab_is_missed_in_words_in_the_other(page: Page) -> None:
    """And no button of the other one touches any other run."""
    manager = page.app.manager
    for name in BUTTONS[:5]:
        run = manager.runs(ANNA)[0].id
        one, other = arrived(page, run), arrived(page, run)
        press(one, "delete_btn"), press(other, "delete_btn")
        assert press(one, "sure_btn") == "" and not manager.knows(run)
        before = manager.runs(ANNA)
        assert NO_SUCH_RUN in press(other, name), name
        assert manager.runs(ANNA) == before
        press(other, "tick")
        assert other.values[page.tabs["watch"].picker] == before[0].id
        assert press(other, "delete_btn") == ""


def test_a_run_deleted_between_two_looks_harms_nobody(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = page.app.manager
    looks: dict[str, Any] = {"runs": manager.runs, "owns": manager.owns}
    for name, look in (("tick", "runs"), *((each, "owns") for each in BUTTONS[:4])):
        run = manager.runs(ANNA)[0].id
        tab = arrived(page, run)
        tab.values[page.drawn] = {}

        def then_deleted(*given: Any, look: str = look, run: str = run) -> Any:
            answer = looks[look](*given)
            if manager.knows(run):
                manager.delete(run)  # by another tab
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(manager, look, then_deleted)
            message = press(tab, name)
        assert not manager.knows(run)
        assert message == "" if name == "tick" else NO_SUCH_RUN in message, (name, message)
        tick(tab)


def test_two_tabs_that_contradict_each_other_break_nothing(page: Page, make_set: MakeSet) -> None:
    manager, chance = page.app.manager, random.Random(0)
    data = make_set({"red": 8, "green": 8}).folder
    runs = [manager.start(ANNA, LONG, data, name=name) for name in "ab"]
    tabs = [arrived(page, runs[0]) for _ in range(2)]
    for _ in range(120):
        message = press(chance.choice(tabs), chance.choice(BUTTONS))
        assert BUG not in message
    for run in manager.runs(ANNA):
        manager.stop(run.id)
        assert wait(manager, run.id, is_("stopped", "failed")).info.error == ()
    last = manager.start(ANNA, SHORT, data, name="the worker is alive")
    wait(manager, last, is_("finished"))


def test_a_run_goes_on_without_its_tab_and_is_seen_at_the_next_visit(
    page: Page, make_set: MakeSet
) -> None:
    manager, data = page.app.manager, make_set({"red": 8, "green": 8}).folder
    run = manager.start(ANNA, SHORT, data, name="left alone")
    tab = arrived(page, run)
    tick(tab)
    del tab  # nobody looks any more
    wait(manager, run, is_("finished"))
    watch, back = page.tabs["watch"], arrived(page, run)
    assert back.values[watch.picker] == run
    assert "left alone</b> has finished" in str(back.values[watch.status])


# ---- a home that can't be written to


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A folder that can't be made, whoever tries: a file is in its way."""
    (tmp_path / "file").write_bytes(b"")
    return tmp_path / "file" / "home"


def test_a_home_that_can_not_be_written_to_is_said_at_the_start(blocked: Path) -> None:
    command = [sys.executable, "app.py", "--port", str(free_port()), "--home", str(blocked)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1 and str(blocked) in done.stderr


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_disk_is_said_whether_the_folder_is_there_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "as the disk says it")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "mkdir", refuse)
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(UserError) as caught:
            require_writable(folder)
        assert caught.value.key == "home.not_writable"


def test_the_command_line_says_where_it_can_not_write(
    blocked: Path,
    capsys: pytest.CaptureFixture[str],
    make_folder: MakeFolder,
    cats_and_dogs: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = make_folder(cats_and_dogs)
    assert str(blocked) in refusal(capsys, "finetune", upload, "--out", blocked)
    assert str(blocked.parent) in refusal(capsys, "finetune", upload, "--out", blocked.parent)
    monkeypatch.setenv("SEEDLING_HOME", str(blocked))
    assert str(blocked) in refusal(capsys, "finetune", upload)
    assert blocked.parent.read_bytes() == b""
