"""The little of an ICC profile that matters here: its name, and whether it is sRGB or wider.

Pure: importable by every process. Layout after ICC.1:2022, sections 7.2 to 7.3, 10.6, 10.15 and
10.18, and 6.5.17 of ICC.1:2001 for the older text type.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

_MAX_TAGS: Final = 100
_MAX_BYTES: Final = 16_384
"""Of one tag, as much as is looked at: curves have 4,096 numbers at most."""
_SRGB_PRIMARIES: Final[Mapping[bytes, tuple[float, ...]]] = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
"""Adapted to D50."""
_NEAR: Final = 0.002
_CURVES: Final = (b"rTRC", b"gTRC", b"bTRC")
_TABLES: Final = frozenset({b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2", b"D2B3"})
"""Tags that go before primaries and curves."""
_STEPS: Final = 51
"""Numbers that curves are compared at."""
_HALF_A_STEP: Final = 0.5 / 255
_PARAMETERS: Final = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
"""How many each kind of parametric curve has."""
_ONE: Final = 65_536
_TOP: Final = 65_535
_SRGB_AREA: Final = 0.1091
"""Of the triangle of sRGB's primaries, adapted to D50, in the xy diagram."""
_CLEARLY_LARGER: Final = 1.05


def describe(profile: bytes) -> str:
    """Read the profile description, such as `Display P3`; empty where it has none we can read."""
    try:
        return _text(_tags(profile).get(b"desc", b""))
    except struct.error:
        return ""


def is_srgb(profile: bytes) -> bool:
    """Whether a profile is sRGB's, for which no transform is needed.

    Its name tells nothing: a linear profile may be called `sRGB-elle-V2-g10.icc`. Primaries and
    curves are compared, to what 8 bits can show. The transform from sRGB to sRGB is the identity
    to the last bit, so nothing is lost where it is left out.
    """
    try:
        tags = _tags(profile)
        if profile[16:20] != b"RGB " or profile[20:24] != b"XYZ " or tags.keys() & _TABLES:
            return False
        for name, primary in _SRGB_PRIMARIES.items():
            if any(abs(x - y) > _NEAR for x, y in zip(_xyz(tags[name]), primary, strict=True)):
                return False
        return all(_is_srgb_curve(curve) for curve in {tags[name] for name in _CURVES})
    except (struct.error, LookupError, ArithmeticError):
        return False


def is_wide(profile: bytes) -> bool:
    """Whether the colours of an RGB profile reach beyond sRGB.

    They do where its primaries span a larger triangle. A profile of tables, which has no
    primaries, is taken to.
    """
    try:
        if profile[16:20] != b"RGB ":
            return False
        tags = _tags(profile)
        if not tags.keys() >= _SRGB_PRIMARIES.keys():
            return True
        (rx, ry), (gx, gy), (bx, by) = (_chromaticity(tags[name]) for name in _SRGB_PRIMARIES)
    except (struct.error, ZeroDivisionError):
        return False
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) / 2
    return area > _SRGB_AREA * _CLEARLY_LARGER


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the data of the first tags by their names; raises `struct.error`."""
    (count,) = struct.unpack_from(">I", profile, 128)
    tags: dict[bytes, bytes] = {}
    for index in range(min(count, _MAX_TAGS)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        tags.setdefault(name, profile[offset : offset + min(size, _MAX_BYTES)])
    return tags


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(number / _ONE for number in struct.unpack_from(">3i", tag, 8))


def _chromaticity(tag: bytes) -> tuple[float, float]:
    x, y, z = _xyz(tag)
    return x / (x + y + z), y / (x + y + z)


def _is_srgb_curve(tag: bytes) -> bool:
    """Whether a curve gives the light that sRGB's does; raises `struct.error` or `ArithmeticError`.

    Both are compared as sRGB's numbers, so that the dark counts as much as it shows.
    """
    shares = [step / _STEPS for step in range(_STEPS + 1)]
    return all(abs(_encoded(_light(tag, share)) - share) <= _HALF_A_STEP for share in shares)


def _light(tag: bytes, share: float) -> float:
    """What a curve makes of a number from 0 to 1."""
    if tag.startswith(b"para"):
        return _parametric(tag, share)
    if not tag.startswith(b"curv"):
        raise ArithmeticError("no curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return share
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return float(share ** (gamma / 256))
    below = min(int(share * (count - 1)), count - 2)
    low, high = struct.unpack_from(">2H", tag, 12 + 2 * below)
    return float(low + (high - low) * (share * (count - 1) - below)) / _TOP


def _parametric(tag: bytes, share: float) -> float:
    """The functions of ICC.1:2022, table 68, all as the last of them."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    given = [n / _ONE for n in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)]
    g, a, b, c, d, e, f = (given + [0.0] * 7)[:7]
    match kind:
        case 0:
            a = 1.0
        case 1:
            c, d = 0.0, -b / a
        case 2:
            c, d, e, f = 0.0, -b / a, c, c
    # Of less than nothing there is no power.
    return float(max(0.0, a * share + b) ** g + e) if share >= d else c * share + f


def _encoded(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _text(tag: bytes) -> str:
    if tag.startswith(b"desc"):
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("ascii", "replace").strip()
    if tag.startswith(b"mluc"):
        length, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + length].decode("utf-16-be", "replace").strip("\0 ")
    return ""
