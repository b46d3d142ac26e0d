"""The little of an ICC profile that matters here: how it calls itself.

Pure: importable by every process. Layout after ICC.1:2022, sections 7.2 to 7.3, 10.15 and 6.5.17
of ICC.1:2001 for the older text type.
"""

from __future__ import annotations

import struct

_MAX_TAGS = 100


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


def _text(tag: bytes) -> str:
    if tag.startswith(b"desc"):
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("ascii", "replace").strip()
    if tag.startswith(b"mluc"):
        length, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + length].decode("utf-16-be", "replace").strip("\0 ")
    return ""
