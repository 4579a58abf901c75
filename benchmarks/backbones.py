"""Images per second of backbones.

Training steps and frozen forward passes of classifier backbones, in turn, with the spread:
python benchmarks/backbones.py seedling-s seedling_net mobilenet_v3_small --side 64
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from models.classifiers import Features  # noqa: E402
from models.frozen import freeze  # noqa: E402
from models.registry import create_model, list_models  # noqa: E402

CPU = torch.device("cpu")
CLASSES, TRAIN_BATCH, LOOK_BATCH = 200, 64, 32


def main() -> None:
    """Measure in rounds, all backbones in each: a shared machine that drifts slows all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=list_models(), metavar="NAME")
    parser.add_argument("--side", type=int, default=64, help="px")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    options = parser.parse_args()
    work = {
        name: (learning(name, options.side), looking(name, options.side)) for name in options.names
    }
    speeds: dict[str, list[tuple[float, ...]]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, steps in work.items():
            speeds[name].append(tuple(speed(step, options.seconds) for step in steps))
    print(f"images/s at {options.side} px, {torch.get_num_threads()} threads: median (range)")
    for name, rounds in speeds.items():
        count = sum(weight.numel() for weight in create_model(name, CLASSES).parameters())
        shown = [spread(list(column)) for column in zip(*rounds, strict=True)]
        print(f"{name:20} {count / 1e6:5.2f} M   learns {shown[0]}   looks {shown[1]}")


def learning(name: str, side: int) -> Callable[[], int]:
    """A function that takes one training step on random pictures and gives their count."""
    model = create_model(name, CLASSES).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    x, y = pictures(TRAIN_BATCH, side), torch.randint(CLASSES, (TRAIN_BATCH,))

    def step() -> int:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return TRAIN_BATCH

    return step


def looking(name: str, side: int) -> Callable[[], int]:
    """A function that makes one frozen forward pass and gives the count of pictures."""
    network: nn.Module = Features(create_model(name, CLASSES))
    forward, x = freeze(network, CPU), pictures(LOOK_BATCH, side)

    def step() -> int:
        forward(x)
        return LOOK_BATCH

    return step


def pictures(count: int, side: int) -> torch.Tensor:
    """(count, 3, side, side) in [0, 1], channels_last."""
    return torch.rand(count, 3, side, side).contiguous(memory_format=torch.channels_last)


def speed(step: Callable[[], int], seconds: float) -> float:
    """Images per second over at least ``seconds``, after one step that is not counted."""
    step()
    count, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < seconds:
        count += step()
    return count / took


def spread(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:5.0f} ({ordered[0]:.0f} to {ordered[-1]:.0f})"


if __name__ == "__main__":
    main()
