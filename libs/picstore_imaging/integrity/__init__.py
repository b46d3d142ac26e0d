"""Whether a picture file is whole, told from its container alone, before a decoder sees it.

A file that ends too early is *truncated*: the sender broke off, and many decoders would fill the
rest with grey. Bytes after the picture's end are *trailing*: harmless, and common (phones append
previews and videos). The walk also counts the frames that a still decoder would pass over.

The file is mapped, not read, and only its structure is visited. Pure: no decoder is involved.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_imaging.integrity import gif, isobmff, jpeg, png, svg, tiff, webp
from picstore_imaging.integrity.verdict import TRUNCATED, DrawnSize, Integrity

__all__ = ["DrawnSize", "Integrity", "inspect"]


def inspect(path: Path, source_format: SourceFormat) -> Integrity:
    """Walk the container of a file in one of the accepted formats.

    Raises `IMAGE_CORRUPT` where it has more than a million parts or what its format forbids,
    `IMAGE_FORMAT_UNSUPPORTED` where it is more than a picture (an SVG with scripts) or coded as
    no decoder reads it, `KeyError` for another format, and `OSError` where the file cannot be read.
    """
    walk = _WALKS[source_format]
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return TRUNCATED
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return walk(data)


_WALKS: Final[dict[SourceFormat, Callable[[mmap.mmap], Integrity]]] = {
    SourceFormat.JPEG: jpeg.walk,
    SourceFormat.PNG: png.walk,
    SourceFormat.WEBP: webp.walk,
    SourceFormat.AVIF: isobmff.walk_avif,
    SourceFormat.HEIC: isobmff.walk_heic,
    SourceFormat.GIF: gif.walk,
    SourceFormat.TIFF: tiff.walk,
    SourceFormat.SVG: svg.walk,
}
