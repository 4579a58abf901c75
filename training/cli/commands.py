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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from models.weights import is_shipped, shipped_folder
from training.classifier import config as configs
from training.classifier.config import ClassifierConfig
from training.core.files import require_writable
from training.core.home import default_home, new_id
from training.core.messages import Message, UserError
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
        _, report = take_data(options, Path(folder) / "data")
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
    config = given_config(configs.TEXTBOOK if options.textbook else base, options)

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
    given = given_config(GAN_TEXTBOOK if options.textbook else GanConfig(), options)
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


def given_config(base: AnyConfig, options: argparse.Namespace) -> AnyConfig:
    """``base`` with what the person gave on the command line."""
    given = {
        name: setting.read(getattr(options, name))
        for name, setting in settings_of(base).items()
        if getattr(options, name) is not None
    }
    return dataclasses.replace(base, **given)


def _train_new(fit: Callable[[ImageSet], Config], options: argparse.Namespace) -> dict[str, Any]:
    """Make a run's folder, with its own copy of the pictures, and train as they ask for."""
    path = options.out or default_home().runs / new_id()
    with fresh_folder(path):
        images, _ = take_data(options, path / "data")
        return _train(create_run(path, fit(images), "data", Path(options.data).stem), options)


@contextmanager
def fresh_folder(path: Path) -> Iterator[None]:
    """An empty folder at ``path``, gone again where an error left nothing in it worth keeping.

    Raises:
        UserError: there is something already, or no permission.
    """
    if path.is_file() or (path.exists() and any(path.iterdir())):
        raise UserError("run.exists", path=path)
    made, was_there = _first_missing(path), path.exists()
    try:
        require_writable(path)
        yield
    except UserError:
        if not any(path.rglob("checkpoint")):
            shutil.rmtree(made, ignore_errors=True)
            if was_there:
                path.mkdir()
        raise


def create_run(path: Path, config: Config, data: str, name: str) -> RunFolder:
    """The folder of a run of nobody's that learns from the pictures in ``data``."""
    info = RunInfo(
        id=new_id(),
        owner="",
        kind=config.kind,
        name=name,
        created=time.time(),
        data=data,
        edits={},
        config=config.to_json(),
    )
    return RunFolder.create(path, info)


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
    result = follow_run(folder, options)
    sentence, figures = (
        _generator_summary(result) if result.get("kind") == "gan" else classifier_summary(result)
    )
    if not options.json:
        print(f"{sentence}\n{folder.path}")
    return {"run": str(folder.path), **figures}


def follow_run(folder: RunFolder, options: argparse.Namespace) -> Mapping[str, Any]:
    """Iterate the loop of the run in ``folder``, print what it says, and give its result."""
    from training.jobs.runner import follow  # torch is slow to import, and not every command trains

    say = partial(_print_line, language=options.language)
    follow(folder, options.device, say, processes=getattr(options, "devices", 1))
    return folder.result() or {}


def classifier_summary(result: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A result as a sentence, and its key figures by the names that scripts know."""
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


def take_data(options: argparse.Namespace, folder: Path) -> tuple[Any, Report]:
    """Take in what the command was given, into ``folder``; the pictures, and the report on them.

    Raises:
        UserError: as ``open_data``, or a limit is none.
    """
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
