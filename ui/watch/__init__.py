"""Step 3: watch and compare runs."""

__all__ = ["compare", "gan", "tab", "view"]
