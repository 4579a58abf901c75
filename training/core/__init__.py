"""What all other packages use.

Sentences and errors, settings and their checks, the home folder, devices, threads, files, media.
"""

__all__ = [
    "checks",
    "device",
    "files",
    "home",
    "lettering",
    "media",
    "messages",
    "paths",
    "settings",
    "threads",
]
