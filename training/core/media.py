"""Sample grids, PNG files and films."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from training.core.home import new_id

Frame = NDArray[np.uint8]  # (H, W, 3)

log = logging.getLogger(__name__)

GIF_SIDE = 640  # px at most: all frames are in memory at once
MAX_FRAMES = 600  # of a longer run, evenly chosen ones are shown
BACKGROUND = 255  # white
BT601 = 6  # the colour matrix of libswscale's default and of small videos, in ISO 23091-2


def picture_grid(
    pixels: Tensor, columns: int, *, gap: int = 2, scale: int = 1
) -> NDArray[np.uint8]:
    """One picture (height, width, 3) uint8 of ``pixels`` (N, 3, H, W) uint8, row by row.

    Every pixel becomes ``scale`` x ``scale``; ``gap`` white pixels lie between two pictures, and
    the places after the last one are white too.

    Raises:
        ValueError: no pictures, or a number that is too small.
    """
    if len(pixels) < 1 or columns < 1 or gap < 0 or scale < 1:
        raise ValueError(f"{len(pixels)} pictures, {columns} columns, gap {gap}, scale {scale}.")
    tiles = pixels.permute(0, 2, 3, 1).cpu().numpy()  # (N, H, W, 3)
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = tiles.shape[1] + gap, tiles.shape[2] + gap
    rows = math.ceil(len(tiles) / columns)
    grid = np.full((rows * height - gap, columns * width - gap, 3), BACKGROUND, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * height, place % columns * width
        grid[top : top + height - gap, left : left + width - gap] = tile
    return grid


def write_png(path: Path, array: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 as a PNG; whoever reads ``path`` sees all of it or the old one.

    Raises:
        OSError: no space or no permission.
    """
    with _replaced(path) as fresh:
        Image.fromarray(array).save(fresh, "PNG", compress_level=1)  # quick, and hardly larger


def write_timelapse(
    files: Sequence[Path], path: Path, *, fps: float = 12, hold_last: float = 2
) -> None:
    """Make a film of the pictures in ``files``, see ``write_film``.

    Pictures that can't be read are left out; the first one decides on the size.
    """
    write_film(_frames(files), path, fps=fps, hold_last=hold_last)


def write_film(
    frames: Iterable[Frame], path: Path, *, fps: float = 12, hold_last: float = 0
) -> None:
    """Make a film: H.264 in an MP4 that browsers play, or an endless GIF by suffix.

    The last of the ``frames``, all of one size, stays for ``hold_last`` seconds more. Sides are
    made even by repeating the last row and column.

    Raises:
        ValueError: no frames, a suffix other than ``.mp4`` and ``.gif``, or ``fps`` or
            ``hold_last`` that make no film.
        OSError: no space or no permission; an older film stays.
    """
    if not (0 < fps <= 60 and 0 <= hold_last <= 60):
        raise ValueError(f"{fps} pictures a second with {hold_last} s at the end is no film.")
    writer = {".mp4": _write_mp4, ".gif": _write_gif}.get(path.suffix.lower())
    if writer is None:
        raise ValueError(f"{path.name} is to be a film, but its name ends in no .mp4 or .gif.")
    even = map(_even, frames)
    first = next(even, None)
    if first is None:
        raise ValueError(f"There is no picture to make {path.name} of.")
    with _replaced(path) as fresh:
        writer(fresh, first, even, fps, hold_last)


def _even(frame: Frame) -> Frame:
    # H.264 with yuv420p keeps one colour value for 2x2 pixels, so it takes no odd sides.
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _frames(files: Sequence[Path]) -> Iterator[Frame]:
    size: tuple[int, int] | None = None
    chosen = np.linspace(0, len(files) - 1, min(len(files), MAX_FRAMES)).round().astype(int)
    for place in chosen:
        try:
            with Image.open(files[place]) as opened:
                picture = opened.convert("RGB")
        except (OSError, UnidentifiedImageError, SyntaxError) as problem:  # Pillow: a broken PNG
            log.warning("%s is left out of the film: %s", files[place], problem)
            continue
        size = size or picture.size
        if picture.size != size:  # the run was resumed with other settings
            picture = picture.resize(size, Image.Resampling.BICUBIC)
        yield np.asarray(picture)


def _write_mp4(
    path: Path, first: Frame, others: Iterator[Frame], fps: float, hold_last: float
) -> None:
    rate = Fraction(fps).limit_denominator(1000)
    # With the index in front, a browser begins to play before all has arrived. The format is
    # named because the temporary file's suffix says nothing.
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate, options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"  # the only one that every browser plays
        stream.codec_context.colorspace = BT601
        stream.codec_context.thread_count = 1  # a network may be training beside it
        last = first
        film.mux(stream.encode(_video_frame(first)))
        for last in others:
            film.mux(stream.encode(_video_frame(last)))
        for _ in range(round(hold_last * fps)):
            film.mux(stream.encode(_video_frame(last)))
        film.mux(stream.encode(None))  # the frames that the encoder still holds


def _video_frame(frame: Frame) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def _write_gif(
    path: Path, first: Frame, others: Iterator[Frame], fps: float, hold_last: float
) -> None:
    frames = [_indexed(first), *map(_indexed, others)]
    durations = [round(1000 / fps)] * len(frames)
    durations[-1] += round(1000 * hold_last)
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)


def _indexed(frame: Frame) -> Image.Image:
    picture = Image.fromarray(frame)
    picture.thumbnail((GIF_SIDE, GIF_SIDE))
    return picture.quantize(256)  # colours: a GIF can hold no more


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A name to write to beside ``path``, which takes its place when all went well."""
    fresh = path.with_suffix(f".{new_id()}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
