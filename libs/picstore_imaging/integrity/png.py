"""PNG and APNG: from chunk to chunk."""

from __future__ import annotations

import mmap
from typing import Final

from picstore_imaging import apng, png_colour
from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts

_SIDES: Final = slice(16, 24)
"""Width and height, each in four bytes, in the first chunk."""


def walk(data: mmap.mmap) -> Integrity:
    """Go from chunk to chunk, up to IEND; `acTL` announces the frames of an APNG.

    One whose frames are wrong is a still, as viewers show it.
    """
    announces = has_pixels = False
    colours: dict[bytes, bytes] = {}
    for chunk in apng.chunks(data, parts()):
        announces |= chunk.kind == b"acTL"
        has_pixels |= chunk.kind == b"IDAT"
        if chunk.kind in png_colour.KINDS and not has_pixels:
            end = min(chunk.end, chunk.start + png_colour.MAX_BYTES)
            colours.setdefault(chunk.kind, bytes(data[chunk.start : end]))
        if chunk.kind == b"IEND":
            animation = apng.read(data, parts()) if announces else None
            frames = 1 if animation is None else len(animation.frames)
            return Integrity(
                truncated=False,
                trailing_bytes=len(data) - chunk.end - 4,
                frames=frames,
                canvas_pixels=_pixels(data) if frames > 1 else None,
                signal=png_colour.signal(colours),
            )
    return TRUNCATED


def _pixels(data: mmap.mmap) -> int:
    sides = data[_SIDES]
    return int.from_bytes(sides[:4], "big") * int.from_bytes(sides[4:], "big")
