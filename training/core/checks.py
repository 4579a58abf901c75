"""Checks of single settings.

Each refuses with an error that names the setting, its value and what is allowed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from training.core.messages import UserError

MINUTES_DEFAULT = 3.0


def check_choice(field: str, value: object, allowed: Sequence[object]) -> None:
    """Accept one of ``allowed``.

    Raises:
        UserError: anything else.
    """
    # With their types: in Python True == 1 and 32 == 32.0.
    if not any(value == each and type(value) is type(each) for each in allowed):
        choices = ", ".join(map(str, allowed))
        raise UserError("config.choice", field=field, value=value, allowed=choices)


def check_number(field: str, value: object, low: float, high: float, *, whole: bool) -> None:
    """Accept a number from ``low`` to ``high``, without a fraction if ``whole``.

    Raises:
        UserError: anything else.
    """
    # JSON's true and false are no numbers here, though Python's bool is an int.
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]  # NaN is never within
        raise UserError("config.number", field=field, value=value, low=low, high=high)


def check_fields(config: type, data: Mapping[str, Any]) -> None:
    """Accept data whose every entry is a field of ``config``.

    Raises:
        UserError: anything else.
    """
    known = [field.name for field in dataclasses.fields(config)]
    for name in data:
        if name not in known:
            raise UserError("config.unknown", field=name, allowed=", ".join(known))
