"""One picture: bytes that claim to be one, made into upright RGB at its size at rest."""

from __future__ import annotations

import io
import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from training.imageset import rest_size
from training.limits import Limits
from training.text import Message, UserError

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
# Pictures above this are decoded one at a time, whatever the number of threads: a 50-megapixel
# PNG with alpha needs 350 MB while it is converted.
_LARGE_PIXELS = 12_000_000
_large_gate = threading.Lock()


class Unreadable(Exception):
    """This picture is to be left out; ``reason`` says why."""

    def __init__(self, reason: Message) -> None:
        """Keep the sentence for the report."""
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
        Unreadable: with the reason.
    """
    kind = picture_format(data)
    if kind is None:
        raise Unreadable(Message("intake.skip.not_a_picture"))
    try:
        image = _open(data, kind)
        _refuse_large(image, limits)
        with _gate(image):
            image.load()  # first, because TIFF turns itself while it loads
            upright = _upright(image, kind)
            small = at_rest(to_rgb(image))
            return small if upright is None else small.transpose(upright)
    except Unreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(_too_large(None, limits)) from error
    except Exception as error:
        # On hostile or damaged bytes the decoders raise nearly every type there is, so all of
        # them mean the same here. It is reported, not hidden.
        log.info("A %s picture could not be decoded: %r", kind, error)
        raise Unreadable(Message("intake.skip.damaged", {"format": kind})) from error


def at_rest(image: Image.Image) -> Image.Image:
    """An RGB picture scaled down to its size at rest, if it is larger."""
    size = rest_size(*image.size)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB: alpha over white, deep greys scaled to 0..255, not clipped."""
    if image.mode == "RGB" and not image.has_transparency_data:
        image.load()
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(deep_grey(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        if image.mode != "RGBA":  # convert would copy it, and large pictures are hundreds of MB
            image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGB")


def deep_grey(values: np.ndarray) -> np.ndarray:
    """Greys of 16 or 32 bits or floats, (H, W), to uint8 by the range they are kept in.

    16-bit files use 0..65535 and float files 0..1, 0..255 or 0..65535, whichever holds all
    values; what fits none of them is stretched from its smallest to its largest value.
    """
    grey = values.astype(np.float64)
    finite = np.isfinite(grey)
    low = float(grey.min(where=finite, initial=np.inf))
    high = float(grey.max(where=finite, initial=-np.inf))
    if not finite.any():
        raise ValueError("no finite value in the picture")
    ranges = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (65535.0,)
    fitting = [top for top in ranges if low >= 0 and high <= top]
    start, span = (0.0, fitting[0]) if fitting else (low, max(high - low, 1e-12))
    scaled = (np.where(finite, grey, low) - start) * (255.0 / span)
    return np.asarray(np.rint(scaled).clip(0, 255), dtype=np.uint8)


def _open(data: bytes, kind: str) -> Image.Image:
    """The picture, its header read and its pixels not yet."""
    if kind != "HEIF":
        return Image.open(io.BytesIO(data), formats=(kind,))
    # Not register_heif_opener: that would change Pillow for the whole process.
    import pillow_heif

    return pillow_heif.HeifImageFile(io.BytesIO(data))


def _refuse_large(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.megapixels * 1_000_000:
        raise Unreadable(_too_large(width * height, limits))


def _too_large(pixels: int | None, limits: Limits) -> Message:
    megapixels = "> 170" if pixels is None else f"{pixels / 1e6:.0f}"
    return Message(
        "intake.skip.too_many_pixels", {"megapixels": megapixels, "limit": limits.megapixels}
    )


def _gate(image: Image.Image) -> AbstractContextManager[object]:
    """Wait for a turn with a large picture; JPEG is first decoded at a fraction, if it can be."""
    if image.format == "JPEG":
        # By eighths, but never below the size at rest: 2 to 4 times faster on phone photos.
        image.draft(None, rest_size(*image.size))
    width, height = image.size
    return _large_gate if width * height > _LARGE_PIXELS else nullcontext()


def _upright(image: Image.Image, kind: str) -> Image.Transpose | None:
    """What turns the picture as the camera was held."""
    if kind == "HEIF":  # its decoder has turned it already
        return None
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception as error:
        # A broken EXIF block is common in edited photos and says nothing about the pixels.
        log.info("The EXIF block of a %s picture could not be read: %r", kind, error)
        return None
