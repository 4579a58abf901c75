"""Shipped generators as a start.

What one that comes with Seedling saves: started from it against from scratch.

``python benchmarks/gan_start.py noto-emoji.zip --files 'u1f46[89]|u1f9d1' --count 100``
``python benchmarks/gan_start.py clothing.zip --classes t-shirt --count 300``

Of DATA, only the pictures of ``--classes`` or whose file names match ``--files`` are used:
``--count`` of those that the set's usual split gives to training, and for the evaluation those that
it gives to nobody, so that a shipped generator that learned from this very set has not seen them.
In each round, one after the other on the same cores and each for ``--minutes``:

- *scratch*: Seedling's defaults without a start.
- *scratch, its eyes*: the same, with the discriminator's backbone of the shipped model.
- *started*: Seedling's defaults, which are to start from the shipped model of this size.

Distances are measured in the shipped network's features and, where its weights are in torch's
cache, in those of mobilenet_v2, which was no discriminator's backbone here. The last row of each is
what the real pictures that were learned from get: with few held-out pictures a Fréchet distance is
far from 0 even then, and only what lies above is the generator's. KID has no such floor.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from benchmarks.gan import FINAL_SAMPLES, train_seedling  # noqa: E402
from models.frozen import frozen_backbone  # noqa: E402
from models.registry import BACKBONES  # noqa: E402
from training.core.media import picture_grid, write_png  # noqa: E402
from training.data.batches import load_squares  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.data.splits import split_for_generator  # noqa: E402
from training.features.space import FeatureSpace, choose_feature_space  # noqa: E402
from training.gan.config import GanConfig  # noqa: E402
from training.gan.transfer import decide, default_start  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.metrics.fidelity import density_coverage, frechet_distance, kernel_distance  # noqa: E402

CPU, OTHER, OTHER_SIDE = torch.device("cpu"), "mobilenet_v2", 96
GRID, COLUMNS = 60, 12


def a_few(images: ImageSet, pattern: str, classes: list[str], count: int) -> ImageSet:
    """``count`` pictures to learn from and all held-out ones, of the kind asked for."""
    split = split_for_generator(images, seed=0)
    wanted = np.array([bool(re.search(pattern, file)) for file in images.files])
    if classes:
        wanted &= np.isin(images.labels, [images.class_names.index(name) for name in classes])
    rows = [[row for row in part if wanted[row]] for part in (split.train, split.val, split.test)]
    rows[0] = np.random.default_rng(0).permutation(rows[0])[:count].tolist()
    given = [number for number, part in enumerate(rows) for _ in part]  # as in GIVEN_SPLITS
    part = images.take(np.concatenate(rows))
    return dataclasses.replace(part, given_splits=np.array(given, dtype=np.uint8))


def spaces() -> list[FeatureSpace]:
    """The shipped network's features, and mobilenet_v2's where its weights are in the cache."""
    found = [choose_feature_space(CPU)]
    card = BACKBONES[OTHER].card
    if card is not None and card.is_here():
        forward = frozen_backbone(OTHER, CPU)
        found.append(FeatureSpace(f"{OTHER}-{OTHER_SIDE}", OTHER_SIDE, forward, CPU))
    return found


def evaluate(space: FeatureSpace, real: Tensor, fake: Tensor) -> dict[str, float]:
    """FD, KID, density and coverage of ``fake`` (M, 3, R, R) uint8 against ``real``."""
    a, b = (torch.cat([space(part) for part in x.split(space.batch_size)]) for x in (real, fake))
    density, coverage = density_coverage(a, b)
    return {
        "fd": frechet_distance(b, a),
        "kid": kernel_distance(b, a),
        "density": density,
        "coverage": coverage,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--files", default="", help="a regular expression for file names")
    parser.add_argument("--classes", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], help="contestants to leave out")
    parser.add_argument("--grids", type=Path, help="folder for a grid of samples of each")
    options = parser.parse_args()
    base = GanConfig(resolution=options.resolution, minutes=options.minutes)
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        images, _ = open_data(options.data, Path(folder) / "data")
        part = a_few(images, options.files, options.classes, options.count)
        start = default_start(base, part.take(part.given("train")))
        started = decide(dataclasses.replace(base, start_from=start))
        contestants = {
            "scratch": decide(base),
            "scratch, its eyes": dataclasses.replace(base, d_backbone=started.d_backbone),
            "started": started,
        }
        real = load_squares(part, part.given("test")[:FINAL_SAMPLES], options.resolution, CPU)
        train = len(part.given("train"))
        print(f"{train} pictures, evaluated against {len(real)}, from {start or 'scratch'}")
        for seed in range(options.rounds):
            for name, config in contestants.items():
                if name in options.without:
                    continue
                make, facts = train_seedling(part, dataclasses.replace(config, seed=seed), CPU)
                fake, _ = make(1000)
                figures = {space.name: evaluate(space, real, fake) for space in spaces()}
                print(json.dumps({"name": name, "seed": seed, **facts, **figures}), flush=True)
                found.setdefault(name, []).append(figures)
                if options.grids:
                    options.grids.mkdir(parents=True, exist_ok=True)
                    grid = picture_grid(fake[:GRID], COLUMNS)
                    write_png(options.grids / f"{name.replace(', ', '-')}-{seed}.png", grid)
        learned = load_squares(part, part.given("train"), options.resolution, CPU)
        found["real pictures"] = [
            {space.name: evaluate(space, real, learned) for space in spaces()}
        ]
    report(found)


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    """For each space, each contestant's median and how many times it is that of *started*."""
    for space in found["started"][0]:
        print(f"\nin {space} features")
        best = statistics.median(each[space]["fd"] for each in found["started"])
        for name, rounds in found.items():
            distances = [each[space]["fd"] for each in rounds]
            middle = statistics.median(distances)
            kid, coverage = (
                statistics.median(each[space][figure] for each in rounds)
                for figure in ("kid", "coverage")
            )
            print(
                f"{name:<18} FD {middle:7.1f} ({min(distances):.1f} to {max(distances):.1f})  "
                f"{middle / best:.2f}x  KID {kid:.3f}  coverage {coverage:.2f}"
            )


if __name__ == "__main__":
    main()
