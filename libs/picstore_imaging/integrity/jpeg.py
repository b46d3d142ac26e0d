"""JPEG: from marker to marker."""

from __future__ import annotations

import mmap
import re
from typing import Final

from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts

# After FF: 00 is an escaped FF of the picture's data, D0 to D7 are restart markers within it,
# 01 is a marker without a length, and a further FF is padding.
_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_EOI: Final = 0xD9
_SOI: Final = 0xD8


def walk(data: mmap.mmap) -> Integrity:
    """Go from marker to marker; a segment's length keeps a preview inside it out of sight."""
    at = 2
    for _ in parts():
        if (found := _MARKER.search(data, at)) is None:
            break
        marker = found[1][0]
        if marker == _EOI:
            return Integrity(truncated=False, trailing_bytes=len(data) - found.end())
        at = found.end()
        if marker != _SOI:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return TRUNCATED
