"""Model cards, and MODELS.md.

The cards of the shipped models, and the page that is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.weights import read_card, shipped_folder, shipped_names
from training.gan.config import GanConfig


def read_cards() -> list[Mapping[str, Any]]:
    """What each ``card.json`` in ``assets/pretrained/`` says, in the order of the models' names."""
    return [read_card(shipped_folder(name)) for name in shipped_names()]


def models_table() -> str:
    """The Markdown of MODELS.md: a table with a row for each card, then a section for each."""
    cards = read_cards()
    lines = [
        "# Models that come with Seedling",
        "",
        "Made by `python -m training models` from the cards in `assets/pretrained/`.",
        "",
        "| model | what | parameters | file | learned from | measured |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(card) for card in cards]
    for card in cards:
        lines += ["", f"## {card['name']}", "", *_paragraphs(card)]
    return "\n".join(lines) + "\n"


def _row(card: Mapping[str, Any]) -> str:
    what = "generator" if card["kind"] == GanConfig.kind else card["kind"]
    cells = (
        f"`{card['name']}`",
        what,
        f"{card['parameters'] / 1e6:.2f} M",
        f"{card['bytes'] / 1e6:.1f} MB",
        f"{card['data']['name']} ({card['data']['images']:,} pictures)",
        measured(card),
    )
    return f"| {' | '.join(cells)} |"


def measured(card: Mapping[str, Any]) -> str:
    """A card's quality as a sentence without its full stop.

    Top-1 accuracy of a classifier with its range; distances, density and coverage of a generator.
    """
    quality = card["quality"]
    if card["kind"] == "judge":
        return "see docs/measured.md"
    if card["kind"] == "classifier":
        low, high = quality["accuracy_range"]
        return (
            f"top-1 {quality['accuracy']:.1%} of {quality['count']:,} pictures "
            f"({low:.1%} to {high:.1%})"
        )
    return (
        f"FD {quality['fd']:.0f}, KID {quality['kid']:.3f}, density {quality['density']:.2f}, "
        f"coverage {quality['coverage']:.2f} in {quality['space']} features, {quality['reference']}"
    )


def _paragraphs(card: Mapping[str, Any]) -> list[str]:
    if card["kind"] == "judge":  # not made here
        licence = f"Data: {card['data']['name']}; {card['data']['licence']}."
        return [f"{card['use']} {card['limits']}", "", licence, f"From: {card['origin']}."]
    minutes, d_backbone = card["seconds"] / 60, _d_backbone(card)
    bias = (
        f" Its discriminator looked through {d_backbone}: distances in that network's features "
        "come out better than the pictures are."
    )
    return [
        f"{card['use']} {card['limits']}{bias if d_backbone else ''}",
        "",
        f"Data: {card['data']['name']}; {card['data']['licence']}.",
        f"Made in {minutes:.0f} minutes on {card['device']}, with {card['images_seen']:,} pictures "
        f"seen and the code of {card['code']}, by",
        "",
        f"    {card['origin']}",
    ]


def _d_backbone(card: Mapping[str, Any]) -> str:
    """The backbone of a generator's discriminator; empty where it saw pixels alone."""
    if card["kind"] != GanConfig.kind:
        return ""
    return GanConfig.from_json(card["recipe"]).d_backbone or ""
