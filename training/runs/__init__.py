"""What a training says and leaves behind: events, history, checkpoints, a folder."""

__all__ = ["checkpoint", "clock", "events", "folder", "history"]
