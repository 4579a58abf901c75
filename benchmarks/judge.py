"""Pictures that are worse in a known way, and which numbers of the evaluation say so.

``python benchmarks/judge.py DATA [DATA ...] [--side 64] [--space judge|seedling-s] [--out FOLDER]``

DATA are zips, folders or downloads with classes. Of each, real pictures are set against real ones,
again and again, which tells how much every number wobbles; then spoiled ones take their place. What
is printed is by how many standard deviations of that wobble a number gets worse: 3 is no chance.

- *blur*: a Gaussian of 1 px (at 64 px).
- *grid*: every second pixel of every second row is brighter, as transposed convolutions leave it.
- *mush*: patches of an eighth of the side, shuffled; *pieces*: of a quarter.
- *wrong class*: other labels than the pictures'.
- *half missing*: every second class only.
- *one repeated*: a tenth of the pictures are one of them with a little noise.
- *copies*: pictures that were learned from.

``--out`` gets a picture of what was done to the first eight.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from training.core.media import picture_grid, write_png  # noqa: E402
from training.data.batches import load_squares  # noqa: E402
from training.features.judge import choose_judge  # noqa: E402
from training.features.space import choose_feature_space  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.intake.limits import Limits  # noqa: E402
from training.metrics.evaluation import GanMetrics  # noqa: E402
from training.metrics.evaluator import GanEvaluator  # noqa: E402

CPU = torch.device("cpu")
LEARN, HELD, SAMPLES, ROUNDS = 1000, 800, 512, 6
# Of each number, 1 where higher is better and -1 where lower is.
GOOD: Mapping[str, int] = {
    "fd": -1,
    "kid": -1,
    "precision": 1,
    "recall": 1,
    "density": 1,
    "coverage": 1,
    "variety": 1,
    "variety_within": 1,
    "distinct": 1,
    "repeated": -1,
    "recognised": 1,
    "copied_share": -1,
}


def blur(x: Tensor) -> Tensor:
    """(N, 3, R, R) uint8 with a Gaussian over it."""
    spread = x.shape[-1] / 64
    reach = max(1, round(3 * spread))
    bell = torch.exp(-((torch.arange(-reach, reach + 1) / spread) ** 2) / 2)
    kernel = (bell[:, None] * bell / bell.sum() ** 2).expand(3, 1, -1, -1)
    padded = F.pad(x.float(), [reach] * 4, mode="reflect")
    return F.conv2d(padded, kernel, groups=3).round().byte()


def grid(x: Tensor) -> Tensor:
    """(N, 3, R, R) uint8 with every second pixel of every second row brighter."""
    on = torch.arange(x.shape[-1]) % 2
    pattern = 24.0 * (on[:, None] * on) - 6
    return (x.float() + pattern).clamp(0, 255).round().byte()


def shuffled(x: Tensor, across: int) -> Tensor:
    """(N, 3, R, R) uint8, each cut into ``across`` by ``across`` patches in another order."""
    side, draws = x.shape[-1] // across, torch.Generator().manual_seed(0)
    patches = F.unfold(x.float(), side, stride=side)
    mixed = [each[:, torch.randperm(across**2, generator=draws)] for each in patches]
    return F.fold(torch.stack(mixed), x.shape[-2:], side, stride=side).byte()


def one_again(x: Tensor) -> Tensor:
    """(N, 3, R, R) uint8 whose first tenth is the first one with a little noise."""
    count, again = len(x) // 10, x.clone()
    noise = 4 * torch.randn(count, *x.shape[1:], generator=torch.Generator().manual_seed(0))
    again[:count] = (x[:1] + noise).clamp(0, 255).round().byte()
    return again


def measured(evaluator: GanEvaluator, x: Tensor, labels: Tensor) -> dict[str, float]:
    """What the evaluation says, higher is better throughout."""
    steps = evaluator.evaluate(x, labels)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            metrics: GanMetrics = end.value
            break
    return {name: sign * float(getattr(metrics, name) or 0) for name, sign in GOOD.items()}


def report(name: str, pixels: Tensor, labels: Tensor, space: str, out: Path | None) -> None:
    """Print the table of one set."""
    draws = torch.Generator().manual_seed(0)
    order = torch.randperm(len(pixels), generator=draws)
    learn, held, rest = order[:LEARN], order[LEARN : LEARN + HELD], order[LEARN + HELD :]
    if len(rest) < SAMPLES:
        raise SystemExit(f"{name}: {len(pixels)} pictures; {LEARN + HELD + SAMPLES} are needed.")
    chosen = choose_judge(CPU) if space == "judge" else choose_feature_space(CPU)
    evaluator = GanEvaluator(
        chosen, pixels[learn], pixels[held], labels[learn], labels[held], most=LEARN
    )
    usual = []
    for _ in range(ROUNDS):
        rows = rest[torch.randperm(len(rest), generator=draws)[:SAMPLES]]
        usual.append(measured(evaluator, pixels[rows], labels[rows]))
    x, y = pixels[rows], labels[rows]
    half = rest[labels[rest] % 2 == 0]
    if len(half) < SAMPLES:
        raise SystemExit(f"{name}: {len(half)} pictures in half of the classes are too few.")
    half = half[torch.randperm(len(half), generator=draws)[:SAMPLES]]
    cases = {
        "blur": (blur(x), y),
        "grid": (grid(x), y),
        "mush": (shuffled(x, 8), y),
        "pieces": (shuffled(x, 4), y),
        "wrong class": (x, y.roll(1)),
        "half missing": (pixels[half], labels[half]),
        "one repeated": (one_again(x), y),
        "copies": (pixels[learn[:SAMPLES]], labels[learn[:SAMPLES]]),
    }
    print(f"\n{name}, {chosen.name}, {SAMPLES} pictures each")
    print(f"{'':14}" + "".join(f"{number[:9]:>10}" for number in GOOD))
    means = {n: float(np.mean([each[n] for each in usual])) for n in GOOD}
    wobble = {n: max(1e-4, float(np.std([each[n] for each in usual]))) for n in GOOD}
    print(f"{'real':14}" + "".join(f"{abs(means[n]):>10.3f}" for n in GOOD))
    for case, (spoiled, given) in cases.items():
        found = measured(evaluator, spoiled, given)
        worse = [(means[n] - found[n]) / wobble[n] for n in GOOD]
        print(f"{case:14}" + "".join(f"{value:>10.0f}" for value in worse), flush=True)
    if out is not None:
        rows8 = [x[:8], *(spoiled[:8] for spoiled, _ in cases.values())]
        write_png(out / f"{name}.png", picture_grid(torch.cat(rows8), 8))


def main() -> None:
    """One table for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--space", choices=("judge", "seedling-s"), default="judge")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for data in options.data:
        with tempfile.TemporaryDirectory() as folder:
            images, _ = open_data(data, Path(folder) / "set", limits=Limits(files=200_000))
            rows = np.random.default_rng(0).permutation(np.flatnonzero(images.labels >= 0))[:3600]
            pixels = load_squares(images, rows, options.side, CPU)
            labels = torch.from_numpy(images.labels[rows])
            report(Path(data).stem, pixels, labels, options.space, options.out)


if __name__ == "__main__":
    main()
