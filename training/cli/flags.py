"""Flags of the training commands.

They are explained in the person's language, with the sentences of the page.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.core.lettering import columns
from training.core.messages import LANGUAGES, t
from training.core.settings import SWITCH, Setting, settings_of
from training.gan.transfer import SCRATCH
from training.intake.limits import Limits

# What stands together on a line: a word or one Chinese letter, with the marks that touch it.
PIECE = re.compile(r"\s+|[（“]*(?:[!-~]+|\S)[，。；：、？！）”]*")


class Help(argparse.HelpFormatter):
    """Help that fits the screen in any language, and breaks no flag or name in two."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = [""]
        for piece in PIECE.findall(text):
            if columns(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        return [line.rstrip() for line in lines]


def asked_language(arguments: Sequence[str] | None) -> str:
    """What ``--language`` says: it is needed before the parser is made, which explains itself.

    English where it says nothing; the parser refuses what is no language.
    """
    only = argparse.ArgumentParser(add_help=False)
    only.add_argument("--language", nargs="?")
    language = only.parse_known_args(arguments)[0].language
    return language if language in LANGUAGES else "en"


def explain(key: str, language: str, **values: Any) -> str:
    """A sentence as argparse takes it: it formats help with ``%``, so that has to be doubled."""
    return t(key, language, **values).replace("%", "%%")


def add_answers(parser: argparse.ArgumentParser, language: str) -> None:
    """Add ``--help``, ``--json`` and ``--language``, which every command has."""
    group = parser.add_argument_group(t("cli.answers", language))
    group.add_argument("-h", "--help", action="help", help=explain("cli.help", language))
    group.add_argument("--json", action="store_true", help=explain("cli.json", language))
    says = explain("cli.language", language)
    group.add_argument("--language", choices=LANGUAGES, default="en", help=says)


def add_training(
    parser: argparse.ArgumentParser, usual: Any, language: str, old_names: Mapping[str, str]
) -> Any:
    """All flags of a command that trains; returns the group of those that are no settings.

    ``usual`` is the config that is trained with where no flag is given, and ``old_names`` maps the
    names of fields in earlier versions, which are still understood, to those of today.
    """
    parser.usage = "%(prog)s DATA [FLAG ...]"  # argparse would take a screen to list them all
    run = parser.add_argument_group(t("cli.run", language))
    run.add_argument("data", metavar="DATA", help=explain("cli.data", language))
    run.add_argument("--out", type=Path, help=explain("cli.out", language))
    run.add_argument("--textbook", action="store_true", help=explain("cli.textbook", language))
    add_device(run, language)
    add_settings(parser, usual, language, old_names)
    add_limits(parser, language)
    return run


def add_device(parser: Any, language: str) -> None:
    """Add ``--device``: a torch device name, or empty for the best one of this machine."""
    parser.add_argument("--device", default="", help=explain("cli.device", language))


def add_devices(parser: Any, language: str) -> None:
    """Add ``--devices``: how many processes train one model together, with a card for each.

    On a machine without graphics cards they share the CPU.
    """
    parser.add_argument("--devices", type=int, default=1, help=explain("cli.devices", language))


def add_limits(
    parser: argparse.ArgumentParser, language: str, most_files: int = Limits.files
) -> None:
    """Add ``--per-class``, and a flag ``--max-...`` for each field of ``Limits``.

    ``most_files`` is the default of ``--max-files``.
    """
    group = parser.add_argument_group(t("cli.limits", language))
    group.add_argument("--per-class", type=int, help=explain("cli.per_class", language))
    for field in dataclasses.fields(Limits):
        usual = most_files if field.name == "files" else field.default
        says = explain(f"cli.max_{field.name}", language, default=usual)
        flag = "--max-" + field.name.replace("_", "-")
        group.add_argument(flag, type=int, default=usual, help=says)


def add_settings(
    parser: argparse.ArgumentParser, usual: Any, language: str, old_names: Mapping[str, str]
) -> None:
    """One flag per field of ``usual``, and one without help for each of its old names.

    A flag that is not given is ``None``, so that the config's own default holds.
    """
    groups = {
        more: parser.add_argument_group(t("cli.more" if more else "cli.usual", language))
        for more in (False, True)
    }
    for name, setting in settings_of(usual).items():
        flag = flag_of(name, setting)
        says = _explained(setting, flag, getattr(usual, name), language)
        how: dict[str, Any] = {"dest": name, **_taken(setting)}
        groups[setting.more].add_argument(flag, **how, help=says.replace("%", "%%"))
        for old in (old for old, new in old_names.items() if new == name):
            parser.add_argument(f"--{old}", **how, help=argparse.SUPPRESS)


def flag_of(name: str, setting: Setting) -> str:
    """The flag of the field ``name``: the setting's own, or ``--`` and the name with hyphens."""
    return "--" + (setting.flag or name).replace("_", "-")


def _taken(setting: Setting) -> dict[str, Any]:
    """How argparse reads a setting. What is allowed is checked by the config, in our words."""
    if setting.choices == SWITCH:
        return {"action": argparse.BooleanOptionalAction}
    if setting.choices:
        return {"type": type(setting.choices[-1])}
    if setting.bounds is not None:
        return {"type": int if setting.whole else float}
    return {"metavar": f"RUN|{SCRATCH}"}


def _explained(setting: Setting, flag: str, default: Any, language: str) -> str:
    """A setting in the words of the page, what is allowed, and what it is without the flag."""
    if setting.choices == SWITCH:
        no_flag = flag if default else flag.replace("--", "--no-")
        allowed = t("cli.switch", language, default=no_flag)
    elif setting.choices:
        choices = ", ".join(str(each) or t("cli.nothing", language) for each in setting.choices)
        allowed = t("cli.choices", language, choices=choices, default=_written(default, language))
    elif setting.bounds is not None:
        low, high = (_written(bound, language) for bound in setting.bounds)
        usual = _written(default, language)
        allowed = t("cli.bounds", language, low=low, high=high, default=usual)
    else:  # the only text is where to start from
        allowed = t("cli.start", language)
    label, info = t(setting.key, language), t(f"{setting.key}_info", language)
    return t("cli.setting", language, label=label, info=info, allowed=allowed)


def _written(value: Any, language: str) -> str:
    if value is None:
        return t("cli.automatic", language)
    return f"{value:g}" if isinstance(value, float) else str(value)
