"""Training from the command line.

``python -m training COMMAND ...`` does the same work as the page.
"""

__all__ = ["commands", "flags", "generator_commands", "parser", "result_commands"]
