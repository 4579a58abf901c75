"""What every tab is built from: context, languages, HTML, plots, whose is what."""

__all__ = [
    "access",
    "context",
    "films",
    "generator_html",
    "html",
    "i18n",
    "images",
    "plots",
    "theme",
]
