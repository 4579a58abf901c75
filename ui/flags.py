"""Command line flags of ``app.py``.

The defaults are for one person on one machine. Imports neither Gradio nor torch.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from training.core.home import Home, default_home, is_forgotten
from training.core.messages import LANGUAGES
from training.intake.limits import Limits
from training.jobs.quotas import Quotas
from ui.classroom.accounts import People, read_users

PASSWORD = "SEEDLING_ADMIN_PASSWORD"


@dataclass(frozen=True)
class Settings:
    """What the flags and the environment add up to.

    Attributes:
        devices: torch device names; empty for all that there are.
        share: make a public link through Gradio.
        language: of the first visit; empty for the browser's own. Later what was picked.
    """

    host: str
    port: int
    home: Home
    devices: tuple[str, ...]
    share: bool
    language: str
    limits: Limits
    quotas: Quotas
    people: People


def read_flags(arguments: list[str] | None = None) -> Settings:
    """Parse ``arguments``, the process's own by default, and read what the environment adds.

    Raises:
        ValueError: a flag makes no sense; the message says which and why.
        SystemExit: a flag is unknown or no number, or help was asked for.
    """
    flags = _parser().parse_args(arguments)
    limits = Limits(
        upload_mb=flags.max_upload_mb,
        unpacked_mb=flags.max_unpacked_mb,
        files=flags.max_files,
        megapixels=flags.max_megapixels,
        ratio=flags.max_ratio,
    )
    quotas = Quotas(
        waiting=flags.max_waiting,
        turn_minutes=flags.max_minutes,
        keep_hours=flags.keep_hours,
        person_mb=flags.person_mb,
        all_mb=flags.all_mb,
    )
    home = Home(flags.home.expanduser().resolve()) if flags.home else default_home()
    people = People(
        password=flags.admin_password or os.environ.get(PASSWORD, ""),
        passwords=read_users(flags.auth) if flags.auth else {},
        forgets=is_forgotten(home),
    )
    return Settings(
        host=flags.host,
        port=flags.port,
        home=home,
        devices=(flags.device,) if flags.device else (),
        share=flags.share,
        language=flags.language,
        limits=limits,
        quotas=quotas,
        people=people,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Seedling: grow an image model from a handful of pictures, in the browser.",
    )
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")  # hosted Spaces set it
    parser.add_argument("--host", default=host, help="0.0.0.0 lets others on the network in")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, help="where runs are kept (default: ~/.seedling)")
    parser.add_argument("--device", default="", help="cpu, cuda:0, mps (default: all there are)")
    parser.add_argument("--share", action="store_true", help="make a public link through Gradio")
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default="",
        help="at the first visit (default: the browser's own)",
    )
    limits, quotas = Limits(), Quotas()
    upload = parser.add_argument_group("one upload")
    upload.add_argument("--max-upload-mb", type=int, default=limits.upload_mb)
    upload.add_argument("--max-unpacked-mb", type=int, default=limits.unpacked_mb)
    upload.add_argument("--max-files", type=int, default=limits.files)
    upload.add_argument(
        "--max-megapixels",
        type=int,
        default=limits.megapixels,
        help="a picture; half of it for WebP",
    )
    upload.add_argument("--max-ratio", type=int, default=limits.ratio, help="unpacked to packed")
    many = parser.add_argument_group("many people on one machine (0: no bound)")
    many.add_argument(
        "--max-waiting", type=int, default=quotas.waiting, help="runs of a person in the queue"
    )
    many.add_argument(
        "--max-minutes",
        type=float,
        default=quotas.turn_minutes,
        help="after so long a run lets others go first, and goes on after them",
    )
    many.add_argument(
        "--keep-hours",
        type=float,
        default=quotas.keep_hours,
        help="delete what belongs to those who have not come back for so long",
    )
    many.add_argument("--person-mb", type=int, default=quotas.person_mb, help="disk for each")
    many.add_argument("--all-mb", type=int, default=quotas.all_mb, help="disk for everybody")
    many.add_argument("--auth", type=Path, help="a CSV file of names and passwords: nobody else")
    many.add_argument(
        "--admin-password", default="", help=f"opens the teacher's view; or the variable {PASSWORD}"
    )
    return parser
