"""Many people at one page.

Accounts, the teacher's tab, and how often open tabs poll and redraw.
"""

__all__ = ["accounts", "polling", "tab"]
