"""Every kind of picture file comes out as upright RGB, or with a reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.conftest import encoded, scene
from training.core.messages import UserError
from training.data.imageset import rest_size
from training.intake.decode import Unreadable, at_rest, decode, picture_format
from training.intake.take_in import Limits, read_picture


def pixels(data: bytes) -> np.ndarray:
    image = read_picture(data)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(Unreadable) as caught:
        decode(data, limits or Limits())
    assert caught.value.reason.text("en") and caught.value.reason.text("zh")
    return caught.value.reason.key.rpartition(".")[2]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_formats(kind: str) -> None:
    picture = scene(1)
    difference = np.abs(pixels(encoded(picture, kind)) - np.asarray(picture).astype(int))
    assert difference.mean() < 12


def test_phone_photos() -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(scene(1)).save(buffer)
    assert picture_format(buffer.getvalue()) == "HEIF"
    assert np.abs(pixels(buffer.getvalue()) - np.asarray(scene(1)).astype(int)).mean() < 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(kind: str, orientation: int) -> None:
    """A picture stored turned, with a tag that says so, comes out as it was seen."""
    seen = scene(3, 60, 40)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = seen.transpose(undo[orientation]) if orientation > 1 else seen
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "HEIF":
        buffer = io.BytesIO()
        pillow_heif.from_pillow(stored).save(buffer, exif=exif.tobytes())
        data = buffer.getvalue()
    else:
        data = encoded(stored, kind, exif=exif)
    result = pixels(data)
    assert result.shape == (40, 60, 3)
    assert np.abs(result - np.asarray(seen).astype(int)).mean() < 25  # turned wrongly: 50 and more


def test_cmyk_and_palette_and_one_bit() -> None:
    red = Image.new("RGB", (20, 20), (200, 30, 40))
    assert np.abs(pixels(encoded(red.convert("CMYK"), "JPEG"))[5, 5] - (200, 30, 40)).max() < 30
    assert tuple(pixels(encoded(red.quantize(4)))[5, 5]) == (200, 30, 40)
    assert pixels(encoded(Image.new("1", (9, 9), 1))).min() == 255


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_see_through_lies_on_white(kind: str, mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 20))
    image.paste((0, 0, 0, 128), (10, 0, 15, 20))
    found = pixels(encoded(image.convert(mode), kind, lossless=True))
    assert (
        found[5, 3].max() < 5 and abs(found[5, 12].mean() - 127) < 5 and found[5, 18].min() == 255
    )


def test_see_through_palette_and_colour_key() -> None:
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([10, 20, 30, 200, 0, 0])
    assert pixels(encoded(palette, "GIF", transparency=0)).min() == 255
    key = Image.new("RGB", (10, 10), (1, 2, 3))
    assert pixels(encoded(key, "PNG", transparency=(1, 2, 3))).min() == 255


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    found = pixels(encoded(Image.fromarray(ramp), kind))
    assert np.abs(found[0, :, 0] - np.arange(256)).max() <= 1


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (0.0, 255.0), (0.0, 65535.0), (-3.0, 7.0)])
def test_floats_are_scaled_by_the_range_they_are_in(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 64, dtype=np.float32)[None].repeat(4, 0)
    ramp[3, 5] = np.nan
    found = pixels(encoded(Image.fromarray(ramp), "TIFF"))
    assert found[0, 0, 0] == 0 and found[0, -1, 0] == 255 and abs(found[0, 32, 0] - 129.5) < 3


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_what_moves(kind: str) -> None:
    red, blue = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    data = encoded(red, kind, save_all=True, append_images=[blue])
    assert pixels(data)[8, 8, 0] > 200 and pixels(data)[8, 8, 2] < 60


def test_large_photos_are_scaled_down_and_small_ones_kept() -> None:
    assert read_picture(encoded(scene(1, 2000, 1500), "JPEG")).size == (341, 256)
    assert read_picture(encoded(scene(1, 9, 7))).size == (9, 7)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_truncated(kind: str) -> None:
    data = encoded(scene(1, 300, 200), kind)
    assert reason(data[: len(data) // 2]) == "damaged"


def test_a_picture_with_a_wrong_checksum() -> None:
    data = bytearray(encoded(scene(1)))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    assert reason(bytes(data)) == "damaged"


def test_too_many_pixels_are_refused_from_the_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    assert reason(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\x01IDAT") == "too_many_pixels"
    assert reason(encoded(scene(1, 1300, 1000)), Limits(megapixels=1)) == "too_many_pixels"
    costly = encoded(scene(1, 1000, 600), "WEBP")
    assert reason(costly, Limits(megapixels=1)) == "too_many_pixels"
    assert decode(costly, Limits(megapixels=2)).mode == "RGB"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
@pytest.mark.parametrize("size", [(1501, 1003), (401, 3999)])
def test_strips_give_what_the_whole_picture_would(mode: str, size: tuple[int, int]) -> None:
    image = scene(2, *size).convert("RGB")
    image.putalpha(scene(3, *size).convert("L"))
    image = image.convert("RGB" if mode in ("P", "CMYK") else mode).convert(mode)
    whole = image.convert("RGB")
    if "A" in mode:
        whole = Image.new("RGB", size, "white")
        whole.paste(image.convert("RGBA"), mask=image.getchannel("A"))
    expected = whole.resize(rest_size(*size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    assert np.array_equal(np.asarray(at_rest(image)), np.asarray(expected))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    assert pixels(encoded(scene(1), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).shape == (
        40,
        48,
        3,
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"BM of a letter", b"<svg></svg>", b"RIFF1234WAVE"]
)
def test_no_picture(data: bytes) -> None:
    assert reason(data) == "not_a_picture"


def test_read_picture_tells_the_person(tmp_path: Path) -> None:
    path = tmp_path / "note.jpg"
    path.write_text("not a picture")
    with pytest.raises(UserError, match=r"note\.jpg is not a picture"):
        read_picture(path)
    with pytest.raises(UserError) as caught:
        read_picture(tmp_path / "missing.jpg")
    assert caught.value.text("zh")
