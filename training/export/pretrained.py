"""How the shipped models are made.

A recipe for each, and how a finished run becomes a model that the project comes with.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor

from models.weights import CARD, WEIGHTS
from training.classifier.config import ClassifierConfig
from training.core.files import write_json
from training.core.messages import UserError
from training.core.paths import ROOT
from training.gan.config import GanConfig
from training.kinds import KINDS, Config, read_config
from training.latent.steering import FILE as DIRECTIONS
from training.latent.steering import keep_directions
from training.runs.checkpoint import Checkpoint, pack
from training.runs.events import Finished
from training.runs.folder import RunFolder, load_model

FILES = 200_000  # that a data set for pretraining may have; a person's upload has far fewer
MAX_BYTES = 10_000_000  # of one model's weights

LEFT = ("other/", "familiar/")  # of a model's parts those that are of no use elsewhere


@dataclass(frozen=True)
class PretrainRecipe:
    """How one of the shipped models is made, and what is to be said of it.

    ``data`` is the name of what it learns from and ``licence`` that of the data; ``use`` and
    ``limits`` say what the model is good for and what not. ``first_seed`` is of a good picture to
    open a generator with, chosen by eye once it is trained.
    """

    config: Config
    data: str
    licence: str
    use: str
    limits: str
    first_seed: int = 0


RECIPES: Mapping[str, PretrainRecipe] = {
    "seedling-s": PretrainRecipe(
        config=ClassifierConfig(
            backbone="seedling-s",
            method="scratch",
            minutes=90.0,
            batch_size=128,
            optimizer="sgd",
            lr=0.1,
            weight_decay=5e-4,
            label_smoothing=0.05,
            class_weights=False,
            grow=True,
        ),
        data="Tiny ImageNet: 400 of the 500 photos of each of its 200 classes, 64x64",
        licence="ImageNet terms of access: research and education",
        use="Features of photos of 64 to 96 px: a new head for a small set of pictures, the "
        "distance between pictures, a teacher for a GAN.",
        limits="Learned from 200 everyday classes at 64 px: fine print, faces, medical and aerial "
        "pictures were not among them, and its classes carry the biases of photos from the web.",
    ),
    "garments-32": PretrainRecipe(
        config=GanConfig(resolution=32, width=32, minutes=100.0, ema_half_life=50_000),
        data="Fashion-MNIST, 28x28 in grey, 10 classes",
        licence="MIT",
        use="Sliding through pictures of garments without any training, and a start for generators "
        "of 32 px.",
        limits="It knows ten kinds of garments as grey drawings on black, and nothing else.",
    ),
    "clothes-64": PretrainRecipe(
        config=GanConfig(
            resolution=64,
            width=32,
            minutes=120.0,
            mirror=True,
            ema_half_life=50_000,
            d_backbone="seedling-s",
        ),
        data="Clothing dataset (full, high resolution), 3,781 photos in 10 classes",
        licence="CC0 1.0",
        use="Sliding through pictures in colour, and a start for generators of 64 px.",
        limits="Few photos, taken at home by volunteers: shapes and colours of clothes on plain "
        "ground; no people, and no detail.",
        first_seed=14,
    ),
    "emoji-64": PretrainRecipe(
        config=GanConfig(
            resolution=64,
            width=32,
            minutes=100.0,
            conditional=False,
            ema_half_life=50_000,
            d_backbone="seedling-s",
        ),
        data="Noto Emoji, 3,583 pictures on white",
        licence="Apache-2.0",
        use="Sliding through drawn pictures in colour, and a start for generators of 64 px.",
        limits="Shapes and colours in the manner of one font; faces come out best, letters and "
        "flags not at all.",
        first_seed=31,
    ),
}


def ship(folder: RunFolder, name: str, out: Path, fabric: Fabric, origin: str) -> Mapping[str, Any]:
    """Write the finished run in ``folder`` as the shipped model ``name`` to ``out``.

    Matrices are rounded to half precision, and the numbers on the card are measured with these.

    Returns:
        The card, as ``card.json`` has it.

    Raises:
        UserError: the run has no model or checkpoint, or the model is too large.
    """
    rounded = {name: half(weight) for name, weight in _used(load_model(folder.path)).items()}
    last = folder.checkpoint()
    if last is None:
        raise UserError("run.no_model", name=folder.path.name)
    finished = _evaluate_again(folder, last, rounded, fabric)
    about = finished.model.state
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.contiguous() for name, weight in rounded.items()}, out / WEIGHTS)
    data = (out / WEIGHTS).read_bytes()
    if len(data) > MAX_BYTES:
        raise UserError("pretrain.large", name=name, size=f"{len(data) / 1e6:.1f}")
    recipe, result = RECIPES[name], finished.result
    card = {
        "name": name,
        "kind": about["kind"],
        "architecture": about["backbone"] if "backbone" in about else about["shape"],
        "parameters": sum(
            weight.numel()
            for name, weight in rounded.items()
            if weight.is_floating_point() and "running_" not in name
        ),
        "data": {
            "name": recipe.data,
            "licence": recipe.licence,
            "images": result["train_images"],
            "classes": len(about["class_names"]),
        },
        "origin": origin,
        "code": code_version(),
        "recipe": read_config(folder).to_json(),
        "images_seen": result["images_seen"],
        "seconds": result["seconds"],
        "device": f"{result['device']}, {platform.machine()}, {torch.get_num_threads()} threads",
        "quality": _quality(result),
        "use": recipe.use,
        "limits": recipe.limits,
        "model": about,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (out / DIRECTIONS).unlink(missing_ok=True)  # names of other weights' directions
    is_gan = about["kind"] == GanConfig.kind
    write_json(out / CARD, card | ({"first_seed": recipe.first_seed} if is_gan else {}))
    if is_gan:
        keep_directions(out)
    return card


def half(weight: Tensor) -> Tensor:
    """A matrix or kernel in half precision; all else as it is.

    Vectors take next to no room, and variances of BatchNorm may be too small for half precision.
    """
    return weight.half() if weight.is_floating_point() and weight.ndim > 1 else weight


def _used(model: Checkpoint) -> Mapping[str, Tensor]:
    """All but what is of no use elsewhere."""
    return {name: x for name, x in model.tensors.items() if not name.startswith(LEFT)}


def _evaluate_again(
    folder: RunFolder, last: Checkpoint, rounded: Mapping[str, Tensor], fabric: Fabric
) -> Finished:
    """The evaluation of the rounded weights on the test pictures, which decided nothing."""
    config, images = read_config(folder), folder.images()
    weights = Checkpoint({name: weight.float() for name, weight in rounded.items()})
    if isinstance(config, ClassifierConfig):
        tensors = pack(best=weights.part("model"))
    else:
        tensors = pack(best=weights.part("generator"), discriminator=weights.part("discriminator"))
    events = KINDS[config.kind].evaluate(
        config, images, Checkpoint(tensors, last.state), fabric=fabric
    )
    return next(event for event in events if isinstance(event, Finished))


def _quality(result: Mapping[str, Any]) -> dict[str, Any]:
    if result.get("kind") == "gan":
        metrics = result["meters"]
        names = ("space", "reference", "fd_floor", "variety", "copied_share")
        figures = {name: result[name] for name in ("fd", "kid", "density", "coverage")}
        return figures | {name: metrics[name] for name in names}
    names = ("accuracy", "accuracy_range", "count", "macro_recall", "evaluated_on")
    return {name: result[name] for name in names}


def code_version() -> str:
    """The commit of the code, as git names it; "unknown" outside a clone."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
