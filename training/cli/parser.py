"""Training from the command line.

With ``--json`` the last line on stdout is one JSON object. Bad input ends with exit code 2 and
``error: WHAT. FIX.`` on stderr, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from training.classifier.config import default_config
from training.cli import commands, result_commands
from training.cli import generator_commands as gan_commands
from training.cli.flags import (
    Help,
    add_answers,
    add_device,
    add_devices,
    add_limits,
    add_training,
    asked_language,
    explain,
)
from training.core.messages import UserError
from training.export.pretrained import FILES as PRETRAIN_FILES
from training.export.pretrained import RECIPES
from training.gan.config import OLD_FIELDS, GanConfig
from training.latent.choice import BEST, LAST


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of ``arguments``, or of ``sys.argv``.

    Returns:
        The exit code: 0, 2 for what a person can mend, 130 after Ctrl-C. What argparse refuses
        ends in ``SystemExit`` with 2.
    """
    for stream in (sys.stdout, sys.stderr):  # class names in any script, on any console
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    options = create_parser(asked_language(arguments)).parse_args(arguments)
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


def create_parser(language: str = "en") -> argparse.ArgumentParser:
    """All commands and their flags, which ``--help`` explains in ``language``."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    add = partial(_command, parser.add_subparsers(required=True, metavar="COMMAND"), language)

    inspect = add("inspect", commands.inspect_data, "what an upload holds")
    inspect.add_argument("data", metavar="DATA", help=explain("cli.data", language))
    add_limits(inspect, language)

    finetune = add("finetune", commands.finetune_data, "train a classifier")
    add_training(finetune, default_config(), language, {})

    duel = add("duel", result_commands.duel_data, "train with and without a head start")
    add_training(duel, default_config(), language, {})

    gan = add("gan", commands.gan_data, "train a GAN")
    add_devices(add_training(gan, GanConfig(), language, OLD_FIELDS), language)

    _add_pretrain(add, language)
    add("models", commands.list_models, "the models that the project comes with")

    predict = add("predict", result_commands.predict_images, "class probabilities")
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    card = add("card", result_commands.card_run, "what a model can do, as a picture to show")
    card.add_argument("run", type=Path, metavar="RUN")
    card.add_argument("--out", type=Path, help="a .png file; default: in the run's folder")

    _add_generator_commands(add)

    resume = add("resume", commands.resume_run, "go on where a run stopped")
    resume.add_argument("run", type=Path, metavar="RUN")
    add_device(resume, language)
    add_devices(resume, language)
    return parser


def _add_pretrain(add: Any, language: str) -> None:
    help_text = "make a model that the project comes with"
    pretrain = add("pretrain", commands.pretrain_model, help_text)
    pretrain.add_argument("name", metavar="NAME", choices=tuple(RECIPES), help=", ".join(RECIPES))
    says = explain("cli.data", language)
    pretrain.add_argument("--data", metavar="DATA", required=True, help=says)
    add_limits(pretrain, language, PRETRAIN_FILES)
    pretrain.add_argument("--minutes", type=float, help="default: the recipe's")
    pretrain.add_argument("--images", type=int, help="length in pictures instead of time")
    pretrain.add_argument("--run", type=Path, help="folder to train in; goes on if there is a run")
    pretrain.add_argument("--out", type=Path, help="default: assets/pretrained/NAME")
    add_device(pretrain, language)


def _add_generator_commands(add: Any) -> None:
    sample = add("sample", gan_commands.sample_run, "write new pictures")
    sample.add_argument("run", type=Path, metavar="RUN")
    sample.add_argument("--count", type=int, default=16)
    sample.add_argument("--seed", type=int, default=0, help="of the first picture")
    sample.add_argument("--class", dest="class_name", help="default: all in turn")
    sample.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    sample.add_argument("--out", type=Path, help="folder; default: samples in the run's own")

    choose = add("choose", gan_commands.use_generator, "use a run's best generator or its last")
    choose.add_argument("run", type=Path, metavar="RUN")
    choose.add_argument("generator", choices=(BEST, LAST))

    timelapse = add("timelapse", gan_commands.timelapse_run, "a run's samples as a film")
    timelapse.add_argument("run", type=Path, metavar="RUN")
    timelapse.add_argument("--out", type=Path, help="an .mp4 or .gif file")

    walk = add("walk", gan_commands.walk_run, "from picture to picture, as a film")
    walk.add_argument("run", type=Path, metavar="RUN")
    walk.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2, 3], help="of 2 to 8 pictures"
    )
    walk.add_argument("--seconds", type=float, default=8.0, help="how long the film lasts")
    walk.add_argument("--fps", type=int, default=24, help="pictures a second")
    walk.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    walk.add_argument("--out", type=Path, help="an .mp4 or .gif file")

    directions = add("directions", gan_commands.directions_run, "what changes the pictures most")
    directions.add_argument("run", type=Path, metavar="RUN")
    directions.add_argument("--count", type=int, default=8)
    directions.add_argument("--seed", type=int, default=0, help="of the picture in the middle")
    directions.add_argument("--truncation", type=float, default=1.0, help="0 is the mean picture")
    directions.add_argument("--out", type=Path, help="a .png file")

    project = add("project", gan_commands.project_run, "find a picture in the latent space")
    project.add_argument("run", type=Path, metavar="RUN")
    project.add_argument("image", type=Path, metavar="IMAGE")
    project.add_argument("--seconds", type=float, default=20.0, help="how long it looks")
    project.add_argument("--seed", type=int, default=0, help="of the samples to begin with")
    project.add_argument("--out", type=Path, help="a .png file")


def _command(
    commands: Any, language: str, name: str, function: Any, help_text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_text, add_help=False, formatter_class=Help
    )
    parser.set_defaults(command=function)
    add_answers(parser, language)
    return parser


if __name__ == "__main__":
    sys.exit(main())
