"""One training step of a GAN.

Two networks, their optimizers, and the EMA of the generator that makes the samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Adam

from models.gans.average import AverageGenerator
from models.gans.layers import Discriminator, Generator
from models.gans.registry import GanShape
from models.gans.style import StyleGenerator
from training.data.batches import SEED_STEP
from training.gan.augment import diff_augment
from training.gan.config import USUAL, GanConfig, adam_betas, penalty_weight
from training.gan.images import Pictures, mix_classes
from training.gan.losses import OBJECTIVES, path_length, penalise
from training.gan.means import StepMeans
from training.gan.networks import create_networks
from training.runs.checkpoint import Checkpoint, pack, pack_optimizer, unpack_optimizer

EMA_RAMP = 0.1  # of the images seen: the average's half-life early in a run
PATH_EVERY, PATH_SHRINK, PATH_DECAY = 4, 2, 0.01  # arXiv 1912.04958, appendix B


class GanLearner:
    """A generator, its slow average, a discriminator, and all that a step needs."""

    def __init__(
        self,
        config: GanConfig,
        shape: GanShape,
        batch_size: int,
        pictures: Pictures,
        fabric: Fabric,
    ) -> None:
        """Make new networks; random weights come from torch's global random numbers."""
        self.config, self.shape, self.batch_size = config, shape, batch_size
        self.pictures, self.fabric = pictures, fabric
        self.objective, self.gamma = OBJECTIVES[config.objective], penalty_weight(config)
        generator, discriminator = create_networks(config, shape)
        device = fabric.device
        self.generator: Generator = _place(generator, device)
        self.discriminator: Discriminator = _place(discriminator, device)
        self.average = AverageGenerator(
            self.generator, lambda: pictures.statistics_batches(shape.latent_size)
        )
        with fabric.autocast():
            self._is_mixed = torch.is_autocast_enabled(device.type)
        self.path_mean = torch.zeros((), device=device)
        self._penalty_share, self._class_share = 1.0, 1.0
        self._uses_path_length = bool(config.path_length) and isinstance(generator, StyleGenerator)
        self.freeze(0)

    def _create_optimizers(self) -> None:
        self.peak = self.config.lr or USUAL[self.config.architecture].lr
        self.g_optimizer, self.d_optimizer = (
            Adam(weights, lr=self.peak, betas=adam_betas(self.config), fused=True)
            for weights in (list(self.generator.parameters()), self._taught)
        )

    def freeze(self, stages: int) -> None:
        """FreezeD: keep the discriminator's lowest ``stages``; both optimizers begin anew."""
        frozen = {id(w) for stage in self.discriminator.stages[:stages] for w in stage.parameters()}
        for weight in self.discriminator.parameters():
            weight.requires_grad_(id(weight) not in frozen)
        self._taught = [w for w in self.discriminator.parameters() if w.requires_grad]
        self._create_optimizers()

    def set_schedule(
        self, factor: float, d_factor: float, penalty: float = 1.0, classes: float = 1.0
    ) -> None:
        """Rates and penalty as shares of their peaks; ``d_factor`` is the discriminator's alone.

        ``classes`` is how far they are told apart, from 0 to 1.
        """
        self._penalty_share, self._class_share = penalty, classes
        self.g_optimizer.param_groups[0]["lr"] = self.peak * factor
        rate = self.peak * factor * self.config.d_lr_factor * d_factor
        self.d_optimizer.param_groups[0]["lr"] = rate

    # ---- one step

    def step(self, images_seen: int, augment_p: float) -> StepMeans:
        """Update the discriminator, then the generator, on the batch after ``images_seen`` images.

        ``augment_p`` is DiffAugment's probability. What is random depends on the seed,
        ``images_seen`` and the process's rank alone, so that a resumed run goes on as if it had
        never stopped.
        """
        fabric, size = self.fabric, self.batch_size // self.fabric.world_size
        seed = self.config.seed * SEED_STEP + images_seen * fabric.world_size + fabric.global_rank
        torch.manual_seed(seed)  # latents, per-layer noise, style mixing, dropout
        draws = torch.Generator(fabric.device).manual_seed(seed)  # mirroring and augmentation
        real, labels = self.pictures.batch(images_seen, self.batch_size, self.config.seed)
        if self.config.mirror:
            flipped = torch.rand(len(real), 1, 1, 1, generator=draws, device=real.device) < 0.5
            real = torch.where(flipped, real.flip(3), real)
        labels = self._mixed(labels)

        # One generated batch serves both networks: the discriminator without gradients ...
        number, every = images_seen // self.batch_size, self.objective.d_steps
        g_learns = number % every == every - 1
        z = torch.randn(size, self.shape.latent_size, device=fabric.device)
        with fabric.autocast(), torch.set_grad_enabled(g_learns):
            fake = self.generator.train()(z, labels)
        fake = fake.float()  # as pictures are; a penalty is taken of it in full precision
        d_loss, scores = self._d_step(real, fake.detach(), labels, augment_p, draws)
        # ... and then the generator, judged by the discriminator that has just learned.
        if g_learns:
            g_loss = self._g_step(fake, scores[0], labels, augment_p, draws)
        else:
            g_loss = self.objective.generator(*scores).mean()
        # Path lengths need a forward pass of their own, so they are only evened out now and then,
        # and as much more strongly.
        if self._uses_path_length and number % PATH_EVERY == 0:
            self._path_length_step(z, labels)
        self._update_ema(images_seen)

        d_rank_accuracy = (scores[0] > scores[1]).float().mean()
        return StepMeans(d_loss, g_loss, scores[0].mean(), scores[1].mean(), d_rank_accuracy)

    def _mixed(self, labels: Tensor | None) -> Tensor | None:
        """The classes as far as they are told apart by now."""
        return mix_classes(labels, self._class_share, self.shape.class_count)

    def _d_step(
        self,
        real: Tensor,
        fake: Tensor,
        labels: Tensor | None,
        augment_p: float,
        draws: torch.Generator,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Gives the mean loss without its penalty, and the scores of both batches."""
        real = diff_augment(real, augment_p, draws)
        fake = diff_augment(fake, augment_p, draws)
        self.discriminator.train()
        # Autocast keeps half-precision copies of the weights while it lasts, so it must not outlive
        # an update of them.
        with self.fabric.autocast():
            real_scores = self.discriminator(real, labels)
            fake_scores = self.discriminator(fake, labels)
        loss = self.objective.discriminator(real_scores, fake_scores)
        total, gamma = loss, self.gamma * self._penalty_share
        if gamma and self.objective.penalty != "none":
            # In full precision: squares of small differences are nothing for half of it.
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                penalty = penalise(
                    self.objective.penalty,
                    self.config.penalty_form,
                    lambda x: self.discriminator(x, labels),
                    (real, fake),
                    None if self._is_mixed else (real_scores, fake_scores),
                )
            total = loss + gamma * penalty
        self._optimizer_step(self.d_optimizer, total.mean())
        return loss.detach().mean(), (real_scores.detach(), fake_scores.detach())

    def _g_step(
        self,
        fake: Tensor,
        real_scores: Tensor,
        labels: Tensor | None,
        augment_p: float,
        draws: torch.Generator,
    ) -> Tensor:
        """Gives the mean loss. A loss that compares uses the real scores of a moment ago."""
        for weight in self._taught:
            weight.requires_grad_(False)  # the gradient passes through, at two thirds of the cost
        with self.fabric.autocast():
            scores = self.discriminator(diff_augment(fake, augment_p, draws), labels)
        loss = self.objective.generator(real_scores, scores).mean()
        self._optimizer_step(self.g_optimizer, loss)
        for weight in self._taught:
            weight.requires_grad_(True)
        return loss.detach()

    def _path_length_step(self, z: Tensor, labels: Tensor | None) -> None:
        """Path-length regularisation, every few steps and as much stronger: arXiv 1912.04958."""
        assert isinstance(self.generator, StyleGenerator)
        count = max(1, len(z) // PATH_SHRINK)
        side = self.shape.resolution
        noise = torch.randn(count, 3, side, side, device=z.device)
        w = self.generator.mapping(z[:count], labels[:count] if labels is not None else None)
        lengths, _ = path_length(self.generator.synthesis, w, noise)
        self.path_mean = self.path_mean.lerp(lengths.detach().mean(), PATH_DECAY)
        loss = (lengths - self.path_mean).square().mean() * self.config.path_length * PATH_EVERY
        self._optimizer_step(self.g_optimizer, loss)

    def _optimizer_step(self, optimizer: Adam, loss: Tensor) -> None:
        """One step down the gradient of ``loss``, a mean over all processes."""
        optimizer.zero_grad()
        self.fabric.backward(loss)
        if self.fabric.world_size > 1:
            # Not DDP's own hooks: they count on one forward pass for each backward pass, and here
            # are up to four, and double backward.
            self._average_gradients(optimizer.param_groups[0]["params"])
        optimizer.step()

    def _average_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Make every gradient the mean over all processes, in one message."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        mean = _tensor(self.fabric.all_reduce(torch.cat([each.flatten() for each in gradients])))
        parts = mean.split([each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def _update_ema(self, images_seen: int) -> None:
        """Let the average follow the generator; its half-life grows with the images seen."""
        half_life = min(self.config.ema_half_life, EMA_RAMP * images_seen)
        self.average.update(
            self.generator, 0.5 ** (self.batch_size / half_life) if half_life else 0.0
        )

    # ---- measuring

    @torch.no_grad()
    def overfit(self, images_seen: int, augment_p: float) -> float:
        """How far scores of held-out pictures have fallen from real ones towards generated ones.

        (mean D(train) - mean D(held out)) / (mean D(train) - mean D(generated)): 0 for none, 1
        for all the way. Only differences count, so that it means the same under every loss;
        arXiv 2006.06676, equation 1. 0 while real and generated pictures can't be told apart.
        """
        seed, device = self.config.seed * SEED_STEP + images_seen + 1, self.fabric.device
        draws = torch.Generator().manual_seed(seed)
        varied = torch.Generator(device).manual_seed(seed)
        real, labels = self.pictures.any("train", self.batch_size, draws)
        held, held_labels = self.pictures.any("val", self.batch_size, draws)
        z = torch.randn(len(real), self.shape.latent_size, generator=draws).to(real.device)
        # Not the average: its statistics are measured when somebody looks, which depends on time.
        fake = self.generator.eval()(z, self._mixed(labels))
        means = [
            self.discriminator(diff_augment(x, augment_p, varied), self._mixed(y)).mean()
            for x, y in ((real, labels), (held, held_labels), (fake, labels))
        ]
        train, val, generated = torch.stack(means).tolist()
        gap = train - generated
        return min(1.0, max(0.0, (train - val) / gap)) if gap > 1e-6 else 0.0

    def mean_over_processes(self, means: Mapping[str, float]) -> dict[str, float]:
        """The same figures, averaged over all processes."""
        if self.fabric.world_size == 1:
            return dict(means)
        values = torch.tensor(list(means.values()), device=self.fabric.device)
        averaged = _tensor(self.fabric.all_reduce(values))
        return dict(zip(means, averaged.tolist(), strict=True))

    # ---- checkpoints

    def state_dict(self, best: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All tensors of a checkpoint."""
        return pack(
            generator=_copy(self.generator),
            discriminator=_copy(self.discriminator),
            ema=_copy(self.average()),
            best=best,
            g_optimizer=pack_optimizer(self.g_optimizer),
            d_optimizer=pack_optimizer(self.d_optimizer),
            path={"mean": self.path_mean.cpu().clone()},
        )

    def load_state_dict(self, saved: Checkpoint) -> None:
        """The reverse of ``state_dict``; reads what earlier versions wrote, too."""
        self.generator.load_state_dict(saved.part("generator"))
        self.discriminator.load_state_dict(saved.part("discriminator"))
        self.average.load(saved.part("ema"))
        unpack_optimizer(self.g_optimizer, saved.part("g_optimizer"))
        unpack_optimizer(self.d_optimizer, saved.part("d_optimizer"))
        self.path_mean = saved.part("path")["mean"].to(self.fabric.device)

    def forget_step(self) -> None:
        """Drop what is left of a step that ended in the middle."""
        for optimizer in (self.g_optimizer, self.d_optimizer):
            optimizer.zero_grad()
        for weight in self._taught:
            weight.requires_grad_(True)
        if self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()

    def parameters(self) -> dict[str, int]:
        """How many numbers each of the two networks learns."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return {
            name: sum(weight.numel() for weight in network.parameters())
            for name, network in networks.items()
        }

    def is_sound(self) -> bool:
        """Whether all weights are numbers; a loss tells of the weights before its own step only."""
        networks = (self.generator, self.average.network, self.discriminator)
        return all(bool(get_total_norm(net.parameters()).isfinite()) for net in networks)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the average generator's weights, on the CPU."""
        return _copy(self.average())


def _place(network: Any, device: torch.device) -> Any:
    return network.to(device, memory_format=torch.channels_last)


def _tensor(value: Any) -> Tensor:
    """Fabric reduces containers of tensors, too; here it never gets one."""
    assert isinstance(value, Tensor)
    return value


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
