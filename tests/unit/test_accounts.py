"""Names and passwords: read from a file, compared, and not to be guessed by the thousand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ui.accounts import MOST_TRIES, TRY_SECONDS, Doorkeeper, read_users


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
    opens = Doorkeeper({"ann": "äpple", "bob": "pear"})
    assert opens("ann", "äpple") and opens("bob", "pear")
    wrong = [("ann", "pear"), ("ann", ""), ("eve", ""), ("", ""), (None, "pear"), ("bob", None)]
    for name, password in [*wrong, ("bob", ["pear"]), ("ann", "\ud800")]:
        assert not opens(name, password)


def test_who_guesses_has_to_wait_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    opens, now = Doorkeeper({"ann": "apple", "bob": "pear"}), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(MOST_TRIES):
        assert not opens("ann", f"guess {number}")
    assert not opens("ann", "apple") and opens("bob", "pear")
    now = TRY_SECONDS + 1
    assert opens("ann", "apple")
    for number in range(1000):  # names that nobody has cost no memory
        opens(f"eve {number}", "x")
    assert len(opens._wrong) <= 2
