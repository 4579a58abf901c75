"""Bounds of an upload.

How much it may ask of this machine; each limit is a command-line flag.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from training.core.files import MIB

# Pillow itself refuses pictures over 2 x 89 megapixels, whatever we say.
MAX_MEGAPIXELS = 170


@dataclass(frozen=True)
class Limits:
    """Bounds of one upload.

    Args:
        upload_mb: size of what is handed over (a zip, or all files of a list), in MiB.
        unpacked_mb: size of all files together once unpacked, in MiB.
        files: how many files, pictures or not.
        megapixels: size of one picture; larger ones are skipped. A WebP may have half of it, an
            AVIF two thirds, since these take so much more memory to decode.
        ratio: unpacked to packed bytes, of any member over 1 MiB and of the whole archive.

    Raises:
        ValueError: a limit is below 1, or ``megapixels`` is above ``MAX_MEGAPIXELS``.
    """

    upload_mb: int = 512
    unpacked_mb: int = 2048
    files: int = 20_000
    megapixels: int = 50
    ratio: int = 200

    def __post_init__(self) -> None:
        for limit in fields(self):
            if getattr(self, limit.name) < 1:
                raise ValueError(f"{limit.name} is {getattr(self, limit.name)}; it must be >= 1.")
        if self.megapixels > MAX_MEGAPIXELS:
            raise ValueError(f"megapixels is {self.megapixels}; at most {MAX_MEGAPIXELS}.")

    @property
    def upload_bytes(self) -> int:
        """``upload_mb`` at 2^20 bytes each."""
        return self.upload_mb * MIB

    @property
    def unpacked_bytes(self) -> int:
        """``unpacked_mb`` at 2^20 bytes each."""
        return self.unpacked_mb * MIB

    @property
    def picture_bytes(self) -> int:
        """The largest file worth reading: ``megapixels`` of uncompressed 16-bit RGB."""
        return self.megapixels * 6_000_000 + MIB
