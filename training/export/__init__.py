"""Shipped models and their cards."""

__all__ = ["cards", "pretrained", "share_card"]
