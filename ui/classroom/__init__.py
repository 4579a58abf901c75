"""Many people at one page: accounts, the teacher's tab, polling."""

__all__ = ["accounts", "polling", "tab"]
