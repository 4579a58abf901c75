"""What the style families share.

Mapping, style mixing, truncation, noise, discriminator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gans.equalised import GAIN, EqualLinear, style_neck
from models.gans.layers import (
    LOWEST,
    SLOPE,
    Discriminator,
    Generator,
    LatentInput,
    ProjectionHead,
    channels_at,
    resolutions_up_to,
)

MAPPING_RATE = 0.01  # of the mapping network's learning rate (arXiv 1812.04948, appendix C)
MIXING = 0.9  # share of pictures with two styles while training (the same, table 2)
SLOWEST_MEAN = 200  # batches that the running mean of w looks back on
NOISE_SEED = 1812

# New for each picture, always the same, none at all, or the same for all pictures of a batch as
# a generator of random numbers has it.
Noise = Literal["random", "fixed", "none"] | torch.Generator


class Mapping(nn.Module):
    """``z`` to a ``w`` as long, in which directions mean more (arXiv 1812.04948, section 2)."""

    def __init__(self, latent_size: int, class_count: int, depth: int) -> None:
        super().__init__()
        self.latent = LatentInput(latent_size, class_count)
        sizes = [self.latent.size] + [latent_size] * depth
        layers: list[nn.Module] = []
        for inner, outer in zip(sizes, sizes[1:], strict=False):
            layers += [
                EqualLinear(inner, outer, gain=GAIN, rate=MAPPING_RATE),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(B, latent_size), (B,) to (B, w_size)."""
        # Latents are points on a hypersphere, as in arXiv 1710.10196, appendix A.
        on_sphere = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        w: Tensor = self.layers(self.latent(on_sphere, labels))
        return w


class LayerNoise(nn.Module):
    """Adds noise of a learned strength to a layer: detail that no style decides.

    The strength starts at zero; there is one for all channels or, with ``channels``, one for each.
    ``number`` tells the layers of one side apart: each has a fixed pattern of its own.
    """

    fixed: Tensor

    def __init__(self, side: int, channels: int = 1, number: int = 0) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        # The same in every network, and torch's global random numbers stay untouched.
        self.register_buffer("fixed", _pattern(side, NOISE_SEED + 2 * side + number))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Weights of before patterns were kept had the same one in both layers of a side."""
        state.setdefault(f"{prefix}fixed", _pattern(self.fixed.shape[-1], NOISE_SEED))
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
        """(B, C, side, side) to the same."""
        if noise == "none":
            return x
        pattern = self.fixed
        if isinstance(noise, torch.Generator):
            pattern = torch.randn(pattern.shape, generator=noise).to(x)
        elif noise == "random":
            pattern = torch.randn(len(x), *pattern.shape[1:], device=x.device, dtype=x.dtype)
        return x + self.strength * pattern


def _pattern(side: int, seed: int) -> Tensor:
    """(1, 1, side, side) standard normal, on the CPU even where a model is put together on meta."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(1, 1, side, side, generator=source, device="cpu")


class StyleGenerator(Generator):
    """A mapping network and a synthesis network, which a family fills in.

    Attributes:
        w_size: length of ``w``.
        layer_count: layers of the synthesis network that take a ``w`` each.
        style_mixing: share of pictures that get two styles in train mode.
        w_mean: running mean of ``w``, (1 or class_count, w_size); zero before any training.
    """

    w_mean: Tensor
    w_batches: Tensor

    def __init__(
        self, resolution: int, class_count: int, latent_size: int, depth: int, layer_count: int
    ) -> None:
        super().__init__(resolution, class_count, latent_size)
        self.w_size = latent_size
        self.layer_count = layer_count
        self.style_mixing = MIXING
        self.mapping = Mapping(latent_size, class_count, depth)
        self.register_buffer("w_mean", torch.zeros(max(1, class_count), latent_size))
        self.register_buffer("w_batches", torch.zeros(max(1, class_count)))

    def forward(
        self, z: Tensor, labels: Tensor | None = None, *, noise: Noise | None = None
    ) -> Tensor:
        """See ``Generator``; ``noise`` is "random" in train mode and "fixed" in eval mode."""
        w = self.mapping(z, labels)
        if self.training:
            self._update_ema(w.detach(), labels)
        ws = w[:, None].expand(-1, self.layer_count, -1)  # (B, L, w_size)
        if self.training and self.style_mixing > 0:
            ws = self._mix(ws, labels)
        return self.synthesis(ws, noise=noise)

    def synthesis(self, ws: Tensor, *, noise: Noise | None = None) -> Tensor:
        """Make pictures of styles.

        Args:
            ws: (B, w_size), or one for each layer, (B, layer_count, w_size).
            noise: "random" draws new noise for each picture, "fixed" always adds the same,
                "none" adds none, a CPU generator draws what all pictures get; ``None`` is random
                in train mode and fixed in eval mode.

        Returns:
            (B, 3, resolution, resolution)
        """
        if ws.ndim == 2:
            ws = ws[:, None].expand(-1, self.layer_count, -1)
        mode: Noise = noise or ("random" if self.training else "fixed")
        return self.synthesise(ws.unbind(1), mode)

    def synthesise(self, ws: tuple[Tensor, ...], noise: Noise) -> Tensor:
        """What a family fills in: pictures of ``layer_count`` styles, (B, w_size) each."""
        raise NotImplementedError

    def style_weights(self) -> list[Tensor]:
        """The weights that make gains of ``w``, (gains, w_size) for each layer, for SeFa."""
        layers = (getattr(module, "affine", None) for module in self.modules())
        return [layer.weight for layer in layers if isinstance(layer, EqualLinear)]

    def truncate(self, w: Tensor, labels: Tensor | None, psi: float) -> Tensor:
        """Pull ``w`` towards ``w_mean`` (of its class): ``psi`` 1 leaves it, 0 is the mean.

        ``w`` is (B, w_size) or (B, layer_count, w_size), and so is what comes out.
        """
        if self.class_count and labels is not None and labels.is_floating_point():
            mean = labels @ self.w_mean  # of a mix of classes
        else:
            mean = self.w_mean[self._rows(w, labels)]
        if w.ndim == 3:
            mean = mean[:, None]
        return mean + psi * (w - mean)

    def _rows(self, w: Tensor, labels: Tensor | None) -> Tensor:
        """Which row of ``w_mean`` belongs to each picture."""
        if self.class_count and labels is not None:
            return labels
        return torch.zeros(len(w), dtype=torch.int64, device=w.device)

    def _mix(self, ws: Tensor, labels: Tensor | None) -> Tensor:
        """Give some of the pictures a second style from a random layer upwards."""
        count, layers, _ = ws.shape
        others = self.mapping(torch.randn(count, self.latent_size, device=ws.device), labels)
        mixed = torch.rand(count, device=ws.device) < self.style_mixing
        cut = torch.randint(1, layers, (count,), device=ws.device)
        second = torch.arange(layers, device=ws.device) >= cut[:, None]  # (B, L)
        return torch.where((mixed[:, None] & second)[:, :, None], others[:, None], ws)

    @torch.no_grad()
    def _update_ema(self, w: Tensor, labels: Tensor | None) -> None:
        """Move the running mean: the plain mean of the first batches, later an exponential one."""
        mixes = labels if labels is not None and labels.is_floating_point() else None
        if mixes is None:
            mixes = F.one_hot(self._rows(w, labels), len(self.w_mean))
        mixes = mixes.to(self.w_mean.dtype)
        counts, sums = mixes.sum(0), mixes.T @ w.to(self.w_mean.dtype)
        seen = counts > 0
        self.w_batches += seen
        step = seen / self.w_batches.clamp(1, SLOWEST_MEAN)
        self.w_mean += step[:, None] * (sums / counts.clamp(min=1)[:, None] - self.w_mean)


class StyleDiscriminator(Discriminator):
    """Blocks down to 4x4, minibatch standard deviation, and the head.

    A family gives ``block``, from (side, width, takes_picture=...) to a module that takes maps, or
    the picture itself, of that side and halves it.
    """

    block: Callable[..., nn.Module]

    def __init__(self, resolution: int, class_count: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(
            {
                str(side): self.block(side, width, takes_picture=side == resolution)
                for side in reversed(list(resolutions_up_to(resolution)))
            }
        )
        channels = channels_at(LOWEST, width)
        self.neck = style_neck(channels)
        self.head = ProjectionHead(EqualLinear(channels, 1), channels, class_count)
