"""ICC profiles, built when they are needed."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Sequence
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
BT_2020: Final[Primaries] = (
    (0.67349, 0.27904, -0.00193),
    (0.16566, 0.67534, 0.02998),
    (0.12505, 0.04562, 0.79685),
)
"""The primaries, adapted to D50."""
SRGB: Final[Primaries] = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.71410),
)
"""The primaries, adapted to D50."""
_WHITE: Final = (0.9642, 1.0, 0.8249)


def matrix_profile(
    name: str, primaries: Primaries, *, gamma: float = 2.2, curve: bytes = b""
) -> bytes:
    """Return a profile (version 2) of three D50-adapted primaries and a gamma, or a curve's tag."""
    curve = curve or b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        tags[tag] = b"XYZ \0\0\0\0" + b"".join(map(_number, xyz))
    return _profile(name, b"mntrRGB XYZ ", tags)


def table_curve(values: Iterable[float]) -> bytes:
    """Return a curve's tag of a table of what is between 0 and 1."""
    numbers = [round(value * 65_535) for value in values]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(numbers)}H", len(numbers), *numbers)


def ink_profile(name: str, inks: Sequence[tuple[int, int, int]]) -> bytes:
    """Return a CMYK profile of a table: how four inks look, in Lab, at full on white paper.

    Where they lie on each other their differences from white add up.
    """
    paper = (100, 0, 0)
    cells = b""
    for on in itertools.product((0, 1), repeat=4):
        lab = [
            white + sum(share * (ink[axis] - white) for share, ink in zip(on, inks, strict=True))
            for axis, white in enumerate(paper)
        ]
        lightness, a, b = (max(0, lab[0]) * 255 // 100, *(max(-128, min(127, v)) for v in lab[1:]))
        cells += bytes((lightness, a + 128, b + 128))
    one = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1\0\0\0\0\4\3\2\0" + b"".join(map(_number, one))
    table += bytes(range(256)) * 4 + cells + bytes(range(256)) * 3
    return _profile(name, b"prtrCMYKLab ", {b"A2B0": table})


def _profile(name: str, spaces: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode() + b"\0"
    tags = tags | {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 79,
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(_number, _WHITE)),
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4s", 128 + len(table) + len(body), b"none")
    header += b"\x02\x40\0\0" + spaces + b"\0" * 12 + b"acsp" + b"\0" * 28
    header += b"".join(map(_number, _WHITE))
    return header.ljust(128, b"\0") + table + body


def _number(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))
