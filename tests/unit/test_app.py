"""The command that starts everything, as far as it goes without a page."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import app
from training.limits import Limits


def test_a_taken_port_is_said_and_another_one_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert app.main(["--port", str(port), "--home", str(tmp_path / "home")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert f"--port {port + 1}" in said
    assert not (tmp_path / "home").exists()


def test_a_limit_that_makes_no_sense_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["--max-files", "0", "--home", str(tmp_path / "home")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_flags_have_the_defaults_of_one_person_on_one_machine() -> None:
    flags = app.parse_flags([])
    assert (flags.host, flags.port, flags.share) == ("127.0.0.1", 7860, False)
    assert app.read_limits(flags) == Limits()
