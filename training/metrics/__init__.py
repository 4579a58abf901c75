"""Metrics of classifiers and generators."""

__all__ = ["classification", "copying", "evaluation", "evaluator", "fidelity", "recognition"]
