"""Every setting has its sentences, and ``--help`` says them in the person's language."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from training.classifier.config import TEXTBOOK, ClassifierConfig, default_config
from training.cli.commands import given_config
from training.cli.flags import asked_language, flag_of
from training.cli.parser import create_parser, main
from training.core.lettering import columns
from training.core.messages import LANGUAGES, UserError, sentences, t
from training.core.settings import SWITCH, check_settings, setting, settings_of
from training.gan.config import GAN_TEXTBOOK, OLD_FIELDS, GanConfig
from training.intake.limits import Limits

CONFIGS = {"finetune": ClassifierConfig, "gan": GanConfig}
USUAL = {
    "finetune": {"minutes", "backbone", "method"},
    "gan": {"minutes", "architecture", "resolution", "loss", "start_from", "conditional"},
}
commands = pytest.mark.parametrize("command", CONFIGS)
languages = pytest.mark.parametrize("language", LANGUAGES)


def helped(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    return capsys.readouterr().out


def closed(text: str) -> str:
    """Without the spaces, and so without the places where lines were broken."""
    return "".join(text.split())


def part(said: str, title: str) -> str:
    """One group of a help text."""
    return said.partition(f"\n{title}:\n")[2].partition("\n\n")[0]


def parsed(command: str, *flags: str) -> Any:
    return create_parser().parse_args([command, "data", *flags])


# ---- settings


@commands
def test_every_field_is_a_setting_with_sentences_in_every_language(command: str) -> None:
    config = CONFIGS[command]
    settings = settings_of(config)
    assert list(settings) == [field.name for field in dataclasses.fields(config)]
    for language in LANGUAGES:
        for one in settings.values():
            assert {one.key, f"{one.key}_info"} <= sentences(language).keys()
    assert len({one.key for one in settings.values()}) == len(settings)
    assert {name for name, one in settings.items() if not one.more} == USUAL[command]


@commands
def test_defaults_are_allowed_and_none_is_shown_as_nothing_else(command: str) -> None:
    usual = CONFIGS[command]()
    for name, one in settings_of(usual).items():
        value = getattr(usual, name)
        if value is None:
            assert one.optional
        elif one.choices:
            assert value in one.choices
        elif one.bounds is not None:
            assert one.bounds[0] <= value <= one.bounds[1]
        assert one.read(one.shown(value)) == value
        if one.empty is not None:  # no value that is allowed is mistaken for None
            assert one.optional and one.empty not in one.choices
            assert one.bounds is None or not one.bounds[0] <= one.empty <= one.bounds[1]


def test_a_config_of_any_kind_is_checked_by_its_settings() -> None:
    @dataclasses.dataclass(frozen=True)
    class Walk:
        legs: int = setting(2, "a", bounds=(1, 8), whole=True)
        pace: str = setting("slow", "b", choices=("slow", "fast"))
        miles: float | None = setting(None, "c", bounds=(0.0, 9.0))

    check_settings(Walk())
    check_settings(Walk(8, "fast", 9.0))
    for wrong, field, key in (
        (Walk(legs=0), "legs", "config.number"),
        (Walk(legs=2.0), "legs", "config.number"),  # type: ignore[arg-type]
        (Walk(pace="idle"), "pace", "config.choice"),
        (Walk(miles=9.5), "miles", "config.number"),
    ):
        with pytest.raises(UserError) as caught:
            check_settings(wrong)
        assert (caught.value.key, caught.value.what.values["field"]) == (key, field)
        check_settings(wrong, leave_out=(field,))


# ---- help


@commands
@languages
def test_help_explains_every_setting_in_its_group(
    capsys: pytest.CaptureFixture[str], command: str, language: str
) -> None:
    said = helped(capsys, command, "--language", language, "--help")
    titles = {more: t("cli.more" if more else "cli.usual", language) for more in (False, True)}
    groups = {more: part(said, title) for more, title in titles.items()}
    base = default_config() if command == "finetune" else GanConfig()
    for name, one in settings_of(CONFIGS[command]).items():
        group = groups[one.more]
        assert re.search(rf"^  {flag_of(name, one)}[ ,]", group, re.MULTILINE), name
        label, info = (closed(t(key, language)) for key in (one.key, f"{one.key}_info"))
        assert f"{label}·{info}" in closed(group)
        for value in () if one.choices == SWITCH else one.choices:
            assert str(value) in group
        for bound in one.bounds or ():
            assert f"{bound:g}" in group or str(bound) in group
        if (usual := getattr(base, name)) is None:
            assert t("cli.automatic", language) in group
        elif one.bounds is not None:
            assert f"{usual:g}" in group or str(usual) in group


@commands
@languages
def test_help_explains_all_other_flags(
    capsys: pytest.CaptureFixture[str], command: str, language: str
) -> None:
    said = helped(capsys, command, f"--language={language}", "-h")
    run = closed(part(said, t("cli.run", language)))
    names = ["out", "textbook", "device", *(["devices"] if command == "gan" else [])]
    for flag, key in [("DATA", "data"), *((f"--{name}", name) for name in names)]:
        assert flag in run and closed(t(f"cli.{key}", language)) in run
    limits = closed(part(said, t("cli.limits", language)))
    assert "--per-class" in limits and closed(t("cli.per_class", language)) in limits
    for field in dataclasses.fields(Limits):
        sentence = t(f"cli.max_{field.name}", language, default=field.default)
        assert f"--max-{field.name}".replace("_", "-") in limits and closed(sentence) in limits
    for key in ("help", "json", "language"):
        assert closed(t(f"cli.{key}", language)) in closed(said)
    flags = parsed(command)
    for name in vars(flags).keys() - {"command", "data", "start_from"}:
        assert f"--{name}".replace("_", "-") in said


@commands
@languages
def test_help_fits_the_screen_and_breaks_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, language: str
) -> None:
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        said = helped(capsys, command, "--language", language, "--help")
        assert max(map(columns, said.splitlines())) <= width
        for one in settings_of(CONFIGS[command]).values():
            for value in () if one.choices == SWITCH else one.choices:
                assert str(value) in said


@pytest.mark.parametrize(
    ("arguments", "language"),
    [
        (["--help"], "en"),
        (["--help", "--language", "zh"], "zh"),
        (["--language", "zh", "--help"], "zh"),
        (["--language=zh", "--help"], "zh"),
        (["--help", "--language=en"], "en"),
        (["--lr", "0.1", "--help", "--language", "zh"], "zh"),
    ],
)
def test_the_language_may_stand_anywhere(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], language: str
) -> None:
    said = helped(capsys, "finetune", *arguments)
    assert asked_language(["finetune", *arguments]) == language
    for each in LANGUAGES:
        assert (t("train.lr_info", each)[:8] in said) == (each == language)


@pytest.mark.parametrize("arguments", [["--language"], ["--language", "tlh"]])
def test_what_is_no_language_is_refused_by_the_parser(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> None:
    assert asked_language(arguments) == "en"
    with pytest.raises(SystemExit) as caught:
        main(["gan", "data", *arguments])
    assert caught.value.code == 2 and "--language" in capsys.readouterr().err


@languages
@pytest.mark.parametrize(
    "command", ["inspect", "pretrain", "predict", "models", "sample", "resume"]
)
def test_other_commands_have_help_too(
    capsys: pytest.CaptureFixture[str], command: str, language: str
) -> None:
    said = helped(capsys, command, "--help", "--language", language)
    assert t("cli.json", language) in said


# ---- what the flags mean


def test_a_flag_not_given_changes_nothing() -> None:
    assert given_config(TEXTBOOK, parsed("finetune")) == TEXTBOOK
    assert given_config(GAN_TEXTBOOK, parsed("gan")) == GAN_TEXTBOOK


def test_what_the_page_shows_for_none_means_none() -> None:
    """The sentences say it, and they are the same here."""
    given = parsed("gan", "--width", "0", "--lr", "0", "--gamma", "-1", "--batch-size", "0")
    gan = GanConfig(width=8, lr=0.01, gamma=2.0, batch_size=4, seed=5)
    assert given_config(gan, given) == GanConfig(seed=5)
    given = parsed("finetune", "--images", "0", "--image-size", "0", "--l2-sp", "0")
    classifier = ClassifierConfig(images=9, image_size=64, l2_sp=0.5)
    assert given_config(classifier, given) == ClassifierConfig()
    assert given_config(GanConfig(), parsed("gan", "--gamma", "0")).gamma == 0


def test_old_names_of_flags_still_work_and_are_not_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for old, new in OLD_FIELDS.items():
        assert getattr(parsed("gan", f"--{old}", "resnet18"), new) == "resnet18"
        assert f"--{old}" not in helped(capsys, "gan", "--help")
    assert parsed("gan", "--d-backbone", "").d_backbone == ""


def test_asking_for_help_makes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDLING_HOME", str(tmp_path / "home"))
    helped(capsys, "gan", "--out", str(tmp_path / "run"), "--help")
    assert list(tmp_path.iterdir()) == []
