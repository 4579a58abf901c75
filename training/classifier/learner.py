"""One training step of a classifier."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from models.classifiers import Classifier
from training.classifier.augment import MARGIN, vary
from training.classifier.config import ClassifierConfig
from training.classifier.losses import (
    inverse_frequency,
    l2_sp,
    loss_and_accuracy,
    weighted_cross_entropy,
)
from training.classifier.schedule import grown_side, learning_rate_factor, trained_stages
from training.data.batches import SEED_STEP, batch_rows, load_squares, to_device, to_unit
from training.data.imageset import ImageSet
from training.data.splits import Split
from training.runs.checkpoint import pack, pack_optimizer, unpack_optimizer

EVAL_BATCH = {"cpu": 8, "cuda": 128, "mps": 64}


class Learner:
    """A classifier, its optimizer, and its pictures on the device."""

    def __init__(
        self,
        config: ClassifierConfig,
        images: ImageSet,
        split: Split,
        model: Classifier,
        fabric: Fabric,
    ) -> None:
        """Prepare pictures and optimizer; the pull of L2-SP starts at ``model``'s weights."""
        self.config, self.fabric = config, fabric
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.start = self._pulled() if config.l2_sp and config.method != "scratch" else {}
        # Random layers all have everything to learn.
        self.layer_decay = 1.0 if config.method == "scratch" else config.layer_decay
        # These begin with a head fitted to features under the pretrained BatchNorm statistics, and
        # batches of a small set would only blur them.
        self.keeps_statistics = config.method in ("lp_ft", "gradual")
        self.optimizer = create_optimizer(config, self.model)
        self.network, self._stepper = fabric.setup(self.model, self.optimizer)
        self.side = self.full_side = config.side()
        self._load_pictures(images, split)

    def _load_pictures(self, images: ImageSet, split: Split) -> None:
        device = self.fabric.device
        side = self.full_side
        if self.config.augment == "light":
            # Not more than the pictures have: enlarged here and again by a crop, they would look
            # unlike those of the evaluation. At 64 px that made 27 % right instead of 41 %.
            own = np.median(np.minimum(images.heights, images.widths)[split.train])
            side = max(side, min(round(side * MARGIN), int(own)))
        self.pixels = load_squares(images, split.train, side, device)
        self.val_pixels = load_squares(images, split.val, self.full_side, device)
        self.labels = torch.from_numpy(images.labels[split.train]).to(device)
        self.val_labels = torch.from_numpy(images.labels[split.val]).to(device)
        even = inverse_frequency(self.labels, len(images.class_names))
        self.class_weights = even if self.config.class_weights else None

    def _pulled(self) -> dict[str, Tensor]:
        named = self.model.named_parameters()
        device = self.fabric.device
        return {n: w.detach().clone().to(device) for n, w in named if not n.startswith("head.")}

    def fork(self) -> Learner:
        """A copy with its own weights and optimizer on the same pictures, to try things out."""
        other = copy.copy(self)
        other.model = copy.deepcopy(self.model)
        other.optimizer = create_optimizer(self.config, other.model)
        other.network, other._stepper = self.fabric.setup(other.model, other.optimizer)
        return other

    def set_schedule(self, peak: float, progress: float) -> None:
        """Rates, trained stages and size for this moment of the run, ``progress`` 0 to 1."""
        config, stages = self.config, len(self.model.stages)
        self.side = grown_side(self.full_side, progress) if config.grow else self.full_side
        rate = peak * learning_rate_factor(config.schedule, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.layer_decay ** group["depth"]
        top = trained_stages(config.method, stages, progress)
        self.network.train()
        for number, stage in enumerate(self.model.stages):
            trained = number >= stages - top
            stage.requires_grad_(trained)
            stage.train(trained and not self.keeps_statistics)
        self.model.pool.train()  # its dropout

    def set_rate(self, rate: float) -> None:
        """The same rate for the head, and its share for each stage below; pictures full size."""
        self.set_schedule(rate / learning_rate_factor(self.config.schedule, 0.5), 0.5)
        self.side = self.full_side

    def rate(self) -> float:
        """The head's learning rate now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, images_seen: int) -> tuple[Tensor, Tensor, Tensor]:
        """One update on the batch that follows the first ``images_seen`` images.

        Gives the mean loss that it lowers, the plain cross-entropy for a curve beside that of the
        validation, and the share of right answers, on the device and not waited for.
        What is random depends on the seed and ``images_seen`` alone, so that a resumed run goes on
        as if it had never stopped.
        """
        config, device = self.config, self.fabric.device
        seed = config.seed * SEED_STEP + images_seen
        torch.manual_seed(seed)  # dropout
        rows = batch_rows(len(self.pixels), images_seen, config.batch_size, config.seed)
        rows = rows[self.fabric.global_rank :: self.fabric.world_size]
        x, y = (
            to_unit(self.pixels[to_device(rows, self.pixels.device)], device),
            self.labels[to_device(rows, device)],
        )
        if config.augment == "light":
            generator = torch.Generator().manual_seed(seed)
            x = vary(x, self.side, mirror=config.mirror, generator=generator)
        elif self.side != self.full_side:
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", antialias=True)
        scores = self.network(x)
        loss = weighted_cross_entropy(scores, y, self.class_weights, config.label_smoothing)
        objective = loss
        if self.start:
            objective = loss + l2_sp(dict(self.model.named_parameters()), self.start, config.l2_sp)
        self._stepper.zero_grad()
        self.fabric.backward(objective)
        self._stepper.step()
        scores = scores.detach().float()
        right = (scores.argmax(dim=1) == y).float().mean()
        return loss.detach(), F.cross_entropy(scores, y), right

    def validate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on the validation pictures, without augmentation."""
        return self._measure(self.val_pixels, self.val_labels)

    def measure_start(self) -> dict[str, float]:
        """Where the curves begin: the network as it is, before its first step.

        Of the pictures to learn from as many are looked at as there are for validation.
        """
        count = min(len(self.pixels), len(self.val_pixels))
        rows = batch_rows(len(self.pixels), 0, count, self.config.seed)
        pixels = self.pixels[to_device(rows, self.pixels.device)]
        labels = self.labels[to_device(rows, self.fabric.device)]
        loss, accuracy = self._measure(pixels, labels)
        val_loss, val_accuracy = self.validate()
        return {
            "train/loss": loss,
            "train/accuracy": accuracy,
            "val/loss": val_loss,
            "val/accuracy": val_accuracy,
        }

    @torch.no_grad()
    def _measure(self, squares: Tensor, labels: Tensor) -> tuple[float, float]:
        self.network.eval()
        side, scores = self.full_side, []
        for pixels in squares.split(EVAL_BATCH[self.fabric.device.type]):
            x = to_unit(pixels, self.fabric.device)
            if x.shape[-1] != side:  # kept larger, to be cropped
                x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
            scores.append(self.network(x).float())
        return loss_and_accuracy(torch.cat(scores), labels)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the network's weights and statistics, on the CPU."""
        state = self.model.state_dict()
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def state_dict(self, best: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All tensors of a checkpoint: ``model``, ``best``, ``optimizer`` and ``start``."""
        optimizer = pack_optimizer(self.optimizer)
        return pack(model=self.weights(), best=best, optimizer=optimizer, start=self.start)

    def load_state_dict(self, optimizer: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
        """Take the optimizer's state and L2-SP's starting point from a checkpoint."""
        unpack_optimizer(self.optimizer, optimizer)
        self.start = {name: tensor.to(self.fabric.device) for name, tensor in start.items()}


def create_optimizer(config: ClassifierConfig, model: Classifier) -> Optimizer:
    """Parameters in groups by their depth below the head, norms and biases without decay.

    With L2-SP the backbone is pulled to its start and not to zero as well.
    """
    groups = []
    parts: list[tuple[int, nn.Module]] = [(0, model.head), (1, model.pool)]
    parts += [(depth, stage) for depth, stage in enumerate(reversed(model.stages), 1)]
    for depth, part in parts:
        for is_matrix in (True, False):
            chosen = [w for w in part.parameters() if (w.ndim > 1) == is_matrix]
            decayed = is_matrix and not (config.l2_sp and depth)
            decay = config.weight_decay if decayed else 0.0
            if chosen:
                groups.append({"params": chosen, "depth": depth, "weight_decay": decay})
    if config.optimizer == "sgd":
        return SGD(groups, lr=1e-3, momentum=0.9, fused=True)
    return AdamW(groups, lr=1e-3, fused=True)
