"""A card to show around: what a model can do, as a picture of the size of a photo.

It has no name of a file or of a person; class names are part of what the model can do.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from training.core.lettering import Lettering
from training.core.messages import UserError, t
from training.runs.folder import RunFolder

WIDTH, HEIGHT, MARGIN, GAP = 1080, 1350, 64, 20  # px
COLUMNS, TILES = 3, 6  # of pictures in a row and in all, a mistake among them
SIDE = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS  # px, of one picture
PAPER, INK, SOFT, GREEN, AMBER = "#fbfcfb", "#26332b", "#5c6b62", "#2f8f5b", "#c06f0c"
RIGHT, WRONG = "✓", "✗"
Result = Mapping[str, Any]


def draw_card(folder: RunFolder, language: str) -> Image.Image:
    """The card of the finished run in ``folder``; in English where no font writes ``language``.

    Raises:
        UserError: it has no result yet.
    """
    result = folder.result()
    if result is None:  # a model that comes with the project has none either
        raise UserError("card.no_result", name=folder.path.name)
    day = datetime.date.fromtimestamp(folder.info().created).isoformat()
    if not Lettering(10).can_write(t("card.foot", language)):
        language = "en"
    card = _Card(language, day)
    if result.get("kind") == "gan":
        _draw_generator(card, folder, result, language)
    else:
        _draw_classifier(card, folder, result, language)
    return card.image


class _Card:
    """A sheet that is filled from top to bottom; ``y`` is where the next thing goes."""

    def __init__(self, language: str, day: str) -> None:
        self.image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.pen.rectangle((0, 0, WIDTH, 14), fill=GREEN)
        brand, small = Lettering(46, bold=True), Lettering(28)
        brand.write(self.pen, MARGIN, 52, "Seedling", GREEN)
        small.write(self.pen, WIDTH - MARGIN - small.width(day), 66, day, SOFT)
        foot = t("card.foot", language)
        small.write(self.pen, MARGIN, HEIGHT - 66, foot, SOFT)
        self.y, self.bottom = 132, HEIGHT - 66 - GAP

    def text(self, text: str, size: int, ink: str, *, most: int, bold: bool = False) -> None:
        """A paragraph of at most ``most`` lines."""
        letters = Lettering(size, bold=bold)
        for line in letters.lines(text, WIDTH - 2 * MARGIN, most):
            letters.write(self.pen, MARGIN, self.y, line, ink)
            self.y += round(size * 1.38)

    def tile(self, place: int, pixels: Any, mark: str, caption: str) -> None:
        """One picture of several in rows, with its ``mark`` and ``caption`` below it."""
        ink, letters = (GREEN if mark == RIGHT else AMBER), Lettering(25)
        x = MARGIN + place % COLUMNS * (SIDE + GAP)
        y = self.y + place // COLUMNS * (SIDE + 90)
        self.image.paste(Image.fromarray(pixels), (x, y))
        if mark == WRONG:
            self.pen.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), outline=AMBER, width=7)
        letters.write(self.pen, x, y + SIDE + 8, mark, ink)
        for number, line in enumerate(letters.lines(caption, SIDE - 34, 2)):
            letters.write(self.pen, x + 34, y + SIDE + 8 + 34 * number, line, INK)

    def picture(self, picture: Image.Image, room: int) -> None:
        """One picture as large as fits, with ``room`` px left below it for words."""
        wide, high = WIDTH - 2 * MARGIN, self.bottom - self.y - room
        scale = min(wide / picture.width, high / picture.height)
        size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        kind = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.BICUBIC
        place = (WIDTH - size[0]) // 2, self.y
        self.image.paste(picture.convert("RGB").resize(size, kind), place)
        self.y += size[1] + GAP


def _draw_classifier(card: _Card, folder: RunFolder, result: Result, language: str) -> None:
    names = result["classes"]
    low, high = (round(100 * end) for end in result["accuracy_range"])
    values = {"right": result["right"], "count": result["count"], "low": low, "high": high}
    key = "card.classifier" if result["accuracy_range"][0] > result["baseline"] else "card.learning"
    card.text(t(key, language, count=len(names)), 50, INK, most=2, bold=True)
    card.y += 4
    card.text(t("result.says", language, **values), 32, GREEN, most=2, bold=True)
    card.text(_learned(result, language), 27, SOFT, most=1)
    card.y += GAP
    tiles = _tiles(folder, result, language)
    for place, (pixels, mark, caption) in enumerate(tiles):
        card.tile(place, pixels, mark, caption)
    card.y += -(-len(tiles) // COLUMNS) * (SIDE + 90)
    _name_classes(card, names, language)


def _tiles(folder: RunFolder, result: Result, language: str) -> list[tuple[Any, str, str]]:
    """Test pictures that it got right, of as many classes as possible, and its worst mistake.

    None if the pictures have been deleted.
    """
    try:
        images = folder.images()
    except FileNotFoundError:
        return []
    # Evaluations of earlier versions don't say which pictures were right.
    right = _of_many_classes(result.get("right_pictures", ()), images.labels.tolist())
    wrong = result["most_wrong"][: 1 if right else COLUMNS]
    names = images.class_names
    return [
        *(
            (images.square(row, SIDE), RIGHT, _short(names[images.labels[row]], 60))
            for row in right
        ),
        *((images.square(each["index"], SIDE), WRONG, _mistake(each, language)) for each in wrong),
    ]


def _mistake(wrong: Mapping[str, Any], language: str) -> str:
    truth, guess = (_short(wrong[name], 13) for name in ("truth", "guess"))
    return t("card.mistake", language, truth=truth, guess=guess)


def _of_many_classes(rows: Sequence[int], labels: Sequence[int]) -> list[int]:
    """``rows`` in turns: the first of every class, then the second of every class, and so on."""
    turns: dict[int, int] = {}
    order = []
    for row in rows:
        turns[labels[row]] = turn = turns.get(labels[row], 0) + 1
        order.append((turn, row))
    return [row for _, row in sorted(order)[: TILES - 1]]


def _draw_generator(card: _Card, folder: RunFolder, result: Result, language: str) -> None:
    metrics = result["meters"]
    card.text(t("card.generator", language), 50, INK, most=2, bold=True)
    card.y += 4
    made, real = metrics.get("recognised"), metrics.get("recognised_real")
    if result["kept_collapsed"]:
        card.text(t("card.collapsed", language), 30, AMBER, most=2, bold=True)
    elif made is not None:
        key = "gan.plain_recognised" if real is None else "gan.plain_recognised_real"
        values = {"made": round(100 * made), "real": round(100 * (real or 0))}
        card.text(t(key, language, **values), 30, GREEN, most=3, bold=True)
    card.text(_learned(result, language), 27, SOFT, most=1)
    card.y += GAP
    names = result["class_names"]
    shots = folder.shots(str(result.get("kept", "best"))) or folder.shots("samples")
    if shots:
        with Image.open(shots[-1][1]) as picture:
            card.picture(picture, room=110 if names else 0)
    if names:
        _name_classes(card, names, language)


def _learned(result: Result, language: str) -> str:
    seconds = max(1, round(result["seconds"]))
    key, count = (
        ("page.seconds", seconds) if seconds < 90 else ("page.minutes", round(seconds / 60))
    )
    values = {"train": f"{result['train_images']:,}", "time": t(key, language, count=count)}
    return t("card.learned", language, **values)


def _name_classes(card: _Card, names: Sequence[str], language: str) -> None:
    """As many names as fit on two lines, and how many more there are."""
    letters, wide = Lettering(27), WIDTH - 2 * MARGIN
    for kept in range(min(len(names), 60), 0, -1):
        listed = ", ".join(_short(name) for name in names[:kept])
        more = len(names) - kept
        text = t("card.more", language, names=listed, count=more) if more else listed
        if len(letters.lines(text, wide, 3)) <= 2:
            break
    card.text(text, 27, SOFT, most=2)


def _short(name: str, most: int = 24) -> str:
    name = " ".join(name.split())
    return name if len(name) <= most else name[: most - 1] + "…"
