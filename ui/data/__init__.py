"""Step 1: pictures come in, are looked at and edited."""

__all__ = ["tab", "uploads", "view", "ways"]
