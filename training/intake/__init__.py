"""From uploads to picture sets.

Anybody's upload is checked and stored, or refused with nothing left behind.
"""

__all__ = [
    "archive",
    "datasets",
    "decode",
    "duplicates",
    "files",
    "layout",
    "limits",
    "names",
    "report",
    "take_in",
]
