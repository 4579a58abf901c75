"""GANs from a hundred pictures.

From scratch against transfer, FreezeD and DiffAugment, for the same time.

``python benchmarks/gan_small.py SOURCE TARGET [--classes A,B] [--count 100] [--minutes 2]``

SOURCE and TARGET are names of data sets, zips or folders, such as ``fashion-mnist`` and ``mnist``.
First a GAN learns SOURCE for ``--source-minutes``. Then GANs learn ``--count`` pictures of the
two ``--classes`` of TARGET, one after the other in one process, each for ``--minutes``. All are
evaluated against the test pictures of those classes, which none of them saw.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402

from training.core.device import create_fabric, list_devices  # noqa: E402
from training.core.media import write_png  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.gan.config import GanConfig  # noqa: E402
from training.gan.train import train_gan  # noqa: E402
from training.gan.transfer import load_start  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.runs.checkpoint import Checkpoint, save  # noqa: E402
from training.runs.events import Finished, Notice, Picture  # noqa: E402

Figures = dict[str, Any]


def train(
    config: GanConfig, images: ImageSet, device: str, folder: Path | None = None
) -> tuple[Figures, Checkpoint]:
    """One run to its end: its result and its model; the last grid goes into ``folder``."""
    start = load_start(config.start_from) if config.start_from else None
    for event in train_gan(config, images, fabric=create_fabric(device), start=start):
        if isinstance(event, Picture) and folder is not None:
            write_png(folder / f"{event.name}.png", event.pixels)
        elif isinstance(event, Notice) and "carried" in event.message.key:
            print(event.message.text())
        elif isinstance(event, Finished):
            result, model = dict(event.result), event.model
    return result, model


def small_part(images: ImageSet, classes: list[str], count: int) -> ImageSet:
    """``count`` training pictures of ``classes``, evenly, and all their test pictures."""
    chosen = images.edited({name: None for name in images.class_names if name not in classes})
    rows = [chosen.given("test")]
    for label in range(len(chosen.class_names)):
        of_class = np.flatnonzero((chosen.labels == label) & (chosen.given_splits == 0))
        rows.append(of_class[: count // len(chosen.class_names)])
    return chosen.take(np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--classes", default="3 - three,8 - eight")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--source-minutes", type=float, default=8.0)
    parser.add_argument("--source-run", type=Path, help="a run to start from, instead of training")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default=list_devices()[0])
    parser.add_argument("--grids", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedling-") as name:
        folder = Path(name)
        source_run = options.source_run
        if source_run is None:
            source, _ = open_data(options.source, folder / "source")
            config = GanConfig(minutes=options.source_minutes)
            result, model = train(config, source, options.device)
            print(f"source: FD {result['fd']:.0f}, coverage {result['coverage']:.2f}", flush=True)
            source_run = folder / "run"
            save(source_run / "model", model)
        target, _ = open_data(options.target, folder / "target")
        part = small_part(target, options.classes.split(","), options.count)
        base = GanConfig(minutes=options.minutes)
        moved = replace(base, start_from=str(source_run))
        contestants = {
            "scratch": base,
            "scratch, no DiffAugment": replace(base, augment="none"),
            "transfer": moved,
            "transfer, no DiffAugment": replace(moved, augment="none"),
            "transfer, FreezeD 1": replace(moved, freeze_d=1),
            "transfer, FreezeD 2": replace(moved, freeze_d=2),
        }
        figures: dict[str, list[Figures]] = {name: [] for name in contestants}
        for seed in range(options.rounds):
            for name, config in contestants.items():
                grids = options.grids / f"{name}-{seed}" if options.grids else None
                if grids:
                    grids.mkdir(parents=True, exist_ok=True)
                result, _ = train(replace(config, seed=seed), part, options.device, grids)
                shown = ("fd", "kid", "coverage", "images_seen", "best_seen", "seconds")
                figure = {key: result[key] for key in shown}
                figure["copied"] = result["meters"]["copied_share"]
                print(json.dumps({"name": name, "seed": seed, **figure}), flush=True)
                figures[name].append(figure)
    print(f"\n{len(part.given('train'))} pictures, {options.minutes:g} minutes")
    for name, each in figures.items():
        distances = [figure["fd"] for figure in each]
        coverage = statistics.median(figure["coverage"] for figure in each)
        print(
            f"{name:<26} FD {statistics.median(distances):6.0f} "
            f"({min(distances):.0f} to {max(distances):.0f})  coverage {coverage:.2f}"
        )


if __name__ == "__main__":
    main()
