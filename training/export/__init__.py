"""A model on its way out: shipped weights and their cards."""

__all__ = ["cards", "pretrained"]
