"""The same work from a terminal: ``python -m training COMMAND ...``."""

__all__ = ["commands", "generator_commands", "parser"]
