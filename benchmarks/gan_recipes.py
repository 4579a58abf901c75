"""Recipes for a generator of one's own pictures, compared on small development sets.

``python benchmarks/gan_recipes.py DATA --minutes 3 --seeds 3 --out OUT``

DATA is a folder with ``clothing.zip``, ``noto-emoji.zip``, ``avatars.zip``, ``tiny-imagenet.zip``
and ``FashionMNIST/raw``; what is missing is left out. Each recipe learns each set from scratch or
from where it says, for the same minutes, one after the other on the same cores. OUT gets a line of
JSON for each run, and a grid of 64 samples with the seeds 0 to 63, none picked. A run whose line is
in OUT is not made again, so that a series can be stopped and continued.

The judge is the page's own; where mobilenet_v2's weights are in torch's cache, a linear classifier
on its features says once more how many samples are recognised, and how many test pictures. A
shipped generator may have learned from some of the test pictures of clothes and emoji.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import json
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from models.frozen import frozen_backbone  # noqa: E402
from models.gans.registry import GanShape  # noqa: E402
from models.registry import BACKBONES  # noqa: E402
from training.core.device import create_fabric  # noqa: E402
from training.core.media import picture_grid, write_png  # noqa: E402
from training.data.batches import load_squares  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.features.space import FeatureSpace  # noqa: E402
from training.gan.config import GanConfig  # noqa: E402
from training.gan.train import train_gan  # noqa: E402
from training.gan.transfer import decide, load_start  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.latent.sampler import GanSampler, generator_from  # noqa: E402
from training.metrics.recognition import Recogniser  # noqa: E402
from training.runs.checkpoint import Checkpoint  # noqa: E402
from training.runs.events import Finished  # noqa: E402

OTHER, OTHER_SIDE = "mobilenet_v2", 96  # a second judge, and the pixels that it looks at
MAX_TEST = 1000  # pictures
GRID, COLUMNS = 64, 8
SHOWN = ("recognised", "recognised_real", "fd", "kid", "recall", "coverage", "repeated", "variety")


@dataclass(frozen=True)
class DevSet:
    """``count`` pictures of ``source`` to learn from; as many others as there are to test with.

    ``pattern`` matches paths in the source; its first group, if it has one, is the class.
    """

    source: str
    pattern: str
    count: int


SETS = {
    "clothes": DevSet("clothing.zip", r"/(t-shirt|pants)/", 300),
    "shoes": DevSet("clothing.zip", r"/shoes/", 200),
    "emoji": DevSet("noto-emoji.zip", r"u1f[46]", 300),
    "few emoji": DevSet("noto-emoji.zip", r"u1f[46]", 100),
    "avatars": DevSet("avatars.zip", r"^(\w+)/", 300),
    "fashion": DevSet("FashionMNIST", r"(\d+)/", 500),
    "photos": DevSet("tiny-imagenet.zip", r"train/(n04146614|n01443537|n04356056)/", 600),
    "nature": DevSet(
        "tiny-imagenet.zip", r"train/(n02279972|n07734744|n07747607|n07749582|n07873807)/", 1250
    ),
}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "classes from the start": {"class_start": 0.0},
    "pixels alone": {"d_backbone": ""},
    "pixels alone, relativistic": {"d_backbone": "", "loss": "relativistic"},
    "non-saturating": {"d_backbone": "seedling-s", "loss": "non_saturating"},
    "relativistic": {"d_backbone": "seedling-s", "loss": "relativistic"},
    "width 16": {"width": 16},
    "width 32": {"width": 32},
    "half rate": {"lr": 5e-4},
    "double rate": {"lr": 2e-3},
    "augment always": {"augment": "fixed", "augment_strength": 0.5},
    "started from clothes-64": {"resolution": 64, "start_from": "clothes-64"},
    "started from emoji-64": {"resolution": 64, "start_from": "emoji-64"},
}


def members(data: Path, source: str) -> dict[str, Callable[[], Image.Image]]:
    """The path of each picture of ``source``, and what opens it."""
    if source != "FashionMNIST":
        archive = zipfile.ZipFile(data / source)
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        return {name: partial(_from_zip, archive, name) for name in names}
    raw = data / source / "raw"
    with gzip.open(raw / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(raw / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return {
        f"{label}/{number}.png": partial(Image.fromarray, picture)
        for number, (picture, label) in enumerate(zip(pixels, labels, strict=True))
    }


def _from_zip(archive: zipfile.ZipFile, name: str) -> Image.Image:
    with archive.open(name) as file:
        picture = Image.open(file)
        picture.load()
    return picture


def make_set(data: Path, spec: DevSet, folder: Path) -> ImageSet:
    """The set, through the same door as anybody's upload; its test pictures are given as such."""
    found: dict[str, list[Callable[[], Image.Image]]] = {}
    for name, read in members(data, spec.source).items():
        if match := re.search(spec.pattern, name):
            found.setdefault(match[1] if match.groups() else "", []).append(read)
    draws = np.random.default_rng(0)
    upload, each, test = folder / "upload", spec.count // len(found), MAX_TEST // len(found)
    for label, pictures in sorted(found.items()):
        (upload / label).mkdir(parents=True)
        for place, row in enumerate(draws.permutation(len(pictures))[: each + test]):
            part = "learn" if place < each else "test"
            pictures[row]().save(upload / label / f"{part}-{row}.png")
    images, _ = open_data(str(upload), folder / "set")
    shutil.rmtree(upload)
    is_test = np.array(["test-" in file for file in images.files])
    return dataclasses.replace(images, given_splits=np.where(is_test, 2, 0).astype(np.uint8))


def second_opinion(images: ImageSet, model: Checkpoint, shape: GanShape) -> dict[str, float]:
    """How many samples, and how many test pictures, a classifier on mobilenet_v2 recognises."""
    card = BACKBONES[OTHER].card
    if card is None or not card.is_here() or not shape.class_count:
        return {}
    device = torch.device("cpu")
    space = FeatureSpace("", OTHER_SIDE, frozen_backbone(OTHER, device), device)

    def features(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([space(part) for part in x.split(space.batch_size)])

    train, test = images.given("train"), images.given("test")
    labels = torch.from_numpy(images.labels)
    recogniser = Recogniser(
        features(load_squares(images, train, shape.resolution, device)), labels[train]
    )
    real = features(load_squares(images, test, shape.resolution, device))
    asked = torch.arange(500) % shape.class_count
    z = torch.randn(500, shape.latent_size, generator=torch.Generator().manual_seed(9))
    sampler = GanSampler(generator_from(shape, model.part("generator")), images.class_names)
    with torch.no_grad():
        made = torch.cat(
            [sampler.generator(a, b) for a, b in zip(z.split(50), asked.split(50), strict=True)]
        )
    fake = features(((made.clamp(-1, 1) + 1) * 127.5).round().byte())
    return {
        "second_recognised": recogniser.share(fake, asked),
        "second_real": recogniser.share(real, labels[test]),
    }


def run(images: ImageSet, config: GanConfig, grid: Path) -> dict[str, Any]:
    """One training to its end: what its final evaluation says, and a grid."""
    start = load_start(config.start_from) if config.start_from else None
    started = time.monotonic()
    for event in train_gan(config, images, fabric=create_fabric("cpu"), start=start):
        if isinstance(event, Finished):
            result, model = event.result, event.model
    took = time.monotonic() - started
    shape = GanShape.from_json(model.state["shape"])
    generator = generator_from(shape, model.part("generator"))
    names = images.class_names if shape.class_count else ()
    write_png(grid, picture_grid(GanSampler(generator, names)(range(GRID)), COLUMNS))
    keys = ("images_seen", "best_seen", "width", "images_per_second", "kept_collapsed")
    facts = {key: result[key] for key in keys} | {key: result["meters"][key] for key in SHOWN}
    return {**facts, **second_opinion(images, model, shape), "seconds": took}


def report(lines: list[dict[str, Any]]) -> None:
    """For each set, each recipe's medians."""
    shown = (*SHOWN, "second_recognised", "second_real", "images_seen")
    for name in dict.fromkeys(line["set"] for line in lines):
        print(f"\n{name}")
        of_set = [line for line in lines if line["set"] == name]
        for recipe in dict.fromkeys(line["recipe"] for line in of_set):
            of_recipe = [line for line in of_set if line["recipe"] == recipe]
            text = f"  {recipe:<24} x{len(of_recipe)}"
            for key in shown:
                values = [line[key] for line in of_recipe if line.get(key) is not None]
                if values:
                    text += f"  {key} {median(values):.3g}"
                    text += f" ({min(values):.3g} to {max(values):.3g})" if values[1:] else ""
            print(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--report", action="store_true", help="only print what OUT has")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "runs.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed, name in product(range(0 if options.report else options.seeds), options.sets):
        where = {"set": name, "seed": seed, "minutes": options.minutes}
        done = {line["recipe"] for line in lines if where.items() <= line.items()}
        wanted = [recipe for recipe in options.recipes if recipe not in done]
        if not wanted or not (options.data / SETS[name].source).exists():
            continue
        with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
            images = make_set(options.data, SETS[name], Path(folder))
            for recipe in wanted:
                usual = {"minutes": options.minutes, "resolution": options.resolution}
                config = GanConfig(**{**usual, "seed": seed, **RECIPES[recipe]})
                facts = run(images, decide(config), options.out / f"{name}-{recipe}-{seed}.png")
                lines.append({**where, "recipe": recipe, **facts})
                with log.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                print(json.dumps(lines[-1]), flush=True)
    report(lines)


if __name__ == "__main__":
    main()
