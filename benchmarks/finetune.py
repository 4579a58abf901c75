"""*quick* against the PyTorch tutorial.

And against the floor: what the same photos take at least.

``python benchmarks/finetune.py PHOTOS [--backbone mobilenet_v2] [--epochs 25]``

PHOTOS is a zip or folder with ``train/`` and ``val/`` (or ``test/``), one folder per class in
each; ``--train`` and ``--val`` cut it down evenly to the tutorial's 244 and 153 photos. All three
contestants get the same photos, weights and cores in one process:

- *tutorial*: a peer of the loop in the PyTorch tutorial "Transfer Learning for Computer Vision",
  section "ConvNet as fixed feature extractor": frozen backbone, new last layer, SGD 0.001 with
  momentum 0.9, a tenth of the rate every 7 epochs, batches of 4, random crops and flips, the best
  epoch kept. ``--epochs`` runs fewer and reports the time scaled up to 25.
- *quick*: Seedling from the zip to the evaluated model, with nothing cached.
- *floor*: each photo decoded once, to the tensor a network takes, and passed forward once, in
  the fastest of several ways and batch sizes.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torchvision import transforms  # noqa: E402

from models.classifiers import Features  # noqa: E402
from models.frozen import freeze, frozen_backbone  # noqa: E402
from models.registry import create_model  # noqa: E402
from training.classifier.config import ClassifierConfig  # noqa: E402
from training.classifier.train import train_classifier  # noqa: E402
from training.core.device import create_fabric  # noqa: E402
from training.intake.take_in import take_in  # noqa: E402
from training.runs.events import Finished  # noqa: E402

TUTORIAL_EPOCHS = 25
NORMALISE = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TRAIN_TRANSFORM = transforms.Compose(
    [
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        NORMALISE,
    ]
)
VAL_TRANSFORM = transforms.Compose(
    [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), NORMALISE]
)


@dataclass(frozen=True)
class Photo:
    """One encoded photo and the number of its class; decoding is part of what is timed."""

    data: bytes
    label: int

    def decode(self) -> Image.Image:
        return Image.open(io.BytesIO(self.data)).convert("RGB")


def read_photos(source: Path, train: int, val: int, folder: Path) -> dict[str, list[Photo]]:
    """The photos of ``source``, cut down evenly, also written to ``folder``/train and /val."""
    unpacked = source
    if source.is_file():
        unpacked = folder / "unpacked"
        zipfile.ZipFile(source).extractall(unpacked)
    roots = {path.name: path for path in sorted(unpacked.rglob("*")) if path.is_dir()}
    names = {"train": ("train",), "val": ("val", "validation", "valid", "test")}
    chosen: dict[str, list[Photo]] = {}
    for part, count in (("train", train), ("val", val)):
        root = next(roots[name] for name in names[part] if name in roots)
        classes = sorted(path for path in root.iterdir() if path.is_dir())
        files = [sorted(path.iterdir()) for path in classes]
        turns = [(i, label) for i in range(max(map(len, files))) for label in range(len(files))]
        picked = [(files[k][i], k) for i, k in turns if i < len(files[k])][:count]
        for path, label in picked:
            copy_to = folder / "photos" / part / classes[label].name / path.name
            copy_to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy_to)
        chosen[part] = [Photo(path.read_bytes(), label) for path, label in picked]
    return chosen


def batches(
    photos: list[Photo], transform: Callable[[Image.Image], Tensor], order: list[int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of 4, decoded and transformed anew, as the tutorial's DataLoader does."""
    for start in range(0, len(order), 4):
        chosen = [photos[i] for i in order[start : start + 4]]
        x = torch.stack([transform(photo.decode()) for photo in chosen])
        yield x, torch.tensor([photo.label for photo in chosen])


def run_tutorial(photos: dict[str, list[Photo]], backbone: str, epochs: int) -> tuple[float, float]:
    """Seconds (scaled to 25 epochs) and the best validation accuracy of the tutorial's loop."""
    import torchvision

    torch.manual_seed(0)
    weights = torchvision.models.get_model_weights(backbone)["IMAGENET1K_V1"]
    model = torchvision.models.get_model(backbone, weights=weights)
    class_count = len({photo.label for photo in photos["train"]})
    for weight in model.parameters():
        weight.requires_grad = False
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, class_count)
        last = model.fc
    else:
        model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, class_count)
        last = model.classifier[-1]
    optimizer = torch.optim.SGD(last.parameters(), lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    best, best_weights = 0.0, copy.deepcopy(model.state_dict())
    started = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(photos["train"])).tolist()
        for x, y in batches(photos["train"], TRAIN_TRANSFORM, order):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in batches(photos["val"], VAL_TRANSFORM, list(range(len(photos["val"])))):
                right += int((model(x).argmax(1) == y).sum())
        if right / len(photos["val"]) > best:
            best, best_weights = right / len(photos["val"]), copy.deepcopy(model.state_dict())
        print(f"  tutorial epoch {epoch + 1}: {right / len(photos['val']):.3f}", flush=True)
    seconds = (time.perf_counter() - started) / epochs * TUTORIAL_EPOCHS
    model.load_state_dict(best_weights)
    return seconds, best


def run_quick(folder: Path, backbone: str) -> tuple[float, float]:
    """Seconds from the encoded photos to the evaluated model, and its accuracy; no cache."""
    frozen_backbone.cache_clear()
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        images, _ = take_in(folder, Path(scratch) / "set")
        config = ClassifierConfig(backbone=backbone, method="quick", minutes=30.0)
        events = list(train_classifier(config, images, fabric=create_fabric("cpu")))
        seconds = time.perf_counter() - started
    last = events[-1]
    assert isinstance(last, Finished)
    return seconds, last.result["accuracy"]


@dataclass(frozen=True)
class Way:
    """One way to run a frozen network forward, and how fast it was when it was tried."""

    name: str
    batch_size: int
    images_per_second: float
    forward: Callable[[Tensor], Tensor]


def best_way(backbone: str) -> Way:
    """The fastest of several ways and batch sizes of one frozen forward pass at 224 px."""
    model = create_model(backbone, 2).eval()
    laid_out = copy.deepcopy(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found: list[Way] = []
    for size in (2, 4, 8, 16, 32):
        x = torch.rand(size, 3, 224, 224)
        ways: dict[str, Callable[[Tensor], Tensor]] = {
            "frozen": freeze(Features(copy.deepcopy(model)), torch.device("cpu")),
            "channels_last": Features(laid_out),
        }
        for name, way in ways.items():
            forward(way, [x] * 4)
            images = max(2, 128 // size) * size
            found.append(Way(name, size, images / forward(way, [x] * (images // size)), way))
    return max(found, key=lambda way: way.images_per_second)


def forward(way: Callable[[Tensor], Tensor], chunks: list[Tensor]) -> float:
    """Seconds to run every chunk through ``way``."""
    started = time.perf_counter()
    with torch.inference_mode():
        for x in chunks:
            way(x)
    return time.perf_counter() - started


def run_floor(photos: dict[str, list[Photo]], way: Way) -> float:
    """Seconds to decode every photo once, to its tensor, and pass it forward once."""
    started = time.perf_counter()
    tensors = []
    for photo in photos["train"] + photos["val"]:
        small = photo.decode().resize((224, 224), Image.Resampling.BILINEAR)
        tensors.append(torch.from_numpy(np.array(small)).permute(2, 0, 1).float().div_(255))
    chunks = list(torch.stack(tensors).split(way.batch_size))
    decode = time.perf_counter() - started
    return decode + forward(way.forward, chunks)


def main() -> None:
    """*quick* and the floor in turn, several times; then the tutorial, once, as it takes long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--epochs", type=int, default=TUTORIAL_EPOCHS)
    parser.add_argument("--train", type=int, default=244)
    parser.add_argument("--val", type=int, default=153)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos = read_photos(options.photos, options.train, options.val, folder)
        counts = {part: len(chosen) for part, chosen in photos.items()}
        print(f"{counts} photos, {options.backbone}, {torch.get_num_threads()} threads")
        quick, floor, ratios = [], [], []
        way = best_way(options.backbone)
        found = f"{way.name}, batch {way.batch_size}, {way.images_per_second:.0f} images/s"
        print(f"  fastest: {found}")
        for number in range(options.rounds):
            seconds, accuracy = run_quick(folder / "photos", options.backbone)
            least = run_floor(photos, way)
            quick.append(seconds)
            floor.append(least)
            ratios.append(seconds / least)
            print(f"  round {number + 1}: quick {seconds:.2f} s, floor {least:.2f} s")
        tutorial, peer = run_tutorial(photos, options.backbone, options.epochs)
    print(f"tutorial  {tutorial:7.1f} s   accuracy {peer:.3f}")
    print(f"quick     {statistics.median(quick):7.1f} s   accuracy {accuracy:.3f}")
    print(f"floor     {statistics.median(floor):7.1f} s")
    speed_up = tutorial / statistics.median(quick)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    over = statistics.median(ratios)
    print(f"{speed_up:.0f}x faster than the tutorial; {over:.2f}x the floor ({spread})")
    print(json.dumps({"speed_up": speed_up, "accuracy": accuracy, "peer": peer, "floor": over}))


if __name__ == "__main__":
    main()
