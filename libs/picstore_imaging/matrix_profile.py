"""An ICC profile of primaries and a curve, for colours that a file tells in numbers.

Pure: importable by every process. Without NumPy, which a child loads only where it scores.
Layout after ICC.1:2022, sections 7.2, 7.3, 10.15, 10.18 and 10.31.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from picstore_imaging.colour_signal import ColourSignal

Vector = Sequence[float]

_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
_FROM_BRADFORD: Final = (
    (0.9869929, -0.1470543, 0.1599627),
    (0.4323053, 0.5183603, 0.0492912),
    (-0.0085287, 0.0400428, 0.9684867),
)
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_HEADER_BYTES: Final = 128


def matrix_profile(signal: ColourSignal) -> bytes:
    """Return a profile (version 4) by which pixels that are as `signal` says can be converted.

    Its primaries are to be usable ones (`colour_signal.usable_corners`).
    """
    curve = _curve(3, *_SRGB_CURVE) if signal.gamma is None else _curve(0, signal.gamma)
    tags = {b"desc": _text(signal.name), b"cprt": _text("CC0"), b"wtpt": _xyz(*_D50)}
    for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _adapted(signal), strict=True):
        tags[name] = _xyz(*colour)
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body = struct.pack(">I", len(tags)), b""
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4x", start + len(body)) + b"\x04\x40\0\0mntrRGB XYZ "
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + _numbers(*_D50)
    return header.ljust(_HEADER_BYTES, b"\0") + table + body


def _adapted(signal: ColourSignal) -> list[Vector]:
    """Say what the primaries are as XYZ, where white is that of D50."""
    corners = signal.corners
    colours = [(x, y, 1 - x - y) for x, y in zip(corners[::2], corners[1::2], strict=True)]
    white, primaries = [part / colours[0][1] for part in colours[0]], colours[1:]
    whole = _volume(primaries)
    cones = [
        to / at for to, at in zip(_times(_BRADFORD, _D50), _times(_BRADFORD, white), strict=True)
    ]
    adapted = []
    for index, primary in enumerate(primaries):
        # By Cramer's rule: how much of it, with the others, makes white.
        much = _volume([*primaries[:index], white, *primaries[index + 1 :]]) / whole
        light = _times(_BRADFORD, [much * part for part in primary])
        scaled = [part * cone for part, cone in zip(light, cones, strict=True)]
        adapted.append(_times(_FROM_BRADFORD, scaled))
    return adapted


def _times(matrix: Sequence[Vector], vector: Vector) -> Vector:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _volume(columns: Sequence[Vector]) -> float:
    """The determinant of three columns."""
    a, b, c = columns
    return (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - b[0] * (a[1] * c[2] - a[2] * c[1])
        + c[0] * (a[1] * b[2] - a[2] * b[1])
    )


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(data), 28) + data


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(x, y, z)


def _curve(kind: int, *parameters: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">H2x", kind) + _numbers(*parameters)


def _numbers(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))
