"""Draws the garden example.

The first pictures that somebody new to Seedling trains on: six classes of 70, 128 px: butterfly,
flower, ladybird, leaf, mushroom, snail. Colour, size, place, turn and background vary on purpose
and tell nothing about the class, so that only shape does: a linear model on raw pixels fails, a
small convolutional network learns it.

    python -m assets.examples.draw_garden    # writes garden.zip beside this file
"""

from __future__ import annotations

import argparse
import io
import math
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from assets.examples.paint import (
    CANVAS,
    Points,
    Sheet,
    darker,
    ellipse,
    hsv,
    lighter,
    mixed,
    turned,
)

SIDE = 128  # px
PER_CLASS = 70
SEED = 7


def draw_leaf(rng: random.Random) -> Image.Image:
    """A leaf with veins: green, or yellow to red as in autumn."""
    sheet = Sheet()
    colour = hsv(
        rng.choice([0.30, 0.25, 0.36, 0.13, 0.07, 0.0]) + rng.uniform(-0.03, 0.03), 0.7, 0.75
    )
    width, point, wave = rng.uniform(70, 125), rng.uniform(0.75, 1.4), rng.choice([0, 0, 7, 10])
    lobes, bend = rng.randint(7, 11), rng.uniform(-50, 50)

    def at(t: float, side: float) -> tuple[float, float]:
        half = width * math.sin(math.pi * t**0.85) ** point + wave * abs(
            math.sin(lobes * math.pi * t)
        )
        return bend * math.sin(math.pi * t) + side * half, 150 - 340 * t

    sheet.line([(bend * 0.0, 150), (-bend * 0.4, 225)], darker(colour, 0.35), 13)
    edge = np.linspace(0, 1, 60)
    sheet.shape([at(t, -1) for t in edge] + [at(t, 1) for t in edge[::-1]], colour)
    vein = lighter(colour, 0.45)
    sheet.line([at(t, 0) for t in np.linspace(0, 0.94, 20)], vein, 8)
    for t in np.linspace(0.15, 0.72, rng.randint(4, 6)):
        for side in (-0.72, 0.72):
            sheet.line([at(t, 0), at(t + 0.13, side)], vein, 5)
    return sheet.image


def draw_flower(rng: random.Random) -> Image.Image:
    """A blossom of one or two rings of petals, often with stem and leaves."""
    sheet = Sheet()
    hue = rng.choice([0.0, 0.93, 0.83, 0.75, 0.62, 0.13, 0.08])
    colour = hsv(hue + rng.uniform(-0.03, 0.03), rng.choice([0.15, 0.55, 0.75]), 0.97)
    up = 0.0
    if rng.random() < 0.65:
        up, green = -75.0, hsv(rng.uniform(0.26, 0.36), 0.65, 0.6)
        sheet.line([(0, up), (rng.uniform(-25, 25), 100), (0, 240)], green, 16)
        for side in (-1, 1):
            sheet.oval(side * 55, 165 - 20 * side, 62, 24, green, turn=-0.5 * side)
    petals, radius = rng.randint(5, 9), 82 if up else 108
    long, wide = rng.uniform(0.72, 0.9) * radius, rng.uniform(1.7, 2.3) * radius / petals
    start = rng.uniform(0, 2 * math.pi)
    for ring in range(rng.choice([1, 1, 2])):
        tone = colour if ring == 0 else mixed(colour, hsv(hue + 0.05, 0.8, 0.9), 0.4)
        reach = radius * (1 - 0.4 * ring)
        for k in range(petals):
            angle = start + (k + ring / 2) * 2 * math.pi / petals
            x, y = reach * math.cos(angle), reach * math.sin(angle) + up
            sheet.oval(x, y, long * (1 - 0.4 * ring), wide * (1 - 0.3 * ring), tone, turn=angle)
    heart = hsv(rng.choice([0.12, 0.15, 0.08, 0.05]), 0.8, rng.choice([0.95, 0.55]))
    sheet.oval(0, up, radius * 0.44, radius * 0.44, heart)
    for k in range(14):
        r, angle = radius * 0.3 * math.sqrt(k / 14), k * 2.4  # the sunflower's golden angle
        sheet.oval(r * math.cos(angle), r * math.sin(angle) + up, 5, 5, darker(heart), outline=0)
    return sheet.image


def draw_mushroom(rng: random.Random) -> Image.Image:
    """A stem, gills, and a cap with or without spots."""
    sheet = Sheet()
    hue, saturation, value = rng.choice(
        [
            (0.0, 0.8, 0.88),
            (0.07, 0.6, 0.6),
            (0.09, 0.75, 0.92),
            (0.78, 0.4, 0.7),
            (0.11, 0.3, 0.85),
        ]
    )
    cap = hsv(hue + rng.uniform(-0.02, 0.02), saturation, value)
    stem = hsv(0.11, rng.uniform(0.08, 0.25), 0.96)
    wide, high, thick = rng.uniform(140, 205), rng.uniform(115, 190), rng.uniform(36, 62)
    foot = thick * rng.uniform(1.1, 1.5)
    sheet.shape([(-thick, 0), (thick, 0), *turned(ellipse(foot, 34, 0, math.pi), 0, 0, 185)], stem)
    sheet.oval(0, 8, wide * 0.96, 36, mixed(stem, cap, 0.25))
    for k in range(-6, 7):
        sheet.line([(k * thick / 9, 2), (k * wide / 7.4, 28 - 0.7 * abs(k))], darker(stem, 0.3), 3)
    top = ellipse(wide, high, math.pi, 2 * math.pi)
    sheet.shape([*top, *turned(ellipse(wide, 26, 0, math.pi), 0)], cap)
    if rng.random() < 0.75:
        spot = hsv(0.12, 0.06, 1.0)
        for k in range(rng.randint(5, 8)):
            angle, r = math.pi + (k + 0.7) * 2.4 % math.pi, rng.uniform(0.35, 0.78)
            size, x = rng.uniform(13, 25), r * wide * math.cos(angle)
            sheet.oval(x, r * high * math.sin(angle), size, size * 0.8, spot, outline=0)
    return sheet.image


def draw_ladybird(rng: random.Random) -> Image.Image:
    """Seen from above: round, dotted, six legs and two feelers."""
    sheet = Sheet()
    colour = hsv(rng.choice([0.0, 0.02, 0.06, 0.12, 0.15]), 0.85, rng.uniform(0.8, 0.97))
    black = (38, 30, 40)
    wide, long = rng.uniform(125, 155), rng.uniform(150, 180)
    for side in (-1, 1):
        for y, reach in ((-60, 55), (15, 62), (90, 50)):
            knee = (side * (wide + reach * 0.6), y - 10)
            sheet.line([(side * wide * 0.7, y), knee, (side * (wide + reach), y + 32)], black, 12)
        sheet.line([(side * 25, -170), (side * 45, -215), (side * 75, -232)], black, 8)
    sheet.oval(0, -135, 82, 66, black)
    sheet.oval(0, 20, wide, long, colour)
    sheet.shape(turned(ellipse(wide * 0.8, 56, math.pi, 2 * math.pi), 0, 0, -88), black)
    for side in (-1, 1):
        sheet.oval(side * 48, -148, 19, 22, (250, 250, 245), outline=0)
        sheet.oval(side * 51, -152, 9, 11, black, outline=0)
    sheet.line([(0, -90), (0, 20 + long)], black, 8)
    size, rows = rng.uniform(19, 32), rng.choice([2, 3, 3])
    for row in range(rows):
        down = -40 + row * 190 / rows + rng.uniform(-8, 8)
        for side in (-1, 1):
            across = wide * (0.42 if row % 2 else 0.58) * side
            sheet.oval(across, down, size, size, black, outline=0)
    return sheet.image


def draw_snail(rng: random.Random) -> Image.Image:
    """A spiral shell on a soft foot, eyes on stalks."""
    sheet = Sheet()
    body = hsv(
        rng.choice([0.08, 0.1, 0.12, 0.3, 0.95]), rng.uniform(0.2, 0.45), rng.uniform(0.75, 0.92)
    )
    shell = hsv(rng.random(), rng.uniform(0.4, 0.75), rng.uniform(0.65, 0.92))
    for x, tip in ((150, 140), (185, 215)):
        sheet.line([(x, 60), (tip, -55)], body, 13)
        sheet.oval(tip, -62, 17, 17, (250, 250, 245), outline=3)
        sheet.oval(tip + 4, -62, 8, 8, (35, 30, 40), outline=0)
    foot: Points = [(-235, 165), (-150, 110), (60, 100), (115, 60), (150, 32), (195, 40), (212, 85)]
    foot += [(195, 130), (150, 165)]
    sheet.shape(foot, body)
    radius = rng.uniform(118, 142)
    sheet.oval(-35, 15, radius, radius * 0.95, shell)
    turns = rng.uniform(2.2, 3.2)
    angles = np.linspace(0.4, turns * 2 * math.pi, 120)
    reach = radius * 0.9 * (1 - angles / angles[-1])
    spiral = [
        (-35 + r * math.cos(a), 15 + r * 0.95 * math.sin(a))
        for a, r in zip(angles, reach, strict=True)
    ]
    sheet.line(spiral, darker(shell, 0.4), rng.randint(10, 16))
    sheet.line([(172, 105), (187, 112), (202, 102)], darker(body, 0.5), 6)  # it smiles
    image = sheet.image
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def draw_butterfly(rng: random.Random) -> Image.Image:
    """Four wings with spots, mirrored about the body."""
    sheet = Sheet()
    wing = hsv(rng.random(), rng.uniform(0.4, 0.8), rng.uniform(0.8, 0.98))
    low = mixed(wing, hsv(rng.random(), 0.6, 0.95), 0.5)
    spot, body = (
        lighter(mixed(low, (255, 240, 180), 0.6), 0.3),
        hsv(0.07, 0.4, rng.uniform(0.2, 0.4)),
    )
    upper, lower, tilt = rng.uniform(105, 135), rng.uniform(75, 102), rng.uniform(0.35, 0.75)
    for side in (-1, 1):
        sheet.oval(side * 88, 95, lower, lower * 0.72, low, turn=side * 0.75)
        sheet.oval(side * 118, -62, upper, upper * 0.68, wing, turn=-side * tilt)
    kind = rng.randint(0, 2)
    for side in (-1, 1):
        sheet.oval(side * 150, -85, 34, 28, spot if kind else darker(wing), outline=0)
        sheet.oval(side * 105, 112, 24, 24, spot, outline=0)
        if kind == 2:
            sheet.oval(side * 78, -40, 17, 17, spot, outline=0)
            sheet.oval(side * 150, -85, 15, 13, darker(wing, 0.6), outline=0)
        sheet.line([(side * 6, -110), (side * 28, -175), (side * 62, -205)], body, 8)
        sheet.oval(side * 62, -205, 11, 11, body, outline=0)
    sheet.oval(0, 20, 21, 125, body)
    sheet.oval(0, -108, 27, 27, body)
    return sheet.image


# How each is drawn, and how far it may be turned (degrees): mushrooms do not grow upside down.
CLASSES: dict[str, tuple[Callable[[random.Random], Image.Image], float]] = {
    "butterfly": (draw_butterfly, 60),
    "flower": (draw_flower, 35),
    "ladybird": (draw_ladybird, 180),
    "leaf": (draw_leaf, 180),
    "mushroom": (draw_mushroom, 25),
    "snail": (draw_snail, 25),
}


def draw_background(rng: random.Random) -> Image.Image:
    """Sky, meadow, soil or dusk: a gradient, soft lights, sometimes grass."""
    hue, saturation = rng.choice(
        [
            (0.55, 0.3),
            (0.58, 0.45),
            (0.28, 0.4),
            (0.22, 0.3),
            (0.13, 0.3),
            (0.08, 0.35),
            (0.8, 0.2),
            (0.95, 0.15),
        ]
    )
    value = rng.uniform(0.68, 1.0)
    top, bottom = (
        hsv(hue, saturation, value),
        hsv(hue + rng.uniform(-0.1, 0.1), saturation, value * 0.8),
    )
    slope = np.linspace(0, 1, CANVAS)[:, None, None]
    rows = np.array(top) + (np.array(bottom) - np.array(top)) * slope
    image = Image.fromarray(np.broadcast_to(rows, (CANVAS, CANVAS, 3)).astype(np.uint8))
    lights = image.copy()
    draw = ImageDraw.Draw(lights)
    for _ in range(rng.randint(3, 12)):
        x, y, r = rng.uniform(0, CANVAS), rng.uniform(0, CANVAS), rng.uniform(20, 110)
        tone = mixed(lighter(top, rng.uniform(0, 0.5)), hsv(rng.random(), 0.5, 0.9), 0.25)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tone)
    image = Image.blend(image, lights.filter(ImageFilter.GaussianBlur(rng.uniform(4, 22))), 0.7)
    if rng.random() < 0.5:
        draw_grass(rng, image)
    return image


def draw_grass(rng: random.Random, image: Image.Image) -> None:
    """Blades along the lower edge, drawn into ``image`` itself."""
    draw, base = ImageDraw.Draw(image), hsv(rng.uniform(0.22, 0.36), 0.55, rng.uniform(0.45, 0.75))
    height = rng.uniform(50, 170)
    for _ in range(rng.randint(30, 80)):
        x, lean, high = rng.uniform(0, CANVAS), rng.uniform(-40, 40), height * rng.uniform(0.5, 1)
        tone = mixed(
            base, lighter(base) if rng.random() < 0.5 else darker(base), rng.random() * 0.6
        )
        foot = [(x - 9, CANVAS), (x + lean, CANVAS - high), (x + 9, CANVAS)]
        draw.polygon(foot, fill=tone)


def draw_picture(name: str, rng: random.Random) -> Image.Image:
    """One picture of a class: the thing, turned, scaled and placed, on a background."""
    draw, most_turn = CLASSES[name]
    thing = draw(rng).rotate(rng.uniform(-most_turn, most_turn), Image.Resampling.BICUBIC)
    size = round(CANVAS * rng.uniform(0.52, 0.92))
    thing = thing.resize((size, size), Image.Resampling.LANCZOS)
    room = CANVAS - size
    x, y = (round(room * rng.uniform(0.02, 0.98)) for _ in range(2))
    scene = draw_background(rng)
    alpha = Image.new("L", scene.size, 0)
    alpha.paste(thing.getchannel("A"), (x, y))
    shadow = ImageChops.offset(alpha, 10, 16).filter(ImageFilter.GaussianBlur(12))
    dark = Image.new("RGB", scene.size, (25, 25, 45))
    scene.paste(dark, mask=shadow.point(lambda a: int(a * 0.35)))
    scene.paste(thing, (x, y), mask=thing)
    return scene.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_all(path: Path, per_class: int = PER_CLASS, seed: int = SEED) -> None:
    """Write the set as a zip of one folder per class; the same seed gives the same pictures."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in CLASSES:
            for number in range(1, per_class + 1):
                picture = draw_picture(name, random.Random(f"{seed}/{name}/{number}"))
                buffer = io.BytesIO()
                picture.save(buffer, "JPEG", quality=88, optimize=True)
                info = zipfile.ZipInfo(f"garden/{name}/{name}-{number:02d}.jpg")  # dated 1980
                archive.writestr(info, buffer.getvalue())


def main() -> None:
    """Write garden.zip beside this file, or to ``--out``; another seed gives another set."""
    parser = argparse.ArgumentParser(description=draw_all.__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("garden.zip"))
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    draw_all(args.out, args.per_class, args.seed)
    print(f"{args.out}: {args.out.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
