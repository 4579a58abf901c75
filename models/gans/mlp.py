"""A GAN of linear layers.

The first one (arXiv 1406.2661) as textbooks build it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.gans.layers import SLOPE, Discriminator, Generator, LatentInput, ProjectionHead

TEXTBOOK = (128, 256, 512, 1024)  # hidden sizes at width 32


def hidden_sizes(width: int) -> list[int]:
    """The generator's hidden sizes, small to large; the discriminator's run the other way."""
    return [size * width // 32 for size in TEXTBOOK]


class MlpGenerator(Generator):
    """Linear layers with BatchNorm (none on the first) and LeakyReLU, then a tanh.

    ``width`` 32 has exactly the textbook's sizes.
    """

    def __init__(self, resolution: int, class_count: int, width: int, latent_size: int) -> None:
        super().__init__(resolution, class_count, latent_size)
        self.latent = LatentInput(latent_size, class_count)
        sizes = hidden_sizes(width)
        layers = [nn.Linear(self.latent.size, sizes[0]), nn.LeakyReLU(SLOPE, inplace=True)]
        for inner, outer in pairwise(sizes):
            layers += [
                nn.Linear(inner, outer),
                nn.BatchNorm1d(outer),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        self.hidden = nn.Sequential(*layers)
        self.to_rgb = nn.Linear(sizes[-1], 3 * resolution * resolution)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See ``Generator``."""
        x = self.to_rgb(self.early_features(z, labels))
        return torch.tanh(x).view(len(z), 3, self.resolution, self.resolution)

    def early_features(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See ``Generator``: all but the last layer, since early features have no places here."""
        features: Tensor = self.hidden(self.latent(z, labels))
        return features


class MlpDiscriminator(Discriminator):
    """The generator's hidden sizes in reverse, with LeakyReLU and no BatchNorm."""

    def __init__(self, resolution: int, class_count: int, width: int) -> None:
        super().__init__()
        sizes = hidden_sizes(width)[::-1]
        pixels = 3 * resolution * resolution
        first = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, sizes[0]), nn.LeakyReLU(SLOPE, inplace=True)
        )
        rest = [
            nn.Sequential(nn.Linear(inner, outer), nn.LeakyReLU(SLOPE, inplace=True))
            for inner, outer in pairwise(sizes)
        ]
        # Beyond the pixels there is no resolution: named by how much goes in.
        self.blocks = nn.ModuleDict({f"{resolution}px": first})
        self.blocks.update({str(size): block for size, block in zip(sizes, rest, strict=False)})
        self.neck = nn.Identity()
        self.head = ProjectionHead(nn.Linear(sizes[-1], 1), sizes[-1], class_count)
