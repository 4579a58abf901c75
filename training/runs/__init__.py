"""What a run leaves behind.

Events, the history that they add up to, checkpoints, and the folder of it all.
"""

__all__ = ["checkpoint", "clock", "events", "folder", "history", "state"]
