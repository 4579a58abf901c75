"""Names and passwords: read from a file, compared, and not to be guessed by the thousand."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from training.core.home import Home, new_id
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from ui.classroom.accounts import MAX_TRIES, TRY_SECONDS, Authenticator, People, read_users
from ui.launch import launch_options
from ui.page import Page


@pytest.mark.parametrize(
    "text",
    [
        "ann,apple\nbob,pear\n",
        "name,password\nann,apple\nbob,pear",
        "\ufeffName;Password\r\nann;apple\r\n\r\nbob;pear\r\n",
        'ann\tapple\n"bob"\tpear\n',
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "users.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_users(path) == {"ann": "apple", "bob": "pear"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"ann,apple\nbob\n", "line 2"),
        (b"ann,apple\nbob,\n", "line 2"),
        (b"ann,apple\nbob,pear,plum\n", "line 2"),
        (b"ann,apple\nann,pear\n", "twice"),
        (b"\n\n", "nobody"),
        (b"name,password\n", "nobody"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_lets_nobody_or_anybody_in_is_refused(
    tmp_path: Path, text: bytes, said: str
) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=said):
        read_users(path)


def test_only_the_right_password_opens() -> None:
    opens = Authenticator({"ann": "äpple", "bob": "pear"})
    assert opens("ann", "äpple") and opens("bob", "pear")
    wrong = [("ann", "pear"), ("ann", ""), ("eve", ""), ("", ""), (None, "pear"), ("bob", None)]
    for name, password in [*wrong, ("bob", ["pear"]), ("ann", "\ud800")]:
        assert not opens(name, password)


def test_who_guesses_has_to_wait_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    opens, now = Authenticator({"ann": "apple", "bob": "pear"}), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(MAX_TRIES):
        assert not opens("ann", f"guess {number}")
    assert not opens("ann", "apple") and opens("bob", "pear")
    now = TRY_SECONDS + 1
    assert opens("ann", "apple")
    for number in range(1000):  # names that nobody has cost no memory
        opens(f"eve {number}", "x")
    assert len(opens._wrong) <= 2


def test_a_closed_classroom_is_closed_and_knows_people_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "home" / "temp"))
    home, people = Home(tmp_path / "home"), People(passwords={"ann": "apple", "bob": "pear"})
    page = Page(home, RunManager(home, ("cpu",)), Limits(), people=people)
    options = launch_options(page.app, page.people)
    _, url, _ = page.blocks.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **options
    )
    try:
        load = next(f for f in page.blocks.fns.values() if f.targets[0][1] == "load")
        owner = page.app.owner._id
        data = [new_id() if each._id == owner else each.value for each in load.inputs]  # type: ignore[attr-defined]
        body = {"data": data, "fn_index": load._id, "session_hash": "x"}
        with httpx.Client(base_url=url, timeout=60) as client:
            for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x"):
                assert client.get(path).status_code == 401, path
            assert client.post("gradio_api/run/predict", json=body).status_code == 401
            assert client.post("gradio_api/upload", files={"files": b"x"}).status_code == 401
            wrong = {"username": "ann", "password": "pear"}
            assert client.post("login", data=wrong).status_code == 400
        seen = []
        for name, password in people.passwords.items():
            with httpx.Client(base_url=url, timeout=60) as client:
                right = {"username": name, "password": password}
                assert client.post("login", data=right).status_code == 200
                said = client.post("gradio_api/run/predict", json=body).json()["data"]
                place = [each._id for each in load.outputs].index(owner)
                seen.append(said[place])
        assert seen == [page.app.datasets.account(name) for name in people.passwords]
    finally:
        page.blocks.close()
