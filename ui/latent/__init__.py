"""The door, and step 6: slide through pictures.

All that a generator can paint lies somewhere in its latent space.
"""

__all__ = [
    "explore",
    "links",
    "moves",
    "names",
    "own_picture",
    "picture",
    "session",
    "sliders",
    "start",
    "tab",
    "tray",
    "view",
]
