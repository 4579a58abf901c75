"""Untrusted bytes to RGB pictures.

Upright, and scaled down to the size at which an ``ImageSet`` stores them.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from training.core.messages import Message, UserError
from training.data.imageset import rest_size
from training.intake.limits import Limits

log = logging.getLogger(__name__)

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_HEIF_BRANDS = frozenset(
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"]
)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {  # EXIF orientation -> what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pictures above this are decoded one at a time, whatever the number of threads: 50 megapixels
# are 200 MB.
_LARGE_PIXELS = 12_000_000
_STRIP_PIXELS = 1_000_000
# These decoders hold 15 and 11 bytes a pixel at a time; the others 8 at most.
_COSTLY = {"WEBP": 2.0, "AVIF": 1.5}
_large_gate = threading.Lock()


class Unreadable(Exception):
    """This picture is to be left out; ``reason`` is the sentence for the report."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.key)
        self.reason = reason


def picture_format(head: bytes) -> str | None:
    """Pillow's name of the format that a file begins like; ``None`` if it is no picture."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":  # two letters alone begin many a text
        return "BMP"
    if head[4:8] == b"ftyp":
        # AVIF files may carry the general brand first and their own among the compatible ones.
        if b"avif" in head[8:32] or b"avis" in head[8:32]:
            return "AVIF"
        if head[8:12] in _HEIF_BRANDS:
            return "HEIF"
    return None


def read_picture(source: Path | bytes, limits: Limits | None = None) -> Image.Image:
    """The picture as a data set would hold it: RGB, upright, at its size at rest.

    Raises:
        UserError: it is no picture, damaged, or too large.
    """
    limits = limits or Limits()
    name = source.name if isinstance(source, Path) else "-"
    try:
        if isinstance(source, Path):
            if source.stat().st_size > limits.picture_bytes:
                raise Unreadable(file_too_large(limits))
            source = source.read_bytes()
        return decode(source, limits)
    except Unreadable as error:
        why = error.reason.key.rsplit(".", 1)[-1]
        raise UserError(f"intake.picture.{why}", file=name, **error.reason.values) from error
    except OSError as error:
        raise UserError("intake.file_unreadable", file=name) from error


def file_too_large(limits: Limits) -> Message:
    """The reason for leaving out a file that no picture within the limits can need."""
    return Message("intake.skip.file_too_large", {"limit": limits.picture_bytes >> 20})


def decode(data: bytes, limits: Limits) -> Image.Image:
    """Bytes to an upright RGB picture at its size at rest, first frame if it moves.

    Raises:
        Unreadable: no picture, too large, or damaged, as its reason says.
    """
    kind = picture_format(data)
    if kind is None:
        raise Unreadable(Message("intake.skip.not_a_picture"))
    try:
        image = _open(data, kind)
        _refuse_large(image, limits, kind)
        with _gate(image):
            image.load()  # first, because TIFF turns itself while it loads
            upright = _upright(image, kind)
            small = at_rest(image)
            return small if upright is None else small.transpose(upright)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(_too_large("> 170", limits.megapixels)) from error
    except Exception as error:
        # On hostile or damaged bytes the decoders raise nearly every type there is, so all of
        # them mean the same here. It is reported, not hidden.
        log.info("A %s picture could not be decoded: %r", kind, error)
        raise Unreadable(Message("intake.skip.damaged", {"format": kind})) from error


def at_rest(image: Image.Image) -> Image.Image:
    """Any Pillow picture as RGB, scaled down to its size at rest if it is larger.

    What is see-through lies on white; deep greys are scaled to 0..255, not clipped. Strip by
    strip, since whole copies of the largest pictures are hundreds of MB each. The result is that
    of converting the whole and ``Image.resize(..., BICUBIC, reducing_gap=2)``.

    Raises:
        ValueError: a picture of floats that are not finite.
    """
    image.load()
    width, height = image.size
    size = rest_size(width, height)
    to_rgb = _to_rgb(image)
    if size == image.size:
        return to_rgb(image)
    across, down = max(1, width // size[0] // 2), max(1, height // size[1] // 2)
    reduced = Image.new("RGB", (-(-width // across), -(-height // down)))
    for top, strip in _strips(image, down):
        reduced.paste(to_rgb(strip).reduce((across, down)), (0, top // down))
    box = (0, 0, width / across, height / down)
    return reduced.resize(size, Image.Resampling.BICUBIC, box)


def _strips(image: Image.Image, multiple: int) -> Iterator[tuple[int, Image.Image]]:
    """The picture from top to bottom, about a megapixel each, in ``multiple`` rows."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width // multiple) * multiple
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(height, top + rows)))


def _to_rgb(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What makes a part of this picture RGB; deep greys are measured over all of it first."""
    if image.mode.startswith(("I", "F")):
        black, span = grey_range(np.asarray(strip) for _, strip in _strips(image, 1))
        return lambda part: Image.fromarray(deep_grey(np.asarray(part), black, span))
    if image.has_transparency_data:
        return _over_white
    return lambda part: part if part.mode == "RGB" else part.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def grey_range(parts: Iterable[np.ndarray]) -> tuple[float, float]:
    """Black, and how far white is from it, in a picture of 16 or 32 bits or of floats.

    16-bit files use 0..65535 and float files 0..1, 0..255 or 0..65535, whichever holds all
    values; what fits none of them is stretched from its smallest to its largest value.

    Raises:
        ValueError: no value is finite.
    """
    low, high, kind = np.inf, -np.inf, ""
    for part in parts:
        grey, kind = part.astype(np.float64), part.dtype.kind
        finite = np.isfinite(grey)
        low = min(low, float(grey.min(where=finite, initial=np.inf)))
        high = max(high, float(grey.max(where=finite, initial=-np.inf)))
    if low > high:
        raise ValueError("no finite value in the picture")
    ranges = (1.0, 255.0, 65535.0) if kind == "f" else (65535.0,)
    fitting = [top for top in ranges if low >= 0 and high <= top]
    return (0.0, fitting[0]) if fitting else (low, max(high - low, 1e-12))  # never divide by 0


def deep_grey(values: np.ndarray, black: float, span: float) -> np.ndarray:
    """Greys, (H, W), to (H, W, 3) uint8; what is not finite becomes black."""
    grey = values.astype(np.float64)
    scaled = (np.where(np.isfinite(grey), grey, black) - black) * (255.0 / span)
    return np.repeat(np.rint(scaled).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _open(data: bytes, kind: str) -> Image.Image:
    """The picture, its header read and its pixels not yet."""
    if kind != "HEIF":
        return Image.open(io.BytesIO(data), formats=(kind,))
    # Not register_heif_opener: that would change Pillow for the whole process.
    import pillow_heif

    return pillow_heif.HeifImageFile(io.BytesIO(data))


def _refuse_large(image: Image.Image, limits: Limits, kind: str) -> None:
    width, height = image.size
    limit = limits.megapixels / _COSTLY.get(kind, 1.0)
    if width * height > limit * 1_000_000:
        raise Unreadable(_too_large(f"{width * height / 1e6:.0f}", limit))


def _too_large(megapixels: str, limit: float) -> Message:
    return Message(
        "intake.skip.too_many_pixels", {"megapixels": megapixels, "limit": f"{limit:.3g}"}
    )


def _gate(image: Image.Image) -> AbstractContextManager[object]:
    """Wait for a turn with a large picture; JPEG is first decoded at a fraction, if it can be."""
    if image.format == "JPEG":
        # By eighths, but never below the size at rest: 2 to 4 times faster on phone photos.
        image.draft(None, rest_size(*image.size))
    width, height = image.size
    return _large_gate if width * height > _LARGE_PIXELS else nullcontext()


def _upright(image: Image.Image, kind: str) -> Image.Transpose | None:
    """What turns the picture as the camera was held; ``None`` where nothing has to be done."""
    if kind == "HEIF":  # its decoder has turned it already
        return None
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception as error:
        # A broken EXIF block is common in edited photos and says nothing about the pixels.
        log.info("The EXIF block of a %s picture could not be read: %r", kind, error)
        return None
