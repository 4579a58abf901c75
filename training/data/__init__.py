"""Stored pictures, splits and batches."""

__all__ = ["batches", "imageset", "splits"]
