"""How good, how varied, whose copies, and how sure one can be."""

__all__ = ["classification", "evaluator", "fidelity"]
