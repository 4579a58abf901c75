"""Passwords of a closed classroom.

Who may come in, by name and password, and the one password that opens the teacher's view.
"""

from __future__ import annotations

import csv
import hmac
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training.core.messages import t
from ui.common.html import duration

MAX_TRIES, TRY_SECONDS = 10, 60.0  # wrong passwords for one name, and until they are forgotten
DELIMITERS = ",;\t"  # what spreadsheets of different countries write


@dataclass(frozen=True)
class People:
    """Who uses this server, and what they have to know.

    ``password`` opens the teacher's view, ``passwords`` are those of a closed classroom by name;
    a place that ``forgets`` loses everything when it restarts.
    """

    password: str = ""
    passwords: Mapping[str, str] = field(default_factory=dict)
    forgets: bool = False


class Authenticator:
    """Compares passwords, and lets nobody guess them by the thousand.

    After ``MAX_TRIES`` wrong ones a name stays shut, for its owner too, until they are
    ``TRY_SECONDS`` old. Gradio calls it as its ``auth``.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = dict(passwords)
        self._wrong: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def __call__(self, name: object, password: object) -> bool:
        """Whether they fit together; whatever the browser sent instead of text does not."""
        known = self._passwords.get(name) if isinstance(name, str) else None
        given = password if isinstance(password, str) else ""
        # Also for a name that is unknown, so that the time taken tells nobody which are known.
        right = hmac.compare_digest((known or "").encode(), given.encode(errors="replace"))
        if known is None:
            return False
        with self._lock:
            wrong, now = self._wrong[str(name)], time.monotonic()
            while wrong and now - wrong[0] > TRY_SECONDS:
                wrong.popleft()
            if len(wrong) >= MAX_TRIES:
                return False
            if not right:
                wrong.append(now)
        return right


def read_users(path: Path) -> dict[str, str]:
    """Name to password, from a UTF-8 CSV file of two columns.

    A first line "name,password" is passed over. Commas, semicolons and tabs all separate.

    Raises:
        ValueError: it can't be read, or a line is no pair; the message says which and why.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} can't be read as a UTF-8 text: {problem}.") from problem
    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    users: dict[str, str] = {}
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and [c.lower() for c in cells] == ["name", "password"]):
            continue
        if len(cells) != 2 or not all(cells):
            raise ValueError(f"{path}, line {number}: write a name, a comma and a password.")
        if cells[0] in users:
            raise ValueError(f"{path}, line {number}: {cells[0]!r} is there twice.")
        users[cells[0]] = cells[1]
    if not users:
        raise ValueError(f"{path} names nobody: write a name, a comma and a password on each line.")
    return users


def foot_html(keep_hours: float, people: People, language: str) -> str:
    """How long things are kept, and the way out for who has signed in; often empty."""
    says = []
    if keep_hours:
        kept = duration(keep_hours * 3600, language)
        says.append(f"<p>{t('page.kept_for', language, time=kept)}</p>")
    if people.forgets:
        says.append(f"<p>{t('page.not_kept', language)}</p>")
    if people.passwords:
        says.append(f'<p><a href="logout">{t("page.sign_out", language)}</a></p>')
    return "".join(says)
