"""The home folder.

Runs, pictures, downloads and the page's secrets are kept in it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

LASTING = Path("/data")  # where a Space mounts storage that outlives it, if it has any


@dataclass(frozen=True)
class Home:
    """The folder that outlives the server. Nothing is made before it is needed."""

    path: Path

    @property
    def runs(self) -> Path:
        """One folder per run, named by its id; ``training.runs.folder`` says what is in there."""
        return self.path / "runs"

    @property
    def datasets(self) -> Path:
        """One folder per data set that was taken in, named by its id, whoever owns it."""
        return self.path / "datasets"

    @property
    def collected(self) -> Path:
        """One folder per owner: pictures taken one by one that are no data set yet."""
        return self.path / "collected"

    @property
    def visits(self) -> Path:
        """One empty file per owner; its modification time is that of their last visit."""
        return self.path / "visits"

    @property
    def temp(self) -> Path:
        """Uploads on their way in; may be emptied whenever the app is not running."""
        return self.path / "temp"

    @property
    def downloads(self) -> Path:
        """Archives of the downloadable data sets, shared by everybody."""
        return self.path / "downloads"

    def secret(self, name: str = "secret") -> str:
        """A key that is made once and readable by the owner only.

        "secret" seals what browsers keep for us, and so is known to every browser; "link-secret"
        signs the links that people share, and never leaves the server.
        """
        path = self.path / name
        if not path.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{name}.{os.getpid()}")
            # The mode is there from the start: no moment in which others could read the key.
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
            fresh.replace(path)
        return path.read_text(encoding="ascii")


def default_home() -> Home:
    """``$SEEDLING_HOME``, else a Space's lasting storage, else ``~/.seedling``."""
    if given := os.environ.get("SEEDLING_HOME"):
        return Home(Path(given))
    return Home(
        LASTING / "seedling" if on_space() and LASTING.is_mount() else Path.home() / ".seedling"
    )


def on_space() -> bool:
    """Whether this is a hosted Space, whose disk is new with every restart."""
    return "SPACE_ID" in os.environ


def is_forgotten(home: Home) -> bool:
    """Whether ``home`` is lost when the server restarts: on a Space, outside of ``LASTING``."""
    lasting = LASTING.is_mount() and home.path.is_relative_to(LASTING)
    return on_space() and not lasting


def new_id() -> str:
    """An unguessable id for a run, a data set or an owner: 128 bits, safe in a file name."""
    return secrets.token_hex(16)
