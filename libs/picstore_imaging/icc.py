"""The little of an ICC profile that matters here: how it calls itself.

Pure: importable by every process. Layout after ICC.1:2022, sections 7.2 to 7.3, 10.15 and 6.5.17
of ICC.1:2001 for the older text type.
"""

from __future__ import annotations

import struct

_MAX_TAGS = 100
_SRGB_AREA = 0.1091
"""Of the triangle of sRGB's primaries, adapted to D50, in the xy diagram."""
_CLEARLY_LARGER = 1.05


def describe(profile: bytes) -> str:
    """Read the profile description, such as `Display P3`; empty where it has none we can read."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for index in range(min(count, _MAX_TAGS)):
            name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
            if name == b"desc":
                return _text(profile[offset : offset + size])
    except struct.error:
        pass
    return ""


def is_srgb(description: str) -> bool:
    """Whether a description is one of sRGB, for which no transform is needed.

    `c2` is Facebook's 456-byte sRGB. The transform from sRGB to sRGB is the identity to the last
    bit, so nothing is lost where it is left out.
    """
    return description.startswith("sRGB") or description in ("c2", "c2ci")


def is_wide(profile: bytes) -> bool:
    """Whether the colours of an RGB profile reach beyond sRGB.

    They do where its primaries span a larger triangle. A profile of tables, which has no
    primaries, is taken to.
    """
    try:
        if profile[16:20] != b"RGB ":
            return False
        corners = [_chromaticity(profile, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (struct.error, ZeroDivisionError):
        return False
    if None in corners:
        return True
    (rx, ry), (gx, gy), (bx, by) = (corner or (0.0, 0.0) for corner in corners)
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) / 2
    return area > _SRGB_AREA * _CLEARLY_LARGER


def _chromaticity(profile: bytes, name: bytes) -> tuple[float, float] | None:
    (count,) = struct.unpack_from(">I", profile, 128)
    for index in range(min(count, _MAX_TAGS)):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if tag == name:
            x, y, z = struct.unpack_from(">3i", profile, offset + 8)
            return x / (x + y + z), y / (x + y + z)
    return None


def _text(tag: bytes) -> str:
    if tag.startswith(b"desc"):
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("ascii", "replace").strip()
    if tag.startswith(b"mluc"):
        length, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + length].decode("utf-16-be", "replace").strip("\0 ")
    return ""
