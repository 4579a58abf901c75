"""A head on the last stage of a frozen network, or on the last three.

``python benchmarks/head_stages.py clothing.zip [--backbones seedling-s mobilenet_v2] [--draws 6]``

DATA is a zip or folder with classes. A fifth of each class, or what the data themselves put aside,
is for the test; of the rest a few photos a class are drawn, again and again, and both heads are
fitted to the same ones: the strength by cross-validation, then all of them, as *quick* does. Both
read one forward pass: the features of the last stage are in those of the last three.
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
from torch import Tensor  # noqa: E402

from models.frozen import frozen_backbone  # noqa: E402
from models.registry import BACKBONES, HEAD_STAGES, create_model  # noqa: E402
from training.classifier.head import USUAL_STRENGTH, folds  # noqa: E402
from training.classifier.probe import Probe  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.data.splits import Indices, Split, split_images  # noqa: E402
from training.features.store import FeatureStore, extract  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.intake.limits import Limits  # noqa: E402

COUNTS = (5, 10, 20, 50)  # photos a class
CPU = torch.device("cpu")


def features_of(images: ImageSet, backbone: str) -> tuple[Tensor, Tensor]:
    """(N, D) of the last stage alone, and of the last ``HEAD_STAGES``."""
    store, rows = FeatureStore(images, None), np.arange(len(images))
    forward = frozen_backbone(backbone, CPU, HEAD_STAGES)
    for _ in extract(forward, images, rows, BACKBONES[backbone].image_size, CPU, store):
        pass
    every = store.get(images, rows)
    width = create_model(backbone, 2).head.in_features
    last = every[:, -width:]
    return last.sign() * last.square(), every


def accuracy(features: Tensor, images: ImageSet, learned: Indices, test: Indices) -> float:
    """Of a head fitted to ``learned``, on ``test``, in percent."""
    split = Split(learned, learned[:0], learned[:0], "held_out")
    labels = torch.from_numpy(images.labels)
    probe = Probe(features[learned], labels[learned], len(images.class_names), None)
    trials = list(probe.try_strengths(folds(images, split)))
    best = min(trials, key=lambda trial: trial.val_loss).strength if trials else USUAL_STRENGTH
    with torch.no_grad():
        guesses = probe.fit(best)(features[test]).argmax(dim=1)
    return 100 * float((guesses == labels[test]).float().mean())


def main() -> None:
    """Print a row for each network and number of photos."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbones", nargs="+", default=["seedling-s"], choices=list(BACKBONES))
    parser.add_argument("--draws", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images, _ = open_data(str(options.data), Path(folder) / "set", limits=Limits())
        split = split_images(images, 0)
        test = np.concatenate([split.test, split.val])
        print(f"{len(test)} test photos, {options.draws} draws, mean (range) in percent")
        for backbone in options.backbones:
            last, every = features_of(images, backbone)
            for count in COUNTS:
                found = []
                for draw in range(options.draws):
                    rng = np.random.default_rng(draw)
                    classes = [
                        rng.permutation(split.train[images.labels[split.train] == label])[:count]
                        for label in range(len(images.class_names))
                    ]
                    rows = np.concatenate(classes)
                    found.append([accuracy(x, images, rows, test) for x in (last, every)])
                before, after = np.array(found).T
                gain = after - before
                print(
                    f"{backbone:14} {count:3} a class  last stage {before.mean():.1f}  "
                    f"last {HEAD_STAGES} {after.mean():.1f}  "
                    f"gain {gain.mean():+.1f} ({gain.min():+.1f} to {gain.max():+.1f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
