"""Headers that are slightly wrong, put right before decoding, on a copy in memory.

Browsers show an AVIF by what it holds; libheif also asks which brands it claims. What is changed
here is that claim, never the picture. Pure: importable by every process.
"""

from __future__ import annotations

from typing import Final

from picstore_imaging.bmff import boxes, children, extents
from picstore_imaging.integrity.verdict import parts

_BRANDS: Final = (b"avif", b"mif1", b"miaf")
_FIXED_BYTES: Final = 16
"""Of `ftyp`: its header, the major brand and the minor version; compatible brands follow."""


def with_avif_brands(data: bytes) -> bytes | None:
    """Return a copy that names the brands of an AVIF still; None where nothing can be done.

    Brands are written over those that are there. Where there are none at all, one is put in, and
    what the file says about where its items lie is moved by as much.
    """
    if data[4:8] != b"ftyp":
        return None
    size = int.from_bytes(data[:4], "big")
    if not _FIXED_BYTES <= size <= len(data) or size % 4:
        return None
    room = (size - _FIXED_BYTES) // 4
    rest = data[size:] if room else _moved(data, by=len(_BRANDS[0]))[size:]
    named = [*_BRANDS, *(_BRANDS[-1:] * room)][: max(room, 1)]
    payload = b"avif\0\0\0\0" + b"".join(named)
    return (8 + len(payload)).to_bytes(4, "big") + b"ftyp" + payload + rest


def _moved(data: bytes, *, by: int) -> bytes:
    """Add to every offset of an item in the file."""
    copy, steps = bytearray(data), parts()
    for meta in boxes(data, 0, len(data), steps):
        if meta.kind != b"meta":
            continue
        for iloc in children(data, meta, steps):
            if iloc.kind != b"iloc":
                continue
            for extent in extents(data, iloc, steps):
                place = slice(extent.at, extent.at + extent.width)
                moved = int.from_bytes(data[place], "big") + by
                copy[place] = (moved % (1 << 8 * extent.width)).to_bytes(extent.width, "big")
    return bytes(copy)
