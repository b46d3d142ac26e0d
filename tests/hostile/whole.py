"""One sound file of each form that a format has: what truncation and damage begin with."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np
import pyvips
import tifffile

from picstore_imaging.formats import SourceFormat
from tests.pictures import animation, drawing, heic, photo, tiled_heic

_WIDTH: Final = 96
_HEIGHT: Final = 64
_SEED: Final = "hostile"

_DRAWING: Final = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='96' height='64'><defs>"
    b"<linearGradient id='g'><stop stop-color='#fc0'/><stop offset='1' stop-color='#06c'/>"
    b"</linearGradient></defs><rect width='96' height='64' fill='url(#g)'/>"
    b"<circle cx='40' cy='30' r='20' fill='#c33' stroke='black'/></svg>"
)


def _photo(format: str, **options: Any) -> bytes:
    return photo(_WIDTH, _HEIGHT, seed=_SEED, format=format, **options)


def _animation(format: str, **options: Any) -> bytes:
    frames = [drawing(_WIDTH, _HEIGHT, seed=f"{_SEED} {number}") for number in range(4)]
    return animation(frames, format, **options)


def _tiff(**options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = np.asarray(drawing(_WIDTH, _HEIGHT, seed=_SEED))
    tifffile.imwrite(buffer, pixels, photometric="rgb", **options)
    return buffer.getvalue()


def _interlaced_png() -> bytes:
    picture = pyvips.Image.new_from_array(np.asarray(drawing(_WIDTH, _HEIGHT, seed=_SEED)))
    data: bytes = picture.pngsave_buffer(interlace=True)
    return data


WHOLE: Final[dict[str, tuple[SourceFormat, Callable[[], bytes]]]] = {
    "jpeg": (SourceFormat.JPEG, partial(_photo, "JPEG")),
    "progressive jpeg": (SourceFormat.JPEG, partial(_photo, "JPEG", progressive=True)),
    "png": (SourceFormat.PNG, partial(_photo, "PNG")),
    "interlaced png": (SourceFormat.PNG, _interlaced_png),
    "apng": (SourceFormat.PNG, partial(_animation, "PNG", duration=50)),
    "gif": (SourceFormat.GIF, partial(_photo, "GIF")),
    "animated gif": (SourceFormat.GIF, partial(_animation, "GIF", duration=50)),
    "webp": (SourceFormat.WEBP, partial(_photo, "WEBP")),
    "lossless webp": (SourceFormat.WEBP, partial(_photo, "WEBP", lossless=True)),
    "animated webp": (SourceFormat.WEBP, partial(_animation, "WEBP", duration=50)),
    "avif": (SourceFormat.AVIF, partial(_photo, "AVIF", speed=10)),
    "heic": (SourceFormat.HEIC, lambda: heic(drawing(_WIDTH, _HEIGHT, seed=_SEED))),
    "tiled heic": (SourceFormat.HEIC, lambda: tiled_heic(drawing(128, 64, seed=_SEED))),
    "tiff": (SourceFormat.TIFF, partial(_tiff, compression="zlib")),
    "tiled tiff": (SourceFormat.TIFF, partial(_tiff, tile=(32, 32))),
    "big tiff": (SourceFormat.TIFF, partial(_tiff, bigtiff=True, byteorder=">")),
    "svg": (SourceFormat.SVG, lambda: _DRAWING),
}
"""By name: the format, and how to make the file."""


@cache
def whole(name: str) -> bytes:
    """Return one of `WHOLE`."""
    return WHOLE[name][1]()


def of_format(format: SourceFormat) -> str:
    """Name the plainest file of a format."""
    return next(name for name, (found, _) in WHOLE.items() if found is format)
