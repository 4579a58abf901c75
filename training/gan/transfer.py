"""Start from another GAN's weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.gans.registry import GanShape
from models.registry import BACKBONES
from models.weights import is_shipped, read_card, shipped_folder, shipped_names
from training.core.messages import UserError
from training.data.batches import load_squares
from training.data.imageset import ImageSet
from training.features.space import SIDE, choose_feature_space
from training.gan.config import PROJECTED_LOSS, GanConfig
from training.latent.steering import load_gan_sampler
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint
from training.runs.folder import RunFolder, load_model

D_BACKBONE = "seedling-s"
SCRATCH = "scratch"  # what a person writes to begin with random networks
CPU = torch.device("cpu")
COMPARED, SETS_IN_MEMORY = 64, 256  # pictures that tell how alike two sets are; sets
# Of 255, the mean distance of colours from grey: garments-32 has 1, photos of clothes 16.
GREY = 3.0
NEAR = 6.0  # between the mean features of a set and of a generator's pictures; see docs/measured.md


def fitting_starts(config: GanConfig) -> list[str]:
    """The names of the shipped models that are built as ``config`` says."""
    fitting = []
    for name in shipped_names("gan"):
        shape = GanShape.from_json(read_card(shipped_folder(name))["model"]["shape"])
        alike = (shape.architecture, shape.resolution) == (config.architecture, config.resolution)
        if alike and config.width in (None, shape.width):
            fitting.append(name)
    return fitting


def default_start(config: GanConfig, images: ImageSet | None = None) -> str:
    """The name of the shipped model that saves time on ``images``; empty where scratch is better.

    That is the one that paints what is most like them, if it is near enough: else what it knows
    has to be forgotten first. One that paints in grey is none for pictures in colour.
    """
    fitting = fitting_starts(config)
    if not fitting or images is None or not len(images):
        return fitting[0] if fitting else ""
    rows = np.linspace(0, len(images) - 1, min(COMPARED, len(images))).astype(int)
    wanted = _glance_at_pictures(images.folder, tuple(images.offsets[rows].tolist()))
    glances = {name: _glance_at_model(shipped_folder(name)) for name in fitting}
    apart = {
        name: float((glance.mean - wanted.mean).norm())
        for name, glance in glances.items()
        if wanted.is_grey or not glance.is_grey
    }
    near = {name: distance for name, distance in apart.items() if distance < NEAR}
    return min(near, key=lambda name: near[name], default="")


@dataclass(frozen=True)
class Glance:
    """A few pictures of one kind: the mean of their features (D,), and whether they are grey."""

    mean: Tensor
    is_grey: bool

    @classmethod
    def at(cls, pixels: Tensor) -> Glance:
        """Of (N, 3, R, R) uint8."""
        space = choose_feature_space(CPU)
        features = torch.cat([space(part) for part in pixels.split(space.batch_size)])
        colour = pixels.float() - pixels.float().mean(dim=1, keepdim=True)
        return cls(features.mean(dim=0), bool(colour.abs().mean() < GREY))


@lru_cache(maxsize=SETS_IN_MEMORY)  # the page asks at every change of its form
def _glance_at_pictures(folder: Path, offsets: tuple[int, ...]) -> Glance:
    """At those pictures of a set that begin at these ``offsets``."""
    images = ImageSet.open(folder)
    rows = np.flatnonzero(np.isin(images.offsets, offsets))
    return Glance.at(load_squares(images, rows, SIDE, CPU))


@lru_cache
def _glance_at_model(folder: Path) -> Glance:
    return Glance.at(load_gan_sampler(folder)(range(COMPARED)))


def decide(config: GanConfig) -> GanConfig:
    """``config`` with its ``loss`` and ``d_backbone`` decided, where it leaves them open.

    Who starts from a generator goes on with the one that it learned through, so that its
    discriminator can be carried over, too. Who starts from scratch looks through ``D_BACKBONE``
    where that was found to help.

    Raises:
        UserError: there is no run to start from.
    """
    d_backbone = config.d_backbone
    if d_backbone is None and config.start_from:
        d_backbone = _d_backbone_of(config.start_from)
    elif d_backbone is None:
        d_backbone = D_BACKBONE if _profits(config) else ""
    config = dataclasses.replace(config, d_backbone=d_backbone)
    return dataclasses.replace(config, loss=config.objective)


def _profits(config: GanConfig) -> bool:
    """Whether a discriminator learns more in the same time if it looks through ``D_BACKBONE``."""
    card = BACKBONES[D_BACKBONE].card
    is_here = card is not None and card.is_here()
    fits = config.architecture == GanConfig.architecture and not config.gamma
    return is_here and fits and config.loss in (None, PROJECTED_LOSS)


def _d_backbone_of(start_from: str) -> str:
    """What the discriminator of a shipped model or a run looks through; empty for pixels alone."""
    folder = Path(start_from)
    if start_from in shipped_names("gan"):
        recipe = GanConfig.from_json(read_card(shipped_folder(start_from))["recipe"])
        return recipe.d_backbone or ""
    try:
        info = RunFolder(folder).info()
        config = GanConfig.from_json(info.config) if info.kind == GanConfig.kind else None
    except (OSError, ValueError, TypeError, KeyError) as problem:  # no run, or a damaged one
        raise UserError("gan.no_start", name=folder.name) from problem
    return config.d_backbone or "" if config else ""


def load_start(start_from: str) -> Checkpoint:
    """The weights of the shipped model of this name, or of the run in this folder.

    Of a run they are the finished model's, else those of the last checkpoint.

    Has the parts ``generator`` (the average one) and ``discriminator``, and the ``shape``.

    Raises:
        UserError: there is no GAN there, or it can't be read.
    """
    folder = Path(start_from)
    if start_from in shipped_names("gan"):
        folder = shipped_folder(start_from)
    if is_shipped(folder):
        shipped = load_model(folder)
        if "shape" in shipped.state:
            return shipped
    for name in ("model", "checkpoint"):
        try:
            saved = checkpoints.load(folder / name)
        except FileNotFoundError:
            continue
        except checkpoints.CheckpointDamaged as problem:
            raise UserError("run.damaged", name=folder.name) from problem
        if "shape" not in saved.state:
            break
        generator = saved.part("ema") or saved.part("generator")
        tensors = checkpoints.pack(generator=generator, discriminator=saved.part("discriminator"))
        return Checkpoint(tensors, saved.state)
    raise UserError("gan.no_start", name=folder.name)


@torch.no_grad()
def carry_over(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Copy all that has the same name and shape; gives the names of what keeps its random start.

    New classes begin as the average of the old ones, or as what a network without classes had.
    """
    per_class = {
        f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.Embedding)
    }
    left: list[str] = []
    for name, tensor in network.state_dict().items():
        given = weights.get(name)
        if given is not None and given.shape == tensor.shape:
            tensor.copy_(given)
        elif name.endswith(".noise.fixed"):
            pass  # nothing that is learned; weights of earlier versions do not have it
        elif (average := _over_classes(name, weights, name in per_class)) is not None and (
            average.shape[-1] == tensor.shape[-1]
        ):
            tensor.copy_(average.expand_as(tensor))
        else:
            left.append(name)
    return left


def _over_classes(name: str, weights: Mapping[str, Tensor], is_per_class: bool) -> Tensor | None:
    """What stands for any class: of an embedding, or between ``ClassNorm`` and plain BatchNorm."""
    if is_per_class and name in weights:
        return weights[name].mean(dim=0)
    for plain, classes in (("norm.weight", "gain.weight"), ("norm.bias", "bias.weight")):
        if is_per_class and name.endswith(classes):
            return weights.get(name.removesuffix(classes) + plain)
        if name.endswith(plain):
            given = weights.get(name.removesuffix(plain) + classes)
            return given.mean(dim=0) if given is not None else None
    return None
