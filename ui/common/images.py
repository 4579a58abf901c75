"""Pictures as data URIs.

So no file has to be kept for them or served.
"""

from __future__ import annotations

import base64
import math
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def jpeg_uri(picture: np.ndarray) -> str:
    """(H, W, 3) uint8 as a JPEG of quality 80, for thumbnails and cards."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


SIDE = 128  # px; smaller pictures are enlarged by whole numbers, so that a file can be looked at


def grid_columns(count: int) -> int:
    """Of a grid of ``count`` pictures: nearly square, and at most 8, for narrow phones."""
    return min(8, max(1, round(math.sqrt(count))))


PNG_LEVEL = 1  # a picture of 64 px is 9 KB at any level, and 1 takes 0.4 ms


def png_uri(pixels: Tensor | NDArray[np.uint8]) -> str:
    """(3, R, R) tensor or (H, W, 3) array, uint8, without loss."""
    rows = pixels.permute(1, 2, 0).numpy() if isinstance(pixels, Tensor) else pixels
    file = BytesIO()
    Image.fromarray(rows).save(file, "PNG", compress_level=PNG_LEVEL)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
