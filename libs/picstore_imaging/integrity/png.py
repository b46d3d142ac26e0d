"""PNG and APNG: from chunk to chunk."""

from __future__ import annotations

import mmap

from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts


def walk(data: mmap.mmap) -> Integrity:
    """Go from chunk to chunk, up to IEND; `acTL` announces the frames of an APNG."""
    at, frames = 8, 1
    for _ in parts():
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        if kind == b"acTL":
            frames = max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
        if kind == b"IEND":
            return Integrity(truncated=False, trailing_bytes=len(data) - end, frames=frames)
        at = end
    return TRUNCATED
