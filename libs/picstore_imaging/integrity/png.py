"""PNG and APNG: from chunk to chunk."""

from __future__ import annotations

import mmap
from typing import Final

from picstore_imaging import apng
from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts

_SIDES: Final = slice(16, 24)
"""Width and height, each in four bytes, in the first chunk."""


def walk(data: mmap.mmap) -> Integrity:
    """Go from chunk to chunk, up to IEND; `acTL` announces the frames of an APNG.

    As many frames count as there are or are announced, whichever is more.
    """
    announced = counted = 0
    for chunk in apng.chunks(data, parts()):
        if chunk.kind == b"acTL":
            announced = max(announced, int.from_bytes(data[chunk.start : chunk.start + 4], "big"))
        counted += chunk.kind == b"fcTL"
        if chunk.kind == b"IEND":
            frames = max(1, announced, counted if announced else 0)
            return Integrity(
                truncated=False,
                trailing_bytes=len(data) - chunk.end - 4,
                frames=frames,
                stands_still=frames > 1 and apng.read(data, parts()) is None,
                canvas_pixels=_pixels(data) if frames > 1 else None,
            )
    return TRUNCATED


def _pixels(data: mmap.mmap) -> int:
    sides = data[_SIDES]
    return int.from_bytes(sides[:4], "big") * int.from_bytes(sides[4:], "big")
