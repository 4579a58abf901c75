"""How often a classifier says "unlike anything it has seen", where it should and where not.

``python benchmarks/strangers.py DATA --backbone seedling-s``

DATA is a folder with ``clothing.zip``, ``tiny-imagenet.zip``, ``avatars.zip`` and
``noto-emoji.zip``. A quick classifier is trained on each of a few sets, and asked about test
pictures of its own (false alarms), about the pictures of all other sets (far strangers), and about
other classes of its own source (near strangers). Prints a table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from benchmarks.gan_recipes import DevSet, make_set  # noqa: E402
from models.frozen import frozen_backbone  # noqa: E402
from models.registry import HEAD_STAGES  # noqa: E402
from training.classifier.config import ClassifierConfig  # noqa: E402
from training.classifier.strangers import Familiar  # noqa: E402
from training.classifier.train import train_classifier  # noqa: E402
from training.core.device import create_fabric  # noqa: E402
from training.data.batches import stream_squares, to_unit  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.runs.events import Finished  # noqa: E402

ASKED = 300  # pictures at most of each set
PHOTOS = "n02279972|n07734744|n07747607|n07749582|n07873807"
SETS = {
    "five kinds of clothes": DevSet("clothing.zip", r"/(t-shirt|pants|shoes|dress|hat)/", 400),
    "three others": DevSet("clothing.zip", r"/(longsleeve|skirt|outwear)/", 150),
    "butterflies and fruit": DevSet("tiny-imagenet.zip", rf"train/({PHOTOS})/", 750),
    "buses, fish and glasses": DevSet(
        "tiny-imagenet.zip", r"train/(n04146614|n01443537|n04356056)/", 150
    ),
    "avatars": DevSet("avatars.zip", r"^(\w+)/", 400),
    "emoji": DevSet("noto-emoji.zip", r"u1f[46]", 150),
}
NEAR = {
    "five kinds of clothes": "three others",
    "butterflies and fruit": "buses, fish and glasses",
}
LEARNED = ("five kinds of clothes", "butterflies and fruit", "avatars", "garden")


def main() -> None:
    """Train, ask, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--backbone", default="seedling-s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seedling-") as folder:
        sets = {
            name: make_set(options.data, spec, Path(folder) / name) for name, spec in SETS.items()
        }
        for name in ("garden", "digits"):
            sets[name], _ = open_data(name, Path(folder) / name)
        print("| learned from | own test pictures | near strangers | far strangers |")
        print("| --- | --- | --- | --- |")
        for learned in LEARNED:
            config = ClassifierConfig(backbone=options.backbone, method="quick", minutes=3.0)
            *_, end = train_classifier(config, sets[learned], fabric=create_fabric("cpu"))
            assert isinstance(end, Finished)
            familiar = Familiar.from_state(end.model.part("familiar"))
            assert familiar is not None
            share = {
                name: strange(familiar, images, config)
                for name, images in sets.items()
                if name != learned
            }
            near = share.pop(NEAR[learned]) if learned in NEAR else None
            own, count = end.result["strangers"]["own"]
            told = f"{near:.0%}" if near is not None else ""
            far = f"{np.mean(list(share.values())):.0%} ({min(share.values()):.0%} or more)"
            print(f"| {learned} | {own / count:.0%} of {count} | {told} | {far} |", flush=True)


@torch.no_grad()
def strange(familiar: Familiar, images: ImageSet, config: ClassifierConfig) -> float:
    """The share of a set's pictures that are called strange."""
    device, side = torch.device("cpu"), config.side()
    forward = frozen_backbone(config.backbone, device, HEAD_STAGES)
    rows = np.random.default_rng(0).permutation(len(images))[:ASKED]
    features = [forward(to_unit(x, device)).clone() for x in stream_squares(images, rows, side, 4)]
    return float(familiar.are_strange(torch.cat(features)).float().mean())


if __name__ == "__main__":
    main()
