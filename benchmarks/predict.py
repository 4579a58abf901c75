"""How long one prediction takes.

``python benchmarks/predict.py [--backbone mobilenet_v2]``

From the bytes of a 12-megapixel photo, as a phone takes it, to the probabilities, with the model
in memory as it is on the Try tab once a run is chosen. The weights are random: they cost the same.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from models.registry import BACKBONES, create_model, list_models  # noqa: E402
from training.classifier.predict import load_predictor  # noqa: E402
from training.intake.take_in import read_picture  # noqa: E402
from training.runs import checkpoint  # noqa: E402
from training.runs.checkpoint import Checkpoint, pack  # noqa: E402


def photo(width: int, height: int) -> bytes:
    """A JPEG with a photo's detail: smooth areas and some grain."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-6, 7, smooth.shape, dtype=np.int16)
    buffer = io.BytesIO()
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backbone", default="mobilenet_v2", choices=list_models())
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    names = [f"class {number}" for number in range(10)]
    info = {
        "backbone": options.backbone,
        "image_size": BACKBONES[options.backbone].image_size,
        "class_names": names,
    }
    data = photo(4000, 3000)
    with tempfile.TemporaryDirectory() as folder:
        model = create_model(options.backbone, len(names))
        saved = Checkpoint(pack(model=model.state_dict()), info)
        checkpoint.save(Path(folder) / "model", saved)
        predictor = load_predictor(Path(folder))
    parts: dict[str, list[float]] = {"read": [], "predict": [], "together": []}
    for number in range(options.rounds + 3):
        started = time.perf_counter()
        picture = read_picture(data)
        read = time.perf_counter()
        predictor(picture)
        done = time.perf_counter()
        if number >= 3:  # the first calls allocate memory
            for name, seconds in zip(
                parts, (read - started, done - read, done - started), strict=True
            ):
                parts[name].append(seconds * 1000)
    print(f"{options.backbone}, a photo of 12 megapixels, {len(data) / 2**20:.1f} MB")
    for name, times in parts.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:9} median {statistics.median(times):5.0f} ms   p95 {p95:5.0f} ms")


if __name__ == "__main__":
    main()
