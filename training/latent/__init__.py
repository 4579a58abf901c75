"""A trained generator at work: recipes, sampling, steering, walks, projection."""

__all__ = ["nearest", "projection", "recipe", "sampler", "steering", "walk"]
