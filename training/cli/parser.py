"""The same work from the command line: ``python -m training COMMAND ...``.

With ``--json`` the last line on stdout is one JSON object. Bad input ends with exit code 2 and
``error: WHAT. FIX.`` on stderr, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.gans.registry import list_architectures
from models.registry import list_models
from training.classifier import config as configs
from training.classifier.config import ClassifierConfig
from training.cli import commands
from training.cli import generator_commands as gan_commands
from training.core.messages import LANGUAGES, UserError
from training.export.pretrained import FILES as PRETRAIN_FILES
from training.export.pretrained import RECIPES
from training.gan import config as gan_config
from training.gan.config import GanConfig
from training.gan.losses import OBJECTIVES
from training.gan.transfer import SCRATCH
from training.intake.limits import Limits

CLASSIFIER_CHOICES = {
    "backbone": list_models(),
    "method": configs.METHODS,
    "optimizer": configs.OPTIMIZERS,
    "schedule": configs.SCHEDULES,
    "augment": configs.AUGMENTATIONS,
}
GAN_CHOICES = {
    "architecture": list_architectures(),
    "loss": tuple(OBJECTIVES),
    "schedule": gan_config.SCHEDULES,
    "penalty_form": gan_config.PENALTY_FORMS,
    "augment": gan_config.AUGMENTATIONS,
    "teacher": gan_config.teachers(),
    "start_from": ("RUN", SCRATCH),
}
DATA_HELP = "a zip, a folder or the name of a data set"
OTHER_FLAGS = {"start_from": "--from"}


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
    add = parser.add_subparsers(required=True, metavar="COMMAND")

    inspect = _command(add, "inspect", commands.inspect_data, "what an upload holds")
    inspect.add_argument("data", metavar="DATA", help=DATA_HELP)
    _add_data(inspect)

    finetune = _command(add, "finetune", commands.finetune_data, "train a classifier")
    _add_training(finetune, ClassifierConfig, CLASSIFIER_CHOICES)

    gan = _command(add, "gan", commands.gan_data, "train a GAN")
    _add_training(gan, GanConfig, GAN_CHOICES)
    gan.add_argument("--devices", type=int, default=1, help="processes that train together")

    pretrain = _command(
        add, "pretrain", commands.pretrain_model, "make a model that the project comes with"
    )
    pretrain.add_argument("name", metavar="NAME", choices=tuple(RECIPES), help=", ".join(RECIPES))
    pretrain.add_argument("--data", metavar="DATA", required=True, help=DATA_HELP)
    _add_data(pretrain, PRETRAIN_FILES)
    pretrain.add_argument("--minutes", type=float, help="default: the recipe's")
    pretrain.add_argument("--images", type=int, help="length in pictures instead of time")
    pretrain.add_argument("--run", type=Path, help="folder to train in; goes on if there is a run")
    pretrain.add_argument("--out", type=Path, help="default: assets/pretrained/NAME")
    pretrain.add_argument("--device", default="", help="cpu, cuda:0, mps; default: the best here")

    _command(add, "models", commands.list_models, "the models that the project comes with")

    predict = _command(add, "predict", commands.predict_images, "class probabilities")
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    _add_generator_commands(add)

    resume = _command(add, "resume", commands.resume_run, "go on where a run stopped")
    resume.add_argument("run", type=Path, metavar="RUN")
    resume.add_argument("--device", default="", help="cpu, cuda:0, mps; default: the best here")
    resume.add_argument("--devices", type=int, default=1, help="processes that train together")
    return parser


def _add_generator_commands(add: Any) -> None:
    sample = _command(add, "sample", gan_commands.sample_run, "write new pictures")
    sample.add_argument("run", type=Path, metavar="RUN")
    sample.add_argument("--count", type=int, default=16)
    sample.add_argument("--seed", type=int, default=0, help="of the first picture")
    sample.add_argument("--class", dest="class_name", help="default: all in turn")
    sample.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    sample.add_argument("--out", type=Path, help="folder; default: samples in the run's own")

    timelapse = _command(add, "timelapse", gan_commands.timelapse_run, "a run's samples as a film")
    timelapse.add_argument("run", type=Path, metavar="RUN")
    timelapse.add_argument("--out", type=Path, help="an .mp4 or .gif file")

    walk = _command(add, "walk", gan_commands.walk_run, "from picture to picture, as a film")
    walk.add_argument("run", type=Path, metavar="RUN")
    walk.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2, 3], help="of 2 to 8 pictures"
    )
    walk.add_argument("--seconds", type=float, default=8.0, help="how long the film lasts")
    walk.add_argument("--fps", type=int, default=24, help="pictures a second")
    walk.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    walk.add_argument("--out", type=Path, help="an .mp4 or .gif file")

    directions = _command(
        add, "directions", gan_commands.directions_run, "what changes the pictures most"
    )
    directions.add_argument("run", type=Path, metavar="RUN")
    directions.add_argument("--count", type=int, default=8)
    directions.add_argument("--seed", type=int, default=0, help="of the picture in the middle")
    directions.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    directions.add_argument("--out", type=Path, help="a .png file")

    project = _command(
        add, "project", gan_commands.project_run, "find a picture in the latent space"
    )
    project.add_argument("run", type=Path, metavar="RUN")
    project.add_argument("image", type=Path, metavar="IMAGE")
    project.add_argument("--seconds", type=float, default=20.0, help="how long it looks")
    project.add_argument("--seed", type=int, default=0, help="of the samples to begin with")
    project.add_argument("--out", type=Path, help="a .png file")


def _command(commands: Any, name: str, function: Any, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.set_defaults(command=function)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    return parser


def _add_data(parser: argparse.ArgumentParser, most_files: int = Limits.files) -> None:
    parser.add_argument("--per-class", type=int, help="pictures a class, of a downloadable set")
    for field in dataclasses.fields(Limits):
        limit = "--max-" + field.name.replace("_", "-")
        usual = most_files if field.name == "files" else field.default
        parser.add_argument(limit, type=int, default=usual)


def _add_training(
    parser: argparse.ArgumentParser,
    config: type[ClassifierConfig] | type[GanConfig],
    choices: Mapping[str, Sequence[str]],
) -> None:
    """The data, where to, and one flag per field of ``config``; ``None`` is a flag not given."""
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    _add_data(parser)
    parser.add_argument("--out", type=Path, help="the run's folder; default: one in the home")
    parser.add_argument("--textbook", action="store_true", help="start from the textbook preset")
    for field in dataclasses.fields(config):
        flag = OTHER_FLAGS.get(field.name, "--" + field.name.replace("_", "-"))
        if field.type == "bool":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        elif field.name in choices:
            shown = "|".join(choices[field.name])
            parser.add_argument(flag, dest=field.name, metavar=shown)
        else:
            parser.add_argument(flag, type=int if "int" in str(field.type) else float)
    parser.add_argument("--device", default="", help="cpu, cuda:0, mps; default: the best here")


if __name__ == "__main__":
    sys.exit(main())
