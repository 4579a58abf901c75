"""Runs of many people.

Queue, workers, quotas, storage, and what belongs to whom.
"""

__all__ = [
    "collection",
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
