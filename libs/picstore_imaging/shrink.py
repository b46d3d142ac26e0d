"""How far a JPEG is scaled by its own decoder, and whether it is decoded in one piece.

Pure: importable by every process.
"""

from __future__ import annotations

from typing import Final

from picstore_imaging.geometry import Size

_SHRINKS: Final = (8, 4, 2)

_MARGIN: Final = 1.25
"""How much larger than needed a shrunk JPEG must be, for the decoder's filter is a coarse one. A
20 MP photo for 2,560 px keeps an SSIM of 0.989 at a margin of 1.2 and of 0.998 unshrunk, for 86 and
118 CPU-ms; at 1.4 it keeps 0.992. sharp takes no margin, libvips's `thumbnail` one of 2."""

_AT_ONCE: Final = 8_000_000
"""Pixels that are decoded in one piece, in 24 MB: the half of 24 MP, and more."""


def jpeg_shrink(source: Size, wanted: Size) -> int:
    """Choose 1, 2, 4 or 8 by the upright sizes, which compare as the stored ones do."""
    across = source.width / wanted.width
    down = source.height / wanted.height
    for shrink in _SHRINKS:
        if min(across, down) >= shrink * _MARGIN:
            return shrink
    return 1


def at_once(size: Size) -> bool:
    """Whether a JPEG of this size, shrunk, is decoded in one piece; a larger one streams."""
    return size.width * size.height <= _AT_ONCE
