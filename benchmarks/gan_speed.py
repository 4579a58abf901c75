"""The GAN loop's overhead.

What a run costs beyond its networks: whole runs against bare forward and backward passes.

``python benchmarks/gan_speed.py DATA [--seconds 20] [--rounds 5] [--resolution 32]``

In turns, in one process: the loop with everything that a run has (augmentation, optimizers, the
average generator, sample grids, evaluations, reports, checkpoints in a run's folder); its steps
alone (pictures, optimizers, the average generator); and the same two networks' forward and backward
passes, on one batch that never changes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.core.threads import share_cores

share_cores()

import psutil  # noqa: E402
import torch  # noqa: E402

from training.core.device import create_fabric, list_devices  # noqa: E402
from training.data.imageset import ImageSet  # noqa: E402
from training.gan.config import GanConfig, penalty_weight  # noqa: E402
from training.gan.learner import GanLearner  # noqa: E402
from training.gan.losses import OBJECTIVES, grad_norm_sq  # noqa: E402
from training.gan.setup import resume_training  # noqa: E402
from training.gan.train import train_gan  # noqa: E402
from training.intake.datasets import open_data  # noqa: E402
from training.runs.events import Log  # noqa: E402
from training.runs.folder import RunFolder, RunInfo  # noqa: E402


def bare_speed(learner: GanLearner, seconds: float) -> float:
    """Images per second of the passes that any GAN step consists of, without optimizers."""
    config, size = learner.config, learner.batch_size
    g, d = learner.generator.train(), learner.discriminator.train()
    objective, gamma = OBJECTIVES[config.objective], penalty_weight(config)
    real = torch.rand(size, 3, config.resolution, config.resolution, device=learner.fabric.device)
    real = (real * 2 - 1).contiguous(memory_format=torch.channels_last)
    classes = learner.shape.class_count
    labels = torch.arange(size, device=real.device) % classes if classes else None
    z = torch.randn(size, learner.shape.latent_size, device=real.device)
    steps, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        for weight in (*g.parameters(), *d.parameters()):
            weight.grad = None
        fake = g(z, labels)
        real_scores, fake_scores = d(real, labels), d(fake.detach(), labels)
        loss = objective.discriminator(real_scores, fake_scores)
        if gamma and objective.penalty.startswith("r1"):
            loss = loss + gamma / 2 * grad_norm_sq(lambda x: d(x, labels), real)
            if objective.penalty == "r1_r2":
                loss = loss + gamma / 2 * grad_norm_sq(lambda x: d(x, labels), fake)
        loss.mean().backward()
        d.requires_grad_(False)
        objective.generator(real_scores.detach(), d(fake, labels)).mean().backward()
        d.requires_grad_(True)
        steps += 1
    return steps * size / (time.monotonic() - started)


def step_speed(learner: GanLearner, seconds: float) -> float:
    """Images per second of training steps without samples, evaluations and checkpoints."""
    images_seen, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        learner.step(images_seen, 0.0)
        images_seen += learner.batch_size
    return images_seen / (time.monotonic() - started)


def loop_speed(
    config: GanConfig, images: ImageSet, device: str, seconds: float, folder: Path
) -> tuple[float, RunFolder]:
    """Images per second of training with all that a run has, and the run that was written.

    Counted from the first report of its training phase, so that preparing it is left out.
    """
    info = RunInfo("0" * 32, "", "gan", "speed", 0.0, "data", {}, config.to_json())
    run = RunFolder.create(folder, info)
    first: tuple[float, int] | None = None
    images_seen, now, trained = 0, 0.0, 0.0
    for event in train_gan(config, images, fabric=create_fabric(device)):
        run.record(event)
        now = time.monotonic()
        if isinstance(event, Log):
            images_seen = event.images_seen
            if event.phase == "train" and first is None:
                first = now, images_seen
            elif first is not None and event.phase == "train":
                trained = (images_seen - first[1]) / (now - first[0])
    return trained, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--device", default=list_devices()[0])
    options = parser.parse_args()
    base = GanConfig(width=options.width, resolution=options.resolution)
    config = replace(base, minutes=options.seconds / 60)
    speeds: dict[str, list[float]] = {"loop": [], "steps": [], "bare": []}
    with tempfile.TemporaryDirectory(prefix="seedling-") as name:
        folder = Path(name)
        images, _ = open_data(options.data, folder / "data")
        for number in range(options.rounds):
            loop, run = loop_speed(
                config, images, options.device, options.seconds, folder / f"run{number}"
            )
            saved = run.checkpoint()
            assert saved is not None
            learner, _ = resume_training(config, images, create_fabric(options.device), saved)
            bare_speed(learner, 1.0)
            speeds["loop"].append(loop)
            for name, measure in (("bare", bare_speed), ("steps", step_speed)) * 2:
                speeds[name].append(measure(learner, options.seconds / 4))
            print({name: [round(x) for x in each] for name, each in speeds.items()}, flush=True)
    # Each is compared with the bare passes of its own round: a shared machine drifts.
    per_round = {name: len(each) // options.rounds for name, each in speeds.items()}
    bare = [
        statistics.median(speeds["bare"][2 * number : 2 * number + 2])
        for number in range(options.rounds)
    ]
    print()
    for name, each in speeds.items():
        ratios = sorted(bare[place // per_round[name]] / speed for place, speed in enumerate(each))
        print(
            f"{name:<6} {statistics.median(each):4.0f} images/s, {statistics.median(ratios):.2f}x "
            f"the time of bare passes ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    print(f"{psutil.Process().memory_info().rss / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
