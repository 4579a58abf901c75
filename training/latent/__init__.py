"""Sampling from a trained generator.

Recipes of samples, steering along directions, walks, projection, and the nearest training pictures.
"""

__all__ = ["choice", "nearest", "projection", "recipe", "sampler", "steering", "walk"]
