"""Prints the lowest supported requirements.

That is requirements.txt with every range narrowed to its lowest version. To test the lower bounds,
in a fresh virtual environment::

    python tests/lowest.py > lowest.txt
    pip install -r lowest.txt -r requirements-dev.txt
    python tests/run.py
"""

from __future__ import annotations

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
LOWER_BOUND = re.compile(r"^(?P<name>[\w.-]+)>=(?P<version>[\w.]+)", re.MULTILINE)


def lowest(requirements: str) -> list[str]:
    """One ``name==version`` for every ``name>=version,<limit`` of a requirements file."""
    return [f"{m['name']}=={m['version']}" for m in LOWER_BOUND.finditer(requirements)]


if __name__ == "__main__":
    print("\n".join(lowest(REQUIREMENTS.read_text(encoding="utf-8"))))
