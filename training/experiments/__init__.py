"""Several trainings compared."""

__all__ = ["duel"]
