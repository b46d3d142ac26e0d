"""ICC profiles, built when they are needed."""

from __future__ import annotations

import struct
from typing import Final

Primaries = tuple[tuple[float, float, float], ...]

DISPLAY_P3: Final[Primaries] = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
"""The primaries, adapted to D50."""
ADOBE_RGB: Final[Primaries] = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
"""The primaries, adapted to D50."""


def matrix_profile(name: str, primaries: Primaries) -> bytes:
    """Return a profile (version 2, gamma 2.2) of three D50-adapted primaries."""
    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 79
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    white = (0.9642, 1.0, 0.8249)
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0CC0\0"}
    for tag, xyz in zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), (white, *primaries), strict=True):
        tags[tag] = b"XYZ \0\0\0\0" + b"".join(map(_number, xyz))
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4s", 128 + len(table) + len(body), b"none")
    header += b"\x02\x40\0\0mntrRGB XYZ " + b"\0" * 12 + b"acsp" + b"\0" * 28
    header += b"".join(map(_number, white))
    return header.ljust(128, b"\0") + table + body


def _number(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))
