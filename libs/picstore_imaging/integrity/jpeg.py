"""JPEG: from marker to marker."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import Final

from picstore_imaging import mpf
from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts

# After FF: 00 is an escaped FF of the picture's data, D0 to D7 are restart markers within it,
# 01 is a marker without a length, and a further FF is padding.
_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_EOI: Final = 0xD9
_SOI: Final = 0xD8
_SOS: Final = 0xDA
_APP2: Final = 0xE2
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Of any coding: they say how large the picture is."""

Data = bytes | mmap.mmap


def walk(data: mmap.mmap) -> Integrity:
    """Go from marker to marker; a segment's length keeps a preview inside it out of sight.

    Further pictures that the file has an index of, such as a gain map, belong to it.
    """
    end = 0
    for marker, at in _markers(data):
        if marker == _APP2 and data[at + 2 : at + 6] == mpf.MARK:
            end = max(end, mpf.pictures_end(data, at + 6))
        if marker == _EOI:
            return Integrity(truncated=False, trailing_bytes=len(data) - max(end, at))
    return TRUNCATED


def pixels(data: Data) -> int:
    """Multiply the sides that the header gives; 0 where it gives none."""
    most = 0
    for marker, at in _markers(data):
        if marker in (_EOI, _SOS):
            break
        if marker in _FRAMES:
            height, width = (
                int.from_bytes(data[side : side + 2], "big") for side in (at + 3, at + 5)
            )
            most = max(most, width * height)
    return most


def _markers(data: Data) -> Iterator[tuple[int, int]]:
    """Yield each marker, and where what follows it begins."""
    at = 2
    for _ in parts():
        if (found := _MARKER.search(data, at)) is None:
            return
        marker, at = found[1][0], found.end()
        yield marker, at
        if marker != _SOI:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
