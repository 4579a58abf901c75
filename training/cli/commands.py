"""What each command does.

``training.cli.parser`` says how they are called. Each takes its parsed options and returns what
``--json`` prints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from models.weights import is_shipped, shipped_folder
from training.classifier import config as configs
from training.classifier.config import ClassifierConfig
from training.core.files import require_writable
from training.core.home import default_home, new_id
from training.core.messages import Message, UserError, t
from training.core.settings import settings_of
from training.data.imageset import ImageSet
from training.data.splits import check_trainable, split_for_generator
from training.gan.config import GAN_TEXTBOOK, GanConfig
from training.gan.transfer import SCRATCH, decide, default_start
from training.intake.limits import Limits
from training.intake.report import Report
from training.kinds import Config
from training.runs.folder import RunFolder, RunInfo
from training.runs.state import RESUMABLE, WAITING_OR_RUNNING

AnyConfig = TypeVar("AnyConfig", ClassifierConfig, GanConfig)


def inspect_data(options: argparse.Namespace) -> dict[str, Any]:
    """``inspect``: the report on an upload; nothing is kept.

    Raises:
        UserError: as ``open_data``.
    """
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        _, report = _open_data(options, Path(folder) / "data")
        answer = report.to_json(options.language)
    if not options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    return answer


def finetune_data(options: argparse.Namespace) -> dict[str, Any]:
    """``finetune``: take the data in, train a classifier and evaluate it.

    Raises:
        UserError: the data cannot be had or trained on, or the run fails.
    """
    base = configs.default_config(options.backbone, options.method)
    config = _given(configs.TEXTBOOK if options.textbook else base, options)

    def fit(images: ImageSet) -> ClassifierConfig:
        check_trainable(images)
        return config

    return _train_new(fit, options)


def gan_data(options: argparse.Namespace) -> dict[str, Any]:
    """``gan``: take the data in, train a generator and evaluate it.

    Raises:
        UserError: the data cannot be had or trained on, or the run fails.
    """
    wanted, options.start_from = options.start_from, None
    given = _given(GAN_TEXTBOOK if options.textbook else GanConfig(), options)
    start = ""
    if wanted not in (None, SCRATCH):
        folder = run_folder(Path(wanted)).path.resolve()
        start = folder.name if folder == shipped_folder(folder.name) else str(folder)

    def fit(images: ImageSet) -> GanConfig:
        split_for_generator(images, given.seed)
        usual = default_start(given, images) if wanted is None and not options.textbook else ""
        return decide(dataclasses.replace(given, start_from=start or usual))

    return _train_new(fit, options)


def pretrain_model(options: argparse.Namespace) -> dict[str, Any]:
    """``pretrain``: train one of the models that come with the project, or go on, and ship it.

    Raises:
        UserError: as ``gan_data``, or the model is too large to be shipped.
    """
    from training.core.device import create_fabric, list_devices
    from training.export.cards import measured
    from training.export.pretrained import RECIPES, ship

    given = {name: getattr(options, name) for name in ("minutes", "images")}
    given = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(RECIPES[options.name].config, **given)
    out = options.out or shipped_folder(options.name)
    options.out = options.run or default_home().path / "pretraining" / options.name
    folder = RunFolder(options.out)
    if not (folder.path / "run.json").is_file():
        _train_new(lambda images: config, options)
    elif folder.result() is None:
        _train(folder, options)
    shown = [str(value) for name in given for value in (f"--{name}", given[name])]
    origin = ["python -m training pretrain", options.name, "--data", Path(options.data).name]
    fabric = create_fabric(options.device or list_devices()[0])
    card = ship(folder, options.name, out, fabric, " ".join([*origin, *shown]))
    if not options.json:
        print(f"{options.name}: {measured(card)}. {card['bytes'] / 1e6:.1f} MB in {out}")
    return {"folder": str(out), "bytes": card["bytes"], **card["quality"]}


def list_models(options: argparse.Namespace) -> list[Mapping[str, Any]]:
    """``models``: print the text of MODELS.md; returns the cards that it is made of."""
    from training.export.cards import models_table, read_cards

    if not options.json:
        print(models_table(), end="")
    return read_cards()


def _given(base: AnyConfig, options: argparse.Namespace) -> AnyConfig:
    """``base`` with what the person gave on the command line."""
    given = {
        name: setting.read(getattr(options, name))
        for name, setting in settings_of(base).items()
        if getattr(options, name) is not None
    }
    return dataclasses.replace(base, **given)


def _train_new(fit: Callable[[ImageSet], Config], options: argparse.Namespace) -> dict[str, Any]:
    """Make a run's folder, with its own copy of the pictures, and train as they ask for."""
    run_id = new_id()
    path = options.out or default_home().runs / run_id
    if path.is_file() or (path.exists() and any(path.iterdir())):
        raise UserError("run.exists", path=path)
    made, was_there = _first_missing(path), path.exists()
    try:
        require_writable(path)
        images, _ = _open_data(options, path / "data")
        config = fit(images)
        info = RunInfo(
            id=run_id,
            owner="",
            kind=config.kind,
            name=Path(options.data).stem,
            created=time.time(),
            data="data",
            edits={},
            config=config.to_json(),
        )
        return _train(RunFolder.create(path, info), options)
    except UserError:
        if RunFolder(path).checkpoint() is None:  # nothing worth keeping was made
            shutil.rmtree(made, ignore_errors=True)
            if was_there:
                path.mkdir()
        raise


def resume_run(options: argparse.Namespace) -> dict[str, Any]:
    """``resume``: go on from the last checkpoint, or from the beginning where there is none.

    Raises:
        UserError: there is no such run, or it has finished.
    """
    folder = run_folder(options.run)
    info = folder.info()
    # A run of the command line that was killed still says "running".
    if info.status not in (*RESUMABLE, *WAITING_OR_RUNNING):
        raise UserError("run.not_resumable", name=info.name, status=info.status)
    return _train(folder, options)


def _train(folder: RunFolder, options: argparse.Namespace) -> dict[str, Any]:
    """Iterate the loop, print what it says, and give the result's key figures."""
    from training.jobs.runner import follow  # torch is slow to import, and not every command trains

    say = partial(_print_line, language=options.language)
    follow(folder, options.device, say, processes=getattr(options, "devices", 1))
    result = folder.result() or {}
    sentence, figures = (
        _generator_summary(result) if result.get("kind") == "gan" else _classifier_summary(result)
    )
    if not options.json:
        print(f"{sentence}\n{folder.path}")
    return {"run": str(folder.path), **figures}


def _classifier_summary(result: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    low, high = result["accuracy_range"]
    sentence = (
        f"{result['right']} of {result['count']} right on pictures held out; "
        f"expect {low:.0%} to {high:.0%} on new ones. Always guessing the largest class: "
        f"{result['baseline']:.0%}."
    )
    same = (
        *("backbone", "method", "device", "classes", "train_images", "macro_recall", "seconds"),
        *("evaluated_on", "images_per_second", "images_seen", "baseline", "parameters"),
    )
    return sentence, {
        **{key: result[key] for key in same},
        "val_accuracy": result["accuracy"],
        "val_accuracy_range": result["accuracy_range"],
        "val_images": result["count"],
    }


def _generator_summary(result: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    metrics = result["meters"]
    floor = f" (real pictures: {metrics['fd_floor']:.0f})" if metrics["fd_floor"] else ""
    sentence = (
        f"Distance to {metrics['reference']} pictures in {metrics['space']} features: "
        f"FD {result['fd']:.0f}{floor}, "
        f"KID {result['kid']:.3f}; density {result['density']:.2f}, "
        f"coverage {result['coverage']:.2f}."
    )
    if metrics["recognised"] is not None:
        of_real = metrics["recognised_real"]
        real = "" if of_real is None else f"; of real ones, {100 * of_real:.0f}"
        made = f"{100 * metrics['recognised']:.0f}"
        says = f"Another network recognises {made} of 100 pictures as what they should be{real}. "
        sentence = says + sentence
    if result["kept_collapsed"]:
        sentence += " The generator has collapsed: its pictures are alike, or some come again."
    elif result["collapsed"]:
        sentence += " The training collapsed; the generator from before is kept."
    left_out = ("kind", "meters", "other")
    figures = {key: value for key, value in result.items() if key not in left_out}
    more = (
        *("space", "reference", "variety", "variety_within", "copied_share", "copied_range"),
        *("precision", "recall", "repeated", "recognised", "recognised_real"),
    )
    return sentence, {**figures, **{key: metrics[key] for key in more}}


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


def _open_data(options: argparse.Namespace, folder: Path) -> tuple[Any, Report]:
    from training.intake.datasets import open_data

    names = [field.name for field in dataclasses.fields(Limits)]
    try:
        limits = Limits(**{name: getattr(options, f"max_{name}") for name in names})
    except ValueError as problem:
        raise UserError("limits", problem=problem) from problem
    return open_data(options.data, folder, limits=limits, per_class=options.per_class)


def run_folder(path: Path) -> RunFolder:
    """The run at ``path``, or the shipped model of that name.

    Raises:
        UserError: there is none.
    """
    if is_shipped(path):
        return RunFolder(path)
    shipped = shipped_folder(path.name)
    if not path.exists() and is_shipped(shipped):
        return RunFolder(shipped)
    if not (path / "run.json").is_file():
        raise UserError("run.missing", path=path)
    return RunFolder(path)


def _first_missing(path: Path) -> Path:
    """The topmost folder of ``path`` that does not exist yet."""
    path = path.absolute()
    while not path.parent.exists():
        path = path.parent
    return path


def _print_line(line: Mapping[str, Any], language: str) -> None:
    if text := _describe(line, language):
        print(text, file=sys.stderr)


def _describe(line: Mapping[str, Any], language: str) -> str:
    if line["event"] == "notice":
        return Message.from_json(line["message"]).text(language)
    if line["event"] != "step":
        return ""
    values = "  ".join(f"{name} {value:.4g}" for name, value in line["metrics"].items())
    return (
        f"{line['seconds']:7.1f} s  {line['progress']:4.0%}  {line['phase']:<8}  "
        f"{line['images_per_second']:6.0f} images/s  {values}"
    )
