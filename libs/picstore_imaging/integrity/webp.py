"""WebP: the chunks of its RIFF."""

from __future__ import annotations

import mmap

from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts


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
    return Integrity(truncated=False, trailing_bytes=len(data) - end, frames=max(1, frames))
