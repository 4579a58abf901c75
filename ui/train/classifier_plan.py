"""What step 2 knows without a page: what will happen, and the same from a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from models.registry import BACKBONES
from training.classifier.config import ClassifierConfig
from training.data.imageset import ImageSet
from training.data.splits import Split
from training.jobs.datasets import DataSet
from ui.common.html import box, data_title, duration, say


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
    return command("finetune", dataset.source, {**named, **changed})


def command(verb: str, source: str, flags: Mapping[str, Any]) -> str:
    """``python -m training VERB SOURCE`` with a flag for every setting."""
    words = ["python", "-m", "training", verb, shlex.quote(source)]
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{name.replace('_', '-')}")
        else:
            text = f"{value:g}" if isinstance(value, float) else shlex.quote(str(value))
            words += [flag, text]
    return " ".join(words)


def run_name(dataset: DataSet, how: str, language: str) -> str:
    """What to call a run that its owner did not name."""
    return f"{data_title(dataset.original().name, language)} · {how}"


def config_changes(config: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in which ``config`` differs from what is usual."""
    return {name: value for name, value in config.items() if value != usual[name]}
