"""Runs of many people: queue, workers, quotas, storage, and what is whose."""

__all__ = [
    "datasets",
    "gate",
    "live",
    "manager",
    "queue",
    "quotas",
    "runner",
    "storage",
    "worker",
    "zerogpu",
]
