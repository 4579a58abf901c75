"""Anybody's upload, made a checked picture set, or refused with nothing left behind."""

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
