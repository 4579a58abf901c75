"""The default GAN against DCGAN.

Seedling's defaults and the PyTorch DCGAN tutorial learn for the same seconds.

``python benchmarks/gan.py DATA [--minutes 2] [--resolution 32] [--rounds 1] [--grids FOLDER]``

DATA is whatever ``python -m training gan`` takes, such as ``fashion-mnist``. In each round, one
after the other in one process and on the same cores, these learn from the same pictures:

- *tutorial*: a peer of the network and loop in the PyTorch tutorial "DCGAN Tutorial": 64 feature
  maps, BatchNorm in both networks, binary cross-entropy with a sigmoid, Adam 2e-4 with beta 0.5,
  batches of 128. It makes 64x64 pictures; for 32 its largest layers are left out, which makes it
  4 times as fast.
- *seedling*: the defaults, without classes;
- *seedling, classes*: the defaults, with classes, where the data has them.

All are evaluated alike: 2,000 samples against 2,000 test pictures that none of them saw.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from models.gans.registry import GanShape  # noqa: E402
from training.core.device import create_fabric, list_devices  # noqa: E402
from training.core.media import picture_grid, write_png  # noqa: E402
from training.data.batches import load_squares, to_symmetric  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.data.splits import split_for_generator  # noqa: E402
from training.features.judge import choose_judge  # noqa: E402
from training.gan.config import GanConfig  # noqa: E402
from training.gan.train import train_gan  # noqa: E402
from training.gan.transfer import load_start  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.latent.sampler import generator_from, make_pictures, to_pixels  # noqa: E402
from training.metrics.fidelity import density_coverage, frechet_distance, kernel_distance  # noqa: E402
from training.metrics.fidelity import variety_within as within_classes  # noqa: E402
from training.runs.events import Finished  # noqa: E402

FINAL_SAMPLES = 2000
LATENT, MAPS, BATCH, RATE = 100, 64, 128, 2e-4  # the tutorial's

Make = Callable[[int], tuple[Tensor, Tensor | None]]  # how many: pictures and their classes


def tutorial_networks(side: int) -> tuple[nn.Module, nn.Module]:
    """The tutorial's generator and discriminator, with as many layers as ``side`` asks for."""
    doublings = side.bit_length() - 3  # from 4x4
    g: list[nn.Module] = [
        nn.ConvTranspose2d(LATENT, MAPS * 2 ** (doublings - 1), 4, 1, 0, bias=False)
    ]
    d: list[nn.Module] = [nn.Conv2d(3, MAPS, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for level in range(doublings - 1, 0, -1):
        wide, narrow = MAPS * 2**level, MAPS * 2 ** (level - 1)
        g += [nn.BatchNorm2d(wide), nn.ReLU(True)]
        g += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)]
    for level in range(1, doublings):
        narrow, wide = MAPS * 2 ** (level - 1), MAPS * 2**level
        d += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide)]
        d += [nn.LeakyReLU(0.2, True)]
    g += [nn.BatchNorm2d(MAPS), nn.ReLU(True)]
    g += [nn.ConvTranspose2d(MAPS, 3, 4, 2, 1, bias=False), nn.Tanh()]
    d += [nn.Conv2d(MAPS * 2 ** (doublings - 1), 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    networks = nn.Sequential(*g), nn.Sequential(*d)
    for module in (module for network in networks for module in network.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return networks


def train_tutorial(
    pixels: Tensor, side: int, seconds: float, seed: int, device: torch.device
) -> tuple[Make, dict[str, Any]]:
    """The tutorial's loop, stopped by the clock instead of after five epochs.

    ``pixels`` (N, 3, side, side) are uint8. Gives what makes samples, and facts for the table.
    """
    torch.manual_seed(seed)
    g, d = (network.to(device) for network in tutorial_networks(side))
    d_optimizer = torch.optim.Adam(d.parameters(), lr=RATE, betas=(0.5, 0.999))
    g_optimizer = torch.optim.Adam(g.parameters(), lr=RATE, betas=(0.5, 0.999))
    criterion, images_seen, started = nn.BCELoss(), 0, time.monotonic()
    while time.monotonic() - started < seconds:
        for rows in torch.randperm(len(pixels)).split(BATCH):
            real = to_symmetric(pixels[rows.to(pixels.device)], device)
            ones, zeros = (
                torch.ones(len(rows), device=device),
                torch.zeros(len(rows), device=device),
            )
            d.zero_grad()
            criterion(d(real).view(-1), ones).backward()
            fake = g(torch.randn(len(rows), LATENT, 1, 1, device=device))
            criterion(d(fake.detach()).view(-1), zeros).backward()
            d_optimizer.step()
            g.zero_grad()
            criterion(d(fake).view(-1), ones).backward()
            g_optimizer.step()
            images_seen += len(rows)
            if time.monotonic() - started >= seconds:
                break
    took = time.monotonic() - started

    @torch.no_grad()
    def make(count: int) -> tuple[Tensor, None]:
        parts = [  # in train mode, as the tutorial draws its own pictures
            to_pixels(g(torch.randn(BATCH, LATENT, 1, 1, device=device)))
            for _ in range(-(-count // BATCH))
        ]
        return torch.cat(parts)[:count], None

    return make, {"images_seen": images_seen, "seconds": took}


def train_seedling(
    images: ImageSet, config: GanConfig, device: torch.device
) -> tuple[Make, dict[str, Any]]:
    """Seedling, from the pictures to the evaluated model, which its seconds include.

    Samples of a generator with classes have the classes of training pictures, evenly picked.
    """
    started = time.monotonic()
    start = load_start(config.start_from) if config.start_from else None
    for event in train_gan(config, images, fabric=create_fabric(str(device)), start=start):
        if isinstance(event, Finished):
            result, model = event.result, event.model
    took = time.monotonic() - started
    shape = GanShape.from_json(model.state["shape"])
    generator = generator_from(shape, model.part("generator"))
    generator.to(device)

    def make(count: int) -> tuple[Tensor, Tensor | None]:
        z = torch.randn(count, shape.latent_size, generator=torch.Generator().manual_seed(5))
        labels = None
        if shape.class_count:
            chosen = split_for_generator(images, config.seed).train
            labels = torch.from_numpy(images.labels[chosen[:: max(1, len(chosen) // count)]])
            labels = labels[:count]
            z = z[: len(labels)]
        return make_pictures(generator, z, labels), labels

    return make, {**{k: result[k] for k in ("images_seen", "width", "best_seen")}, "seconds": took}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default=list_devices()[0])
    parser.add_argument("--grids", type=Path, help="folder for a grid of samples of each")
    parser.add_argument("--without", nargs="*", default=[], help="contestants to leave out")
    options = parser.parse_args()
    device = torch.device(options.device)
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        images, _ = open_data(options.data, Path(folder) / "data")
        rounds = [_round(images, seed, options, device) for seed in range(options.rounds)]
    figures = [figure for figures in rounds for figure in figures]
    names = list(dict.fromkeys(figure["name"] for figure in figures))
    print(f"\n{options.minutes:g} minutes, {options.rounds} rounds, {os.cpu_count()} cores")
    medians: dict[str, float] = {}
    for name in names:
        distances = [figure["fd"] for figure in figures if figure["name"] == name]
        coverage = statistics.median(f["coverage"] for f in figures if f["name"] == name)
        medians[name] = statistics.median(distances)
        low, high = min(distances), max(distances)
        print(
            f"{name:<18}  FD {medians[name]:6.0f} ({low:.0f} to {high:.0f})  "
            f"coverage {coverage:.3f}"
        )
    if "tutorial" in medians:
        for name in names[1:]:
            print(f"{name}: {medians[name] / medians['tutorial']:.2f}x the tutorial's FD")


def _round(
    images: ImageSet, seed: int, options: argparse.Namespace, device: torch.device
) -> list[dict[str, Any]]:
    side, seconds = options.resolution, options.minutes * 60
    split = split_for_generator(images, seed)
    train = load_squares(images, split.train, side, device)
    test = load_squares(images, split.test[:FINAL_SAMPLES], side, device)
    test_labels = torch.from_numpy(images.labels[split.test[:FINAL_SAMPLES]])
    config = replace(GanConfig(), resolution=side, minutes=options.minutes, seed=seed)
    contestants: dict[str, Callable[[], tuple[Make, dict[str, Any]]]] = {
        "tutorial": lambda: train_tutorial(train, side, seconds, seed, device),
        "seedling": lambda: train_seedling(images, replace(config, conditional=False), device),
    }
    if len(images.class_names) > 1:
        contestants["seedling, classes"] = lambda: train_seedling(images, config, device)
    space = choose_judge(device)

    def features(pixels: Tensor) -> Tensor:
        return torch.cat([space(part) for part in pixels.split(space.batch_size)])

    reference, figures = features(test), []
    for name, contest in contestants.items():
        if name in options.without:
            continue
        make, facts = contest()
        samples, labels = make(FINAL_SAMPLES)
        fake = features(samples)
        density, coverage = density_coverage(reference, fake)
        figure = {
            "name": name,
            "seed": seed,
            "fd": frechet_distance(fake, reference),
            "kid": kernel_distance(fake, reference),
            "density": density,
            "coverage": coverage,
            **facts,
        }
        if labels is not None:
            figure["variety_within"] = within_classes(reference, test_labels, fake, labels)
        print(json.dumps(figure), flush=True)
        figures.append(figure)
        if options.grids:
            _draw(options.grids / f"{name.replace(', ', '-')}-{seed}.png", samples, labels)
    return figures


def _draw(path: Path, samples: Tensor, labels: Tensor | None) -> None:
    """Write eighty of the samples, evenly picked in the order of their classes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = torch.arange(len(samples)) if labels is None else labels.argsort(stable=True)
    chosen = order[:: max(1, len(order) // 80)][:80]
    write_png(path, picture_grid(samples[chosen], 10, scale=2))


if __name__ == "__main__":
    main()
