"""What step 2 knows without a page: what each choice costs, and what will happen."""

from __future__ import annotations

import shlex

from models.registry import BACKBONES
from training.config import ClassifierConfig
from training.imageset import ImageSet
from training.splits import Split
from training.text import t
from ui.session import DataSet, config_changes
from ui.text import box, duration, say


def backbone_choices(language: str) -> list[tuple[str, str]]:
    """Every backbone with what it costs to have."""
    choices = []
    for name, backbone in BACKBONES.items():
        card = backbone.card
        key = "train.weights_none" if card is None else "train.weights_download"
        if card is not None and card.is_here():
            key = "train.weights_here"
        size = f"{card.size_mb:.0f}" if card else ""
        choices.append((t(key, language, name=name, size=size), name))
    return choices


def plan_html(config: ClassifierConfig, images: ImageSet, split: Split, language: str) -> str:
    """What pressing the button will do, in words."""
    says = say(
        "train.plan",
        language,
        learn=f"{len(split.train):,}",
        check=f"{len(split.val):,}",
        judge=f"{len(split.test):,}",
        time=duration(config.minutes * 60, language),
    )
    card = BACKBONES[config.backbone].card
    if card is not None and config.method != "scratch" and not card.is_here():
        size = f"{card.size_mb:.0f}"
        says += " " + say("train.plan_download", language, name=config.backbone, size=size)
    return box("plain", says)


def command_line(config: ClassifierConfig, dataset: DataSet) -> str:
    """The same training from a terminal."""
    changed = config_changes(config.to_json(), ClassifierConfig().to_json())
    named = {"backbone": config.backbone, "method": config.method, "minutes": config.minutes}
    words = ["python", "-m", "training", "finetune", shlex.quote(dataset.source)]
    for name, value in {**named, **changed}.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{name.replace('_', '-')}")
        else:
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return " ".join(words)
