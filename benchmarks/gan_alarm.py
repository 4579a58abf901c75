"""Does the collapse alarm work?

Does it tell a generator that collapses from a healthy one?

``python benchmarks/gan_alarm.py DATA [--seeds 5] [--images 9600] [--collapsing-images 128000]``

For every seed, each of these learns from DATA:

- *collapsing*: the textbook's fully connected networks and minimax loss, with a discriminator
  that learns ten times as fast; it takes a while to break down, and its steps are quick;
- *healthy*: the defaults, with and without classes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

from training.core.device import create_fabric, list_devices  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.gan.config import GAN_TEXTBOOK, GanConfig  # noqa: E402
from training.gan.train import train_gan  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.runs.events import Preview  # noqa: E402

SHOWN = ("variety", "variety_within", "distinct", "coverage")


def watch(config: GanConfig, images: ImageSet, device: str) -> tuple[bool, list[str]]:
    """Whether the alarm was ever on, and every evaluation in short, with * while it was."""
    evaluations: list[str] = []
    alarm = False
    for event in train_gan(config, images, fabric=create_fabric(device)):
        if isinstance(event, Preview) and event.name == "meters":
            figures = [event.data[name] for name in SHOWN]
            shown = " ".join("-" if f is None else f"{f:.2f}" for f in figures)
            evaluations.append(shown + "*" * event.data["collapsed"])
            alarm = alarm or event.data["collapsed"]
    return alarm, evaluations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=9_600)
    parser.add_argument("--collapsing-images", type=int, default=128_000)
    parser.add_argument("--device", default=list_devices()[0])
    options = parser.parse_args()
    healthy = GanConfig(images=options.images, width=32)
    contestants = {
        "collapsing": (
            replace(GAN_TEXTBOOK, images=options.collapsing_images, d_lr_factor=10.0),
            True,
        ),
        "healthy": (replace(healthy, conditional=False), False),
        "healthy, classes": (healthy, False),
    }
    right = dict.fromkeys(contestants, 0)
    print(f"looks: {' '.join(SHOWN)}")
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        images, _ = open_data(options.data, Path(folder) / "data")
        for seed in range(options.seeds):
            for name, (config, expected) in contestants.items():
                collapsed, evaluations = watch(replace(config, seed=seed), images, options.device)
                right[name] += collapsed == expected
                figures = {"name": name, "seed": seed, "alarm": collapsed, "looks": evaluations}
                print(json.dumps(figures), flush=True)
    for name, count in right.items():
        print(f"{name}: right for {count} of {options.seeds} seeds")


if __name__ == "__main__":
    main()
