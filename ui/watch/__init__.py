"""Step 3: a run while it learns, and all runs beside each other."""

__all__ = ["compare", "gan", "tab", "view"]
