"""Points in the latent space.

From seeds, sliders and mixes to points, and from points to samples. Pure functions.

A *point* is what a generator is steered by: ``z`` (B, D) of the plain families, and the styles of
all layers (B, L, D) of the style families.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.gans.layers import Generator
from models.gans.style import Noise, StyleGenerator

PARALLEL = 1e-4  # sine of the angle below which an arc is a straight line
LAYER_PARTS = ("coarse", "middle", "fine")  # thirds of a style network's layers


def draw_latents(seeds: Sequence[int], size: int) -> Tensor:
    """(N, size) standard normal, one row for each seed; a row depends on its seed alone."""
    return torch.stack(
        [torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def slerp(a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
    """Go from ``a`` to ``b`` along the arc between them, where a straight line would fall short.

    Normal vectors of many dimensions all have nearly the same length, and so has all of the arc:
    K. Shoemake, "Animating rotation with quaternion curves", 1985; for GANs arXiv 1609.04468.

    Args:
        a: (..., D), which ``t`` = 0 gives exactly.
        b: the same shape; ``t`` = 1 gives it exactly.
        t: a number, or one for each vector, (..., 1).
    """
    t = torch.as_tensor(t, dtype=a.dtype, device=a.device)
    a_length, b_length = (x.norm(dim=-1, keepdim=True).clamp(min=1e-12) for x in (a, b))
    a_unit, b_unit = a / a_length, b / b_length
    angle = (a_unit * b_unit).sum(-1, keepdim=True).clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < PARALLEL
    safe = torch.where(straight, torch.ones_like(sine), sine)
    of_a = torch.where(straight, 1 - t, ((1 - t) * angle).sin() / safe)
    of_b = torch.where(straight, t.expand_as(sine), (t * angle).sin() / safe)
    # Directions along the arc, lengths evenly: ends of different lengths would bulge otherwise.
    arc = (of_a * a_unit + of_b * b_unit) * a_length.lerp(b_length, t)
    return torch.where(t == 0, a, torch.where(t == 1, b, arc))


def mutate(z: Tensor, strength: float, seeds: Sequence[int]) -> Tensor:
    """Neighbours of ``z``, as typical of the normal distribution as ``z`` is.

    Args:
        z: (D,)
        strength: 0 is ``z`` itself, 1 a vector that has nothing to do with it.
        seeds: one for each neighbour.

    Returns:
        (N, D)
    """
    others = draw_latents(seeds, len(z)).to(z)
    # Variances add up: (1 - s^2) + s^2 = 1, so that neighbours are about as long as z.
    kept: float = (1 - strength**2) ** 0.5
    return kept * z + strength * others


class LatentSpace:
    """How a generator in eval mode is steered: by ``z``, through the family's own ``forward``."""

    parts: tuple[str, ...] = ()  # names of the parts of its layers that can be steered alone

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def enter(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """(B, latent_size), and classes or mixes of them, to points."""
        return z

    def move(self, points: Tensor, steps: Tensor, part: str = "") -> Tensor:
        """Go ``steps`` (B, D) from ``points``, and stay as far from the middle as they were."""
        moved = points + steps
        before, after = (x.norm(dim=-1, keepdim=True) for x in (points, moved))
        kept: Tensor = moved * (before / after.clamp(min=1e-12))
        return kept

    def mix(self, points: Tensor, others: Tensor, part: str) -> Tensor:
        """Points with the styles of ``others`` in one part of the layers; here there is none."""
        return points

    def truncate(self, points: Tensor, labels: Tensor | None, psi: float) -> Tensor:
        """Points pulled towards z = 0, the mean in every class: ``psi`` 1 leaves them."""
        return psi * points

    def between(self, a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
        """From points ``a`` (B, D) to ``b`` along the arc, see ``slerp``; ``t`` as there."""
        return slerp(a, b, t)

    def paint(self, points: Tensor, labels: Tensor | None, noise: Noise = "fixed") -> Tensor:
        """(B, 3, R, R) around [-1, 1]; only style networks have ``noise``."""
        pictures: Tensor = self.generator(points, labels)
        return pictures


class StyleSpace(LatentSpace):
    """How a style network is steered: by the style of each layer, where lines are straight."""

    parts = LAYER_PARTS
    generator: StyleGenerator

    def enter(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """(B, latent_size) to (B, L, w_size)."""
        w: Tensor = self.generator.mapping(z, labels)
        return w[:, None].repeat(1, self.generator.layer_count, 1)

    def move(self, points: Tensor, steps: Tensor, part: str = "") -> Tensor:
        """Go ``steps`` (B, D) in the layers of ``part``, or in all; lengths are free to change.

        Raises:
            ValueError: there is no such part.
        """
        moved = points.clone()
        moved[:, self.layers(part)] += steps[:, None]
        return moved

    def mix(self, points: Tensor, others: Tensor, part: str) -> Tensor:
        """Points with the styles of ``others`` in the layers of ``part``; none of them changes.

        Raises:
            ValueError: there is no such part.
        """
        mixed = points.clone()
        mixed[:, self.layers(part)] = others[:, self.layers(part)]
        return mixed

    def truncate(self, points: Tensor, labels: Tensor | None, psi: float) -> Tensor:
        """See ``StyleGenerator.truncate``; ``psi`` 1 gives ``points`` themselves."""
        return points if psi == 1 else self.generator.truncate(points, labels, psi)

    def between(self, a: Tensor, b: Tensor, t: Tensor | float) -> Tensor:
        """From points ``a`` (B, L, D) to ``b`` on a straight line; ``t`` 0 to 1 or (B, 1, 1)."""
        return torch.lerp(a, b, torch.as_tensor(t, dtype=a.dtype, device=a.device))

    def paint(self, points: Tensor, labels: Tensor | None, noise: Noise = "fixed") -> Tensor:
        """(B, 3, R, R) around [-1, 1]; see ``StyleGenerator.synthesis``."""
        return self.generator.synthesis(points, noise=noise)

    def layers(self, part: str) -> slice:
        """The layers of ``part``, about a third of them; all of them without a name.

        Raises:
            ValueError: there is no such part.
        """
        count = self.generator.layer_count
        if not part:
            return slice(0, count)
        third = LAYER_PARTS.index(part)
        return slice(round(third * count / 3), round((third + 1) * count / 3))


def latent_space(generator: Generator) -> LatentSpace:
    """A ``StyleSpace`` for the style families, a ``LatentSpace`` for all others."""
    return (StyleSpace if isinstance(generator, StyleGenerator) else LatentSpace)(generator)
