"""Metrics of classifiers and generators."""

__all__ = ["classification", "evaluator", "fidelity", "recognition"]
