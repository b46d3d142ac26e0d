"""How outputs of the patches are looked at: decoded by Pillow, and told apart as eyes do."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from picstore_imaging.formats import Format
from tests.source_kinds import CELL, COLUMNS, ROWS

Pixels = npt.NDArray[np.uint8]

WIDTH: Final = COLUMNS * CELL // 2
HEIGHT: Final = ROWS * CELL // 2
LOSS: Final = {Format.PNG: 0.0, Format.JPEG: 1.5, Format.WEBP: 1.5, Format.AVIF: 1.5}
"""ΔE2000 that an encoder at its default quality may add to a patch."""


def opened(data: bytes, mode: str = "RGB") -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def patches(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Take the mean of the middle of each patch."""
    cell = CELL // 2
    cells = pixels[: ROWS * cell, : COLUMNS * cell].reshape(ROWS, cell, COLUMNS, cell, -1)
    middle = slice(cell // 4, -cell // 4)
    return np.asarray(cells[:, middle, :, middle].mean(axis=(1, 3)))


def distance(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest ΔE2000 of two sets of colours."""
    left, right = (rgb2lab(colours / 255) for colours in (found, expected))
    differences = deltaE_ciede2000(left, right)  # type: ignore[no-untyped-call]  # ships no types
    return float(differences.max())
