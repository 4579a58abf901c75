"""The same work from the command line: ``python -m training COMMAND ...``.

With ``--json`` the last line on stdout is one JSON object. Bad input ends with exit code 2 and
``error: WHAT. FIX.`` on stderr, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.registry import list_models
from training import config as configs
from training.config import ClassifierConfig
from training.home import default_home, new_id
from training.limits import Limits
from training.record import RESUMABLE, About, RunFolder
from training.report import Report
from training.splits import check_trainable
from training.text import LANGUAGES, Message, UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the process's exit code."""
    for stream in (sys.stdout, sys.stderr):  # class names in any script, on any console
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    options = create_parser().parse_args(arguments)
    try:
        answer = options.command(options)
    except UserError as problem:
        print(f"error: {problem.text(options.language)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; `resume` goes on from the last checkpoint.", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
    return 0


def create_parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    inspect = _command(commands, "inspect", inspect_data, "what an upload holds")
    _add_data(inspect)

    finetune = _command(commands, "finetune", finetune_data, "train a classifier")
    _add_data(finetune)
    finetune.add_argument("--out", type=Path, help="the run's folder; default: one in the home")
    finetune.add_argument("--textbook", action="store_true", help="start from the textbook preset")
    _add_config(finetune)

    predict = _command(commands, "predict", predict_images, "class probabilities")
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    resume = _command(commands, "resume", resume_run, "go on where a run stopped")
    resume.add_argument("run", type=Path, metavar="RUN")
    resume.add_argument("--device", default="", help="cpu, cuda:0, mps; default: the best here")
    return parser


def _command(commands: Any, name: str, function: Any, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.set_defaults(command=function)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a zip, a folder or the name of a data set")
    parser.add_argument("--per-class", type=int, help="pictures a class, of a downloadable set")
    for field in dataclasses.fields(Limits):
        flag = "--max-" + field.name.replace("_", "-")
        parser.add_argument(flag, type=int, default=field.default)


def _add_config(parser: argparse.ArgumentParser) -> None:
    """One flag per field of ClassifierConfig; ``None`` means that the flag was not given."""
    choices = {
        "backbone": list_models(),
        "method": configs.METHODS,
        "optimizer": configs.OPTIMIZERS,
        "schedule": configs.SCHEDULES,
        "augment": configs.AUGMENTATIONS,
    }
    for field in dataclasses.fields(ClassifierConfig):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        elif field.name in choices:
            parser.add_argument(flag, metavar="|".join(choices[field.name]))
        else:
            parser.add_argument(flag, type=int if "int" in str(field.type) else float)
    parser.add_argument("--device", default="", help="cpu, cuda:0, mps; default: the best here")


def inspect_data(options: argparse.Namespace) -> dict[str, Any]:
    """``inspect``: the report on an upload; nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        _, report = _open_data(options, Path(folder) / "data")
        answer = report.to_json(options.language)
    if not options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    return answer


def finetune_data(options: argparse.Namespace) -> dict[str, Any]:
    """``finetune``: take the data in, train, judge."""
    base = configs.default_config(options.backbone, options.method)
    if options.textbook:
        base = configs.TEXTBOOK
    names = [field.name for field in dataclasses.fields(ClassifierConfig)]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    config = dataclasses.replace(base, **given)
    run_id = new_id()
    path = options.out or default_home().runs / run_id
    if path.exists() and any(path.iterdir()):
        raise UserError("run.exists", path=path)
    made, was_there = _first_missing(path), path.exists()
    about = About(
        id=run_id,
        owner="",
        kind="classifier",
        name=Path(options.data).stem,
        created=time.time(),
        data="data",
        edits={},
        config=config.to_json(),
    )
    try:
        images, _ = _open_data(options, path / "data")
        check_trainable(images)
        return _train(RunFolder.create(path, about), options)
    except UserError:
        if RunFolder(path).checkpoint() is None:  # nothing worth keeping was made
            shutil.rmtree(made, ignore_errors=True)
            if was_there:
                path.mkdir()
        raise


def resume_run(options: argparse.Namespace) -> dict[str, Any]:
    """``resume``: go on from the last checkpoint."""
    folder = _run_folder(options.run)
    about = folder.about()
    # A run of the command line that was killed still says "running".
    if about.status not in (*RESUMABLE, "running", "queued"):
        raise UserError("run.not_resumable", name=about.name, status=about.status)
    return _train(folder, options)


def _train(folder: RunFolder, options: argparse.Namespace) -> dict[str, Any]:
    """Iterate the loop, print what it says, and give the result's key figures."""
    from training.runner import follow  # torch is slow to import, and not every command trains

    for line in follow(folder, options.device):
        if text := _describe(line, options.language):
            print(text, file=sys.stderr)
    result = folder.result() or {}
    if not options.json:
        low, high = result["accuracy_range"]
        print(
            f"{result['right']} of {result['count']} right on pictures held out; "
            f"expect {low:.0%} to {high:.0%} on new ones. Always guessing the largest class: "
            f"{result['baseline']:.0%}.\n{folder.path}"
        )
    same = ("backbone", "method", "device", "classes", "train_images", "macro_recall", "seconds")
    return {
        "run": str(folder.path),
        **{key: result[key] for key in same},
        "val_accuracy": result["accuracy"],
        "val_accuracy_range": result["accuracy_range"],
        "val_images": result["count"],
        "evaluated_on": result["evaluated_on"],
        "images_per_second": result["images_per_second"],
        "images_seen": result["images_seen"],
        "baseline": result["baseline"],
        "parameters": result["parameters"],
    }


def predict_images(options: argparse.Namespace) -> list[dict[str, Any]]:
    """``predict``: class probabilities for each picture."""
    from training.decode import read_picture
    from training.predict import load_predictor

    predictor = load_predictor(_run_folder(options.run).path)
    answers = []
    for path in options.images:
        if not path.is_file():
            raise UserError("predict.missing", file=path)
        probabilities = predictor(read_picture(path))
        answers.append({"file": str(path), "probabilities": probabilities})
        if not options.json:
            best = ", ".join(f"{n} {p:.1%}" for n, p in list(probabilities.items())[:3])
            print(f"{path}: {best}")
    return answers


def _open_data(options: argparse.Namespace, folder: Path) -> tuple[Any, Report]:
    from training.datasets import open_data

    names = [field.name for field in dataclasses.fields(Limits)]
    try:
        limits = Limits(**{name: getattr(options, f"max_{name}") for name in names})
    except ValueError as problem:
        raise UserError("limits", problem=problem) from problem
    return open_data(options.data, folder, limits=limits, per_class=options.per_class)


def _run_folder(path: Path) -> RunFolder:
    if not (path / "run.json").is_file():
        raise UserError("run.missing", path=path)
    return RunFolder(path)


def _first_missing(path: Path) -> Path:
    """The topmost folder of ``path`` that does not exist yet."""
    path = path.absolute()
    while not path.parent.exists():
        path = path.parent
    return path


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


if __name__ == "__main__":
    sys.exit(main())
