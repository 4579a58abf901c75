"""The latent page as HTML.

The picture, pictures to press, and the pad. Pure.
"""

from __future__ import annotations

import html
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.latent.recipe import Recipe
from ui.common.images import png_uri

TILES_JS = "tiles.js"
PAD_COLUMNS = 7  # pictures along each side of the pad; odd, so that one is in the middle


@dataclass(frozen=True)
class Tile:
    """A small picture; pressing it sends its ``recipe``, and without one it can't be pressed."""

    pixels: Tensor | NDArray[np.uint8]  # (3, R, R) or (R, R, 3) uint8
    label: str
    recipe: Recipe | None = None
    caption: str = ""


def picture_html(pixels: Tensor, alt: str, stage: Mapping[str, Any]) -> str:
    """The picture that the sliders make, (3, R, R) uint8.

    ``stage`` is what the page's script sends along when a slider moves. As that script changes the
    picture in place, every HTML made here is another: Gradio's page would not draw the same twice.
    """
    said = html.escape(json.dumps(stage))
    return (
        f'<img class="latent-picture" alt="{html.escape(alt)}" src="{png_uri(pixels)}" '
        f'data-stage="{said}" data-drawn="{time.monotonic_ns()}">'
    )


def tiles_html(tiles: Sequence[Tile], actions: Sequence[tuple[str, str, str]] = ()) -> str:
    """Pictures in rows. ``actions`` are more buttons below each: name, sign and label.

    The page's script tells the server the name, and the tile's place counted from 0.
    """
    figures = "".join(_tile(number, tile, actions) for number, tile in enumerate(tiles))
    return f'<div class="tiles">{figures}</div>'


def _tile(number: int, tile: Tile, actions: Sequence[tuple[str, str, str]]) -> str:
    label = html.escape(tile.label)
    image = f'<img alt="{label}" src="{png_uri(tile.pixels)}">'
    if tile.recipe is not None:
        data = f'data-recipe="{tile.recipe.to_text()}" data-place="{number}"'
        image = f'<button type="button" {data} data-action="open">{image}</button>'
        more = "".join(
            f'<button type="button" class="small" {data} data-action="{name}" '
            f'aria-label="{html.escape(said)} ({label})">{sign}</button>'
            for name, sign, said in actions
        )
        image += f'<span class="tile-actions">{more}</span>' if more else ""
    caption = f"<figcaption>{html.escape(tile.caption)}</figcaption>" if tile.caption else ""
    return f'<figure class="tile">{image}{caption}</figure>'


def pad_html(
    sheet: NDArray[np.uint8] | None, axes: tuple[int, int], at: tuple[float, float], label: str
) -> str:
    """A square with a point that moves two sliders at once; ``sheet`` lies below it.

    Args:
        sheet: (S, S, 3) uint8, pictures from -3 (left, below) to 3 of both directions.
        axes: which sliders it moves, counted from 0: to the right and upwards.
        at: where they stand.
        label: what it is, for those who can't see it.
    """
    image = f'<img alt="" draggable="false" src="{png_uri(sheet)}">' if sheet is not None else ""
    left, top = ((at[0] + 3) / 6 * 100, (3 - at[1]) / 6 * 100)
    return (
        f'<div class="pad" tabindex="0" role="application" aria-label="{html.escape(label)}" '
        f'data-across="{axes[0]}" data-up="{axes[1]}">{image}'
        f'<i style="left:{left:.2f}%;top:{top:.2f}%"></i></div>'
    )
