"""Metadata of a config's fields.

Beside the default, each field says what is allowed and how people are asked for it. The checks,
the page's forms and the command line are made from that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.core.checks import check_choice, check_number

SWITCH = (True, False)  # the choices of what is on or off


@dataclass(frozen=True)
class Setting:
    """One thing that a person can decide: a number, one of some choices, or else a text.

    Attributes:
        key: of the sentence that names it; ``<key>_info`` is the one that explains it.
        bounds: the lowest and the highest number.
        whole: a number without a fraction.
        choices: all values there are, ``SWITCH`` for on and off.
        optional: may be ``None``, which leaves it to the program.
        step: from one number to the next on the page.
        empty: what is shown and given for ``None``: a number field can't be empty.
        more: stands under "More" on the page, and in the second group of ``--help``.
        flag: of the command line, where it is not called as the field is.
    """

    key: str
    bounds: tuple[float, float] | None = None
    whole: bool = False
    choices: Sequence[Any] = ()
    optional: bool = False
    step: float = 1
    empty: Any = None
    more: bool = True
    flag: str = ""

    def shown(self, value: Any) -> Any:
        """A config's value as the page's form shows it: ``empty`` in place of ``None``."""
        return self.empty if value is None else value

    def read(self, value: Any) -> Any:
        """What a form or a flag gave as the config has it: ``None`` in place of ``empty``."""
        return None if value == self.empty else value


def setting(default: Any, key: str, **rules: Any) -> Any:
    """A field of a config; ``rules`` are a ``Setting``'s. It is optional if its default is."""
    rule = Setting(key, optional=default is None, **rules)
    return dataclasses.field(default=default, metadata={"setting": rule})


def settings_of(config: Any) -> dict[str, Setting]:
    """Field name to ``Setting``, in the order of the fields, of a config or its class.

    Raises:
        KeyError: a field was not made by ``setting``.
    """
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(config)}


def check_settings(config: Any, leave_out: Sequence[str] = ()) -> None:
    """Check every field but those in ``leave_out``, which the config checks itself.

    Raises:
        UserError: naming the field, its value and what is allowed.
    """
    for name, rule in settings_of(config).items():
        value = getattr(config, name)
        if name in leave_out or (value is None and rule.optional):
            continue
        if rule.choices:
            check_choice(name, value, rule.choices)
        elif rule.bounds is not None:
            check_number(name, value, *rule.bounds, whole=rule.whole)
