"""What every tab is built from.

The context of all handlers, languages, HTML, plots, and who may see which run.
"""

__all__ = [
    "access",
    "context",
    "films",
    "generator_html",
    "glossary",
    "html",
    "i18n",
    "images",
    "language",
    "parts",
    "plots",
    "theme",
    "tokens",
    "verdicts",
]
