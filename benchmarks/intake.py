"""Speed and memory of intake.

How fast a zip of photos is taken in, and how much memory that needs.

    python benchmarks/intake.py [--photos N]

Makes textured JPEG photos of 500x375 (about 50 KB each), zips them in four class folders, takes
them in within a fresh process, and prints photos per second and that process's peak memory.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 500, 375
MIN_RATE, MAX_MEMORY_GB = 200, 1.5


def landscape(rng: np.random.Generator) -> Image.Image:
    """Noise at all scales over four times a photo's width, like the world that photos show."""
    width, height = 4 * WIDTH, 4 * HEIGHT
    picture = np.full((height, width, 3), 128, dtype=np.float32)
    for cells, strength in ((6, 60), (16, 40), (48, 28), (160, 18), (500, 12), (1500, 8)):
        noise = rng.normal(0, strength, (cells * 3 // 4, cells, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(noise[:, :, channel])
            large = layer.resize((width, height), Image.Resampling.BICUBIC)
            picture[:, :, channel] += np.asarray(large)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def make_zip(path: Path, photos: int) -> float:
    """Write the zip, every photo another view of one of 12 landscapes; gives their mean KB."""
    rng, total = np.random.default_rng(0), 0
    landscapes = [landscape(rng) for _ in range(12)]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(photos):
            left, top = (int(rng.integers(0, 3 * edge)) for edge in (WIDTH, HEIGHT))
            view = landscapes[number % 12].crop((left, top, left + WIDTH, top + HEIGHT))
            buffer = io.BytesIO()
            view.save(buffer, "JPEG", quality=85)
            archive.writestr(f"class {number % 4}/{number:05d}.jpg", buffer.getvalue())
            total += len(buffer.getvalue())
    return total / photos / 1024


def take_in_and_report(path: Path, folder: Path) -> None:
    """Take in and print time and peak memory as JSON; in a process that made no photos."""
    sys.path.insert(0, str(ROOT))
    from training.intake.take_in import take_in

    memory = _PeakMemory()
    started = time.perf_counter()
    images, _ = take_in(path, folder)
    seconds = time.perf_counter() - started
    print(json.dumps({"photos": len(images), "seconds": seconds, "peak_bytes": memory.stop()}))


class _PeakMemory:
    """Samples this process's resident memory every 20 ms; the same on every system."""

    def __init__(self) -> None:
        self.peak, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.02):
            self.peak = max(self.peak, process.memory_info().rss)

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self.peak


def main() -> int:
    """Gives 1 if it is slower than ``MIN_RATE`` or needs more than ``MAX_MEMORY_GB``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--child", type=Path, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        take_in_and_report(*args.child)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photos.zip"
        size = make_zip(path, args.photos)
        print(f"{args.photos} photos of {WIDTH}x{HEIGHT}, {size:.0f} KB each")
        command = [sys.executable, __file__, "--child", str(path), str(Path(folder) / "set")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    rate, memory = result["photos"] / result["seconds"], result["peak_bytes"] / 1e9
    print(f"{rate:.0f} photos/s ({result['seconds']:.1f} s), peak memory {memory:.2f} GB")
    good = rate >= MIN_RATE and memory < MAX_MEMORY_GB
    print(f"{'met' if good else 'MISSED'}: >= {MIN_RATE} photos/s, < {MAX_MEMORY_GB} GB")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
