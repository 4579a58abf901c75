"""Grids, PNG files and films, read back with other code than wrote them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from training.core import media
from training.core.media import picture_grid, write_png, write_timelapse

COLOURS = ((200, 30, 40), (30, 180, 60), (40, 60, 190), (230, 220, 40), (20, 20, 20))


def flat(colour: tuple[int, int, int], width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """One PNG for each of ``COLOURS``."""
    paths = [tmp_path / f"{number}.png" for number in range(len(COLOURS))]
    for path, colour in zip(paths, COLOURS, strict=True):
        Image.fromarray(flat(colour)).save(path)
    return paths


def mp4_frames(path: Path) -> list[Image.Image]:
    with av.open(path) as film:
        return [frame.to_image() for frame in film.decode(video=0)]


def gif_frames(path: Path) -> list[tuple[Image.Image, int]]:
    """Pictures and how many milliseconds each is shown."""
    with Image.open(path) as film:
        return [(f.convert("RGB"), f.info["duration"]) for f in ImageSequence.Iterator(film)]


def error(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    """How far the worst pixel is from ``colour``."""
    return int(np.abs(np.asarray(picture).astype(int) - colour).max())


def test_a_grid_goes_row_by_row() -> None:
    pixels = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 2, 4).clone()
    pixels[4, 0, 1, 3] = 77
    grid = picture_grid(pixels, 3, gap=1)
    assert grid.shape == (2 * 2 + 1, 3 * 4 + 2, 3) and grid.dtype == np.uint8
    for place in range(5):
        top, left = place // 3 * 3, place % 3 * 5
        tile = grid[top : top + 2, left : left + 4]
        assert np.array_equal(tile, pixels[place].permute(1, 2, 0).numpy())
    assert (grid[2] == 255).all() and (grid[:, 4] == 255).all()  # gaps
    assert (grid[3:, 10:] == 255).all()  # nothing in the last place


def test_a_scaled_grid_has_square_pixels() -> None:
    pixels = torch.randint(256, (4, 3, 2, 2)).byte()
    grid, large = picture_grid(pixels, 2, gap=0), picture_grid(pixels, 2, gap=0, scale=3)
    assert np.array_equal(large, grid.repeat(3, 0).repeat(3, 1))
    assert picture_grid(pixels, 2, gap=5, scale=3).shape == (17, 17, 3)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_in_memory_does_not_matter(layout: torch.memory_format) -> None:
    pixels = torch.randint(256, (3, 3, 4, 5)).byte()
    grid = picture_grid(pixels.contiguous(memory_format=layout), 3, gap=0)
    assert np.array_equal(grid[:, 5:10], pixels[1].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"gap": -1}, {"scale": 0}, {"count": 0}])
def test_impossible_grids_are_refused(wrong: dict[str, int]) -> None:
    given = {"columns": 2, "count": 3, "gap": 2, "scale": 1} | wrong
    pixels = torch.zeros(given["count"], 3, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match=f"{given['columns']} columns"):
        picture_grid(pixels, given["columns"], gap=given["gap"], scale=given["scale"])


def test_a_png_is_exact_and_whole(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    path = tmp_path / "a.b.png"
    write_png(path, array)
    with Image.open(path) as opened:
        assert opened.format == "PNG"
        assert np.array_equal(np.asarray(opened), array)
    with pytest.raises(TypeError):
        write_png(path, array.astype(np.float64))
    assert np.array_equal(np.asarray(Image.open(path)), array)  # the old one
    assert [p.name for p in tmp_path.iterdir()] == ["a.b.png"]


def test_a_film_plays_in_browsers(files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_timelapse(files, path, fps=10, hold_last=0.5)
    with av.open(path) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 10
        assert (stream.width, stream.height) == (48, 32)
    data = path.read_bytes()
    assert data[4:8] == b"ftyp" and data.index(b"moov") < data.index(b"mdat")
    frames = mp4_frames(path)
    shown = [*COLOURS, *[COLOURS[-1]] * 5]
    assert len(frames) == len(shown)
    for frame, colour in zip(frames, shown, strict=True):
        assert error(frame, colour) <= 6  # lossy, but the right colour


def test_a_gif_moves_without_end(files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    write_timelapse(files, path, fps=10, hold_last=0.5)
    with Image.open(path) as film:
        assert film.format == "GIF" and film.info["loop"] == 0
    frames = gif_frames(path)
    assert [duration for _, duration in frames] == [100, 100, 100, 100, 600]
    for (frame, _), colour in zip(frames, COLOURS, strict=True):
        assert error(frame, colour) <= 3


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_odd_sizes_become_even_and_others_the_first_ones(suffix: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    write_png(files[0], flat(COLOURS[0], 31, 17))
    write_png(files[1], flat(COLOURS[1], 60, 60))
    path = tmp_path / f"film{suffix}"
    write_timelapse(files, path, hold_last=0)
    frames = mp4_frames(path)  # FFmpeg reads both kinds
    assert [frame.size for frame in frames] == [(32, 18), (32, 18)]
    assert all(error(f, c) <= 8 for f, c in zip(frames, COLOURS, strict=False))  # no black edge


def test_one_picture_is_a_film(files: list[Path], tmp_path: Path) -> None:
    write_timelapse(files[:1], tmp_path / "film.mp4", fps=10, hold_last=0)
    assert len(mp4_frames(tmp_path / "film.mp4")) == 1


def test_unreadable_pictures_are_left_out(files: list[Path], tmp_path: Path) -> None:
    files[0].write_bytes(b"no picture")
    files[2].write_bytes(files[2].read_bytes()[:60])
    path = tmp_path / "film.mp4"
    write_timelapse([*files, tmp_path / "gone.png"], path, hold_last=0)
    assert len(mp4_frames(path)) == 3


def test_a_long_run_is_thinned(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MAX_FRAMES", 3)
    path = tmp_path / "film.gif"
    write_timelapse(files, path)
    colours = [frame.getpixel((0, 0)) for frame, _ in gif_frames(path)]
    assert colours == [COLOURS[0], COLOURS[2], COLOURS[4]]


def test_what_makes_no_film_leaves_the_old_one(files: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    files[0].write_bytes(b"no picture")
    for wrong in ([], files[:1]):
        with pytest.raises(ValueError, match="no picture"):
            write_timelapse(wrong, path)
    with pytest.raises(ValueError, match="no film"):
        write_timelapse(files, path, fps=0)
    with pytest.raises(ValueError, match=r"film\.avi"):
        write_timelapse(files, tmp_path / "film.avi")
    assert path.read_bytes() == b"old"
    left = {p.name for p in tmp_path.iterdir()} - {file.name for file in files}
    assert left == {"film.mp4"}


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_failure_on_the_way_leaves_nothing(
    suffix: str, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_timelapse(files, tmp_path / f"film{suffix}")
    assert set(tmp_path.iterdir()) == set(files)
