"""What the chunks of a PNG say of its colours, beside a profile.

Pure: importable by every process. Which chunk goes before which is that of PNG, third edition,
"Chunk precedence": cICP, iCCP, sRGB, then gAMA with cHRM.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from picstore_imaging.colour_signal import (
    SRGB,
    ColourSignal,
    of_code_points,
    usable_corners,
    usable_gamma,
)

KINDS: Final = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
"""Chunks that say something of it; they stand before the pixels."""
MAX_BYTES: Final = 32
"""Of a chunk's data, as much as is looked at: that of cHRM."""
_UNIT: Final = 100_000
_USUAL_GAMMA: Final = 2.2
_MUCH: Final = 0.05
"""Of a gamma: below that it is sRGB's curve, written as the number that comes nearest."""


def signal(told: Mapping[bytes, bytes]) -> ColourSignal | None:
    """Read the data of such chunks by their kinds; None where a profile says it, or nothing does.

    What cannot be read counts as missing.
    """
    if (found := _code_points(told.get(b"cICP", b""))) is not None:
        return found
    if b"iCCP" in told or b"sRGB" in told:
        return None
    gamma, corners = _gamma(told.get(b"gAMA", b"")), _corners(told.get(b"cHRM", b""))
    names = ([] if corners is None else ["cHRM"]) + ([] if gamma is None else [f"gamma {gamma:g}"])
    if not names:
        return None
    return ColourSignal(name=" and ".join(names), corners=corners or SRGB, gamma=gamma)


def _code_points(data: bytes) -> ColourSignal | None:
    """Read cICP; its third number is the matrix, and a PNG has none."""
    if len(data) != 4 or data[2] != 0:
        return None
    return of_code_points(data[0], data[1])


def _gamma(data: bytes) -> float | None:
    """Read gAMA, which has the gamma of an encoder; None for the usual one as well."""
    if len(data) != 4 or (exponent := int.from_bytes(data, "big")) == 0:
        return None
    gamma = round(_UNIT / exponent, 3)
    usual = abs(gamma / _USUAL_GAMMA - 1) < _MUCH
    return gamma if usable_gamma(gamma) and not usual else None


def _corners(data: bytes) -> tuple[float, ...] | None:
    if len(data) != MAX_BYTES:
        return None
    corners = tuple(number / _UNIT for number in struct.unpack(">8I", data))
    return corners if usable_corners(corners) else None
