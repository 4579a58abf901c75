"""What step 2 knows without a page: what will happen, and the same from a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.registry import BACKBONES
from training.classifier.config import ClassifierConfig
from training.core.messages import t
from training.data.splits import Split
from training.jobs.datasets import DataSet
from ui.common.html import data_title, duration, say


class StartPreview(NamedTuple):
    """What pressing the button will do, as HTML.

    Attributes:
        says: one plain sentence, for everybody.
        advice: what to know before, if anything.
        details: for those who look under *More settings*.
    """

    says: str
    advice: Sequence[str] = ()
    details: Sequence[str] = ()


def classifier_plan(config: ClassifierConfig, split: Split, language: str) -> StartPreview:
    """Who learns from how many pictures, for how long, and from what start."""
    card = BACKBONES[config.backbone].card
    knows = card is not None and config.method != "scratch"
    says = say(
        "train.plan",
        language,
        learn=f"{len(split.train):,}",
        held=f"{len(split.val) + len(split.test):,}",
        time=duration(config.minutes * 60, language),
        start=t("train.plan_knows" if knows else "train.plan_scratch", language),
    )
    if card is not None and knows and not card.is_here():
        says += " " + say("train.plan_download", language, size=f"{card.size_mb:.0f}")
    details = say(
        "train.plan_details",
        language,
        backbone=config.backbone,
        check=f"{len(split.val):,}",
        judge=f"{len(split.test):,}",
    )
    return StartPreview(says, details=[details])


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
