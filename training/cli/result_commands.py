"""Commands that use a finished classifier, or hold two of them against each other."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.classifier import config as configs
from training.classifier.config import ClassifierConfig
from training.cli.commands import (
    classifier_summary,
    create_run,
    follow_run,
    fresh_folder,
    given_config,
    run_folder,
    take_data,
)
from training.core.files import require_writable
from training.core.home import default_home, new_id
from training.core.messages import UserError, t
from training.data.splits import check_trainable
from training.experiments.duel import SCRATCH, compare, rival_config


def duel_data(options: argparse.Namespace) -> dict[str, Any]:
    """``duel``: train with and without a head start on the same pictures, and compare the two.

    Raises:
        UserError: as ``finetune_data``.
    """
    base = configs.default_config(options.backbone, options.method)
    first = given_config(configs.TEXTBOOK if options.textbook else base, options)
    path = options.out or default_home().runs / new_id()
    with fresh_folder(path):
        images, _ = take_data(options, path / "data")
        check_trainable(images)
        result = _train_beside(path, first, options)
        second = rival_config(first, None if first.images is None else result["seconds"])
        results = [result, _train_beside(path, second, options)]
    head_start, scratch = results[::-1] if first.method == SCRATCH else results
    duel = compare(head_start, scratch)
    sentences = duel.sentences(second.minutes, options.language)
    if not options.json:
        print("\n".join([*sentences, str(path)]))
    return {
        "runs": str(path),
        "sentences": sentences,
        "difference": duel.difference,
        "judged": duel.count,
        "head_start": classifier_summary(head_start)[1],
        "from_scratch": classifier_summary(scratch)[1],
    }


def _train_beside(
    path: Path, config: ClassifierConfig, options: argparse.Namespace
) -> Mapping[str, Any]:
    """The result of one of the two, in a folder of its own beside the pictures."""
    name = "from-scratch" if config.method == SCRATCH else "head-start"
    return follow_run(create_run(path / name, config, "../data", name), options)


def predict_images(options: argparse.Namespace) -> list[dict[str, Any]]:
    """``predict``: for each picture its file and the probability, 0 to 1, of every class by name.

    ``is_strange`` says whether it is unlike all that the model has learned from.

    Raises:
        UserError: there is no such run or picture, or it cannot be read.
    """
    from training.classifier.predict import load_predictor
    from training.intake.decode import read_picture

    predictor = load_predictor(run_folder(options.run).path)
    answers = []
    for path in options.images:
        if not path.is_file():
            raise UserError("predict.missing", file=path)
        found = predictor(read_picture(path))
        answers.append({"file": str(path), **dataclasses.asdict(found)})
        if not options.json:
            best = ", ".join(f"{n} {p:.1%}" for n, p in list(found.probabilities.items())[:3])
            strange = t("cli.strange", options.language) + " " if found.is_strange else ""
            print(f"{path}: {strange}{best}")
    return answers


def card_run(options: argparse.Namespace) -> dict[str, Any]:
    """``card``: what a run's model can do, as a picture to show around.

    Raises:
        UserError: there is no such run, it has no result yet, or the file can't be written.
    """
    from training.export.share_card import draw_card

    folder = run_folder(options.run)
    path = options.out or folder.path / "seedling-card.png"
    if path.suffix.lower() != ".png":
        raise UserError("card.kind", file=path)
    card = draw_card(folder, options.language)
    require_writable(path.parent)
    card.save(path)
    if not options.json:
        print(path)
    return {"file": str(path)}
