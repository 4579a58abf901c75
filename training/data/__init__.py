"""Pictures at rest, who learns from which, and batches."""

__all__ = ["batches", "imageset", "splits"]
