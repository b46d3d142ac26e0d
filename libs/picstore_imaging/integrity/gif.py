"""GIF: from block to block."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

from picstore_imaging.gps import xmp_tells_a_place
from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, damaged, parts

_HEADER_BYTES: Final = 13
_DESCRIPTOR_BYTES: Final = 9
_EXTENSION: Final = 0x21
_IMAGE: Final = 0x2C
_TRAILER: Final = 0x3B
_PADDING: Final = 0
_XMP: Final = b"\x0bXMP DataXMP"
"""The length and the name of the extension that holds a packet, uncut; libvips reads it not."""
_MAX_XMP_BYTES: Final = 1024 * 1024


def walk(data: mmap.mmap) -> Integrity:
    """Go from block to block, up to the trailer; each image is a frame.

    Raises `IMAGE_CORRUPT` where something stands between the blocks that is none.
    """
    if len(data) < _HEADER_BYTES:
        return TRUNCATED
    steps = parts()
    at, frames, has_gps = _HEADER_BYTES + _palette_bytes(data[10]), 0, False
    for _ in steps:
        if at >= len(data):
            return TRUNCATED
        block = data[at]
        if block == _TRAILER:
            break
        if block == _EXTENSION:
            begin, at = at, _skip_sub_blocks(data, at + 2, steps)
            if data[begin + 2 : begin + 14] == _XMP:
                has_gps |= xmp_tells_a_place(data[begin:at][:_MAX_XMP_BYTES])
        elif block == _IMAGE:
            flags = at + _DESCRIPTOR_BYTES
            if flags >= len(data):
                return TRUNCATED
            # The palette of the frame, then the byte that says how wide its codes begin.
            at = _skip_sub_blocks(data, flags + 1 + _palette_bytes(data[flags]) + 1, steps)
            frames += 1
        elif block == _PADDING:
            at += 1
        else:
            raise damaged("the GIF has a block of no kind that there is")
    if frames == 0:
        raise damaged("the GIF has no picture in it")
    return Integrity(
        truncated=False, trailing_bytes=len(data) - at - 1, frames=frames, has_gps=has_gps
    )


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(data: mmap.mmap, at: int, steps: Iterator[None]) -> int:
    """Return where the chain of sub-blocks that begins at `at` has ended, or where the file has."""
    while at < len(data) and (length := data[at]):
        next(steps)
        at += 1 + length
    return at + 1
