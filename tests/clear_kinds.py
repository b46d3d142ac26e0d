"""Patches that are clear in part, in every way that files can say so."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from tests.hostile.png import chunk, png
from tests.patches import GREYS, PATCHES, Pixels
from tests.pictures import animation, heic
from tests.source_kinds import CELL, COLUMNS, ROWS, grown

ALPHAS: Final = np.array([[255, 0, 128, 64], [200, 255, 20, 255]], np.uint8)
KEYED: Final = np.array([[255, 0, 255, 255], [255, 255, 255, 255]], np.uint8)
"""Where one colour stands for what is clear, and nothing is so in part."""
_SIZE: Final = (COLUMNS * CELL, ROWS * CELL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearKind:
    """One kind of file."""

    make: Callable[[], bytes]
    colours: Pixels
    """In sRGB, one pixel for each patch."""
    alphas: Pixels
    bound: int
    """How far a sample of a lossless output may be off."""


def _rgba() -> Pixels:
    return np.dstack([PATCHES, ALPHAS])


def _la() -> Pixels:
    return np.dstack([GREYS, ALPHAS])


def _saved(cells: Pixels, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grown(cells)).save(buffer, format, **options)
    return buffer.getvalue()


def _png(samples: npt.NDArray[Any], *, colour: int, depth: int = 8, extra: bytes = b"") -> bytes:
    rows = grown(samples).astype(">u2" if depth == 16 else np.uint8).reshape(ROWS * CELL, -1)
    idat = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return png(*_SIZE, depth=depth, colour=colour, extra=extra, idat=idat)


def _deep(cells: Pixels) -> npt.NDArray[Any]:
    return cells.astype(np.uint16) * 257


def _palette() -> bytes:
    """Each colour has an alpha of its own; those without one in the file are opaque."""
    indexes = np.arange(ROWS * COLUMNS, dtype=np.uint8).reshape(ROWS, COLUMNS)
    extra = chunk(b"PLTE", PATCHES.tobytes()) + chunk(b"tRNS", ALPHAS.tobytes()[:-1])
    return _png(indexes, colour=3, extra=extra)


def _keyed(samples: npt.NDArray[Any], *, colour: int, depth: int = 8) -> bytes:
    """The second patch is clear, because its colour is."""
    key = samples.reshape(ROWS * COLUMNS, -1)[1].astype(">u2").tobytes()
    return _png(samples, colour=colour, depth=depth, extra=chunk(b"tRNS", key))


def _apng() -> bytes:
    frames = [Image.fromarray(grown(_rgba())), Image.new("RGBA", _SIZE, (9, 9, 9, 99))]
    return animation(frames, "PNG", duration=100, disposal=1, blend=0)


def _svg() -> bytes:
    cells = "".join(
        f"<rect x='{x * CELL}' y='{y * CELL}' width='{CELL}' height='{CELL}' "
        f"fill='rgb({','.join(map(str, PATCHES[y, x]))})' fill-opacity='{ALPHAS[y, x] / 255:.4f}'/>"
        for y in range(ROWS)
        for x in range(COLUMNS)
    )
    size = f"width='{_SIZE[0]}' height='{_SIZE[1]}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>{cells}</svg>".encode()


def _tiff(samples: npt.NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, grown(samples), **options)
    return buffer.getvalue()


def _gif() -> bytes:
    indexes = np.arange(ROWS * COLUMNS, dtype=np.uint8).reshape(ROWS, COLUMNS)
    image, buffer = Image.fromarray(grown(indexes)).convert("L"), io.BytesIO()
    image.putpalette(PATCHES.tobytes())
    image.save(buffer, "GIF", transparency=1)
    return buffer.getvalue()


def _kind(
    make: Callable[[], bytes],
    colours: Pixels = PATCHES,
    alphas: Pixels = ALPHAS,
    *,
    bound: int = 2,
) -> ClearKind:
    return ClearKind(make=make, colours=colours, alphas=alphas, bound=bound)


_GREYS: Final = GREYS[..., None].repeat(3, -1)

CLEAR_KINDS: Final[dict[str, ClearKind]] = {
    "png": _kind(lambda: _png(_rgba(), colour=6)),
    "png of 16 bits": _kind(lambda: _png(_deep(_rgba()), colour=6, depth=16)),
    "grey png": _kind(lambda: _png(_la(), colour=4), _GREYS),
    "grey png of 16 bits": _kind(lambda: _png(_deep(_la()), colour=4, depth=16), _GREYS),
    "palette png": _kind(_palette),
    "png with a clear colour": _kind(lambda: _keyed(PATCHES, colour=2), alphas=KEYED),
    "png of 16 bits with a clear colour": _kind(
        lambda: _keyed(_deep(PATCHES), colour=2, depth=16), alphas=KEYED
    ),
    "png with a clear grey": _kind(lambda: _keyed(GREYS, colour=0), _GREYS, KEYED),
    "png of 16 bits with a clear grey": _kind(
        lambda: _keyed(_deep(GREYS), colour=0, depth=16), _GREYS, KEYED
    ),
    "apng": _kind(_apng),
    "gif": _kind(_gif, alphas=KEYED),
    "svg": _kind(_svg, bound=6),
    "lossless webp": _kind(lambda: _saved(_rgba(), "WEBP", lossless=True, exact=True)),
    "avif": _kind(
        lambda: _saved(_rgba(), "AVIF", quality=98, subsampling="4:4:4", speed=10), bound=6
    ),
    "heic": _kind(lambda: heic(Image.fromarray(grown(_rgba())), quality=98, chroma=444), bound=6),
    "tiff": _kind(lambda: _tiff(_rgba(), photometric="rgb", extrasamples=["UNASSALPHA"])),
    "tiff of 16 bits": _kind(
        lambda: _tiff(_deep(_rgba()), photometric="rgb", extrasamples=["UNASSALPHA"])
    ),
}
"""By name."""
