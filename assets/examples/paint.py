"""Colours and shapes for drawing.

For the examples that are drawn; a ``Sheet`` lights what is put on it.
"""

from __future__ import annotations

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw

CANVAS = 512  # px; pictures are drawn at four times their size, then scaled down

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour; ``hue`` in turns, the others 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(saturation, 1.0), min(value, 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with ``share`` (0 to 1) of ``b``."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """``share`` (0 to 1) of the way to white."""
    return mixed(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """``share`` (0 to 1) of the way to a warm black."""
    return mixed(colour, (30, 15, 25), share)


class Sheet:
    """A transparent sheet that takes shapes with soft light from the upper left.

    (0, 0) is the middle, y points down, and the edges are at 256.
    """

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 0))

    def shape(self, points: Points, colour: Colour, outline: int = 5) -> None:
        """A closed shape, lit, with a darker edge of ``outline`` px; 0 leaves it out."""
        moved = [(x + CANVAS / 2, y + CANVAS / 2) for x, y in points]
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).polygon(moved, fill=255)
        box = left, top, right, bottom = mask.getbbox() or (0, 0, 1, 1)
        span = max(right - left, bottom - top)
        y, x = np.mgrid[0 : bottom - top, 0 : right - left].astype(np.float32)
        light = 1 - np.hypot(x - span * 0.3, y - span * 0.25) / (span * 1.1)  # (H, W)
        dark, bright = np.array(darker(colour, 0.28)), np.array(lighter(colour, 0.32))
        filled = dark + (bright - dark) * light.clip(0, 1)[..., None]  # (H, W, 3)
        self.image.paste(Image.fromarray(filled.astype(np.uint8)), box, mask.crop(box))
        if outline:
            self.line([*moved, moved[0], moved[1]], darker(colour, 0.5), outline, moved=True)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, **more: float) -> None:
        """A lit ellipse around (x, y), turned by ``turn`` radians."""
        turn, outline = more.get("turn", 0.0), int(more.get("outline", 5))
        self.shape(turned(ellipse(rx, ry), turn, x, y), colour, outline)

    def line(self, points: Points, colour: Colour, width: int, moved: bool = False) -> None:
        """A line with round ends and joints; ``moved`` points count from the upper left."""
        if not moved:
            points = [(x + CANVAS / 2, y + CANVAS / 2) for x, y in points]
        draw, r = ImageDraw.Draw(self.image), width / 2
        draw.line(points, fill=colour, width=width, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def ellipse(rx: float, ry: float, start: float = 0.0, stop: float = 2 * math.pi) -> Points:
    """64 points on an ellipse around (0, 0), or on its part between two angles in radians."""
    angles = np.linspace(start, stop, 64)
    return [(rx * math.cos(a), ry * math.sin(a)) for a in angles]


def turned(points: Points, angle: float, x: float = 0.0, y: float = 0.0) -> Points:
    """The points turned by ``angle`` radians about (0, 0), then moved to (x, y)."""
    c, s = math.cos(angle), math.sin(angle)
    return [(px * c - py * s + x, px * s + py * c + y) for px, py in points]
