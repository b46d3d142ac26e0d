"""WebP: the chunks of its RIFF."""

from __future__ import annotations

import mmap
from typing import Final

from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts

_HEADER_BYTES: Final = 30
"""Up to the end of the canvas, whichever chunk says how large it is."""
_SIDE_BITS: Final = 0x3FFF

Data = bytes | mmap.mmap


def walk(data: mmap.mmap) -> Integrity:
    """Check the RIFF length and that every chunk lies within it; each `ANMF` is a frame."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        return TRUNCATED
    at, frames = 12, 0
    for _ in parts():
        if at + 8 > end:
            break
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        frames += data[at : at + 4] == b"ANMF"
        at += 8 + length + length % 2
    # The last chunk's byte of padding may be missing: libwebp accepts that as well.
    if at > end + 1:
        return TRUNCATED
    return Integrity(
        truncated=False,
        trailing_bytes=len(data) - end,
        frames=max(1, frames),
        canvas_pixels=canvas_pixels(data),
    )


def canvas_pixels(data: Data) -> int | None:
    """Multiply the sides that the first chunk gives; None where it is none to give any."""
    if len(data) < _HEADER_BYTES:
        return None
    match data[12:16]:
        case b"VP8X":
            width, height = _number(data, 24, 3) + 1, _number(data, 27, 3) + 1
        case b"VP8L":
            bits = _number(data, 21, 4)
            width, height = (bits & _SIDE_BITS) + 1, (bits >> 14 & _SIDE_BITS) + 1
        case b"VP8 ":
            width, height = _number(data, 26, 2) & _SIDE_BITS, _number(data, 28, 2) & _SIDE_BITS
        case _:
            return None
    return width * height


def _number(data: Data, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
