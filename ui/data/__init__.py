"""Step 1: pictures come in.

They are shown as they were understood, and their classes can be edited.
"""

__all__ = ["cards", "tab", "uploads", "view", "ways"]
