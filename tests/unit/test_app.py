"""The command that starts everything, as far as it goes without a page."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import app
from training.core.messages import t
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from training.jobs.quotas import Quotas
from ui.classroom.accounts import People, foot_html
from ui.flags import PASSWORD, read_flags
from ui.page import Page


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


def test_the_flags_have_the_defaults_of_one_person_on_one_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    settings = read_flags([])
    assert (settings.host, settings.port, settings.share) == ("127.0.0.1", 7860, False)
    assert settings.limits == Limits() and settings.people == People()
    assert settings.quotas == Quotas() and not settings.quotas.keep_hours


def test_a_classroom_has_its_own_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users.csv").write_text("name,password\nann,apple\n", encoding="utf-8")
    monkeypatch.setenv(PASSWORD, "from outside")
    bounds = {"waiting": 1, "minutes": 5}
    flags = [f"--max-{name}={value}" for name, value in bounds.items()]
    flags += ["--keep-hours=24", "--person-mb=300", "--all-mb=4000"]
    settings = read_flags([*flags, "--auth", str(tmp_path / "users.csv")])
    assert settings.quotas == Quotas(1, 5.0, 24.0, 300, 4000)
    assert settings.people == People("from outside", {"ann": "apple"})
    assert read_flags(["--admin-password", "given"]).people.password == "given"


@pytest.mark.parametrize(
    "flags", ["--keep-hours -1", "--max-waiting -2", "--auth nowhere.csv", "--max-minutes nan"]
)
def test_a_bound_that_makes_no_sense_is_said(
    flags: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main([*flags.split(), "--home", str(tmp_path / "home")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "home").exists()


def test_a_space_keeps_what_it_can_and_says_what_it_can_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEEDLING_HOME", raising=False)
    monkeypatch.setattr("training.core.home.LASTING", tmp_path / "data")
    assert not read_flags([]).people.forgets  # a machine of one's own
    monkeypatch.setenv("SPACE_ID", "somebody/seedling")
    assert read_flags([]).people.forgets
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "data")
    settings = read_flags([])
    assert settings.home.path == tmp_path / "data" / "seedling" and not settings.people.forgets
    elsewhere = read_flags(["--home", str(tmp_path / "elsewhere")])
    assert elsewhere.people.forgets
    manager = RunManager(elsewhere.home, ("cpu",))
    for people, said in ((elsewhere.people, True), (settings.people, False)):
        page = Page(elsewhere.home, manager, Limits(), people=people)
        foot = foot_html(manager.quotas.keep_hours, page.people, "en")
        assert (t("page.not_kept") in foot) == said
