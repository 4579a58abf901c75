"""Step 6: slide through what a generator can paint."""

__all__ = [
    "explore",
    "links",
    "moves",
    "names",
    "own_picture",
    "picture",
    "session",
    "sliders",
    "tab",
    "tray",
    "view",
]
