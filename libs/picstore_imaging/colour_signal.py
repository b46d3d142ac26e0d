"""Colours that a file tells in numbers, where others have a profile for them.

Pure: importable by every process. Code points after ITU-T H.273, tables 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Corners = tuple[float, ...]
"""x and y of the white point, and of the red, the green and the blue primary."""

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
SRGB: Final[Corners] = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_NEAR: Final = 0.002
"""Of coordinates: what rounding takes away, and nobody sees."""
_MIN_WHITE_Y: Final = 0.1
_MIN_SHARE: Final = 0.01
_GAMMAS: Final = (0.2, 5.0)

_UNSPECIFIED: Final = 2
_PRIMARIES: Final[Mapping[int, tuple[str, Corners]]] = {
    1: ("sRGB", SRGB),
    _UNSPECIFIED: ("sRGB", SRGB),
    4: ("BT.470 M", (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08)),
    5: ("BT.601 of 625 lines", (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06)),
    6: ("BT.601 of 525 lines", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    7: ("BT.601 of 525 lines", (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    8: ("film", (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049)),
    9: ("BT.2020", (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    11: ("DCI P3", (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    12: ("P3", (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
    22: ("EBU 3213", (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077)),
}
_TRANSFERS: Final[Mapping[int, tuple[str, float | None]]] = {
    # The curves of television are made for a display of about sRGB's, whatever camera they mean.
    **dict.fromkeys((1, _UNSPECIFIED, 6, 13, 14, 15), ("", None)),
    4: (" of gamma 2.2", 2.2),
    5: (" of gamma 2.8", 2.8),
    8: (", linear", 1.0),
    16: (" by PQ, not tone-mapped", None),
    18: (" by HLG, not tone-mapped", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourSignal:
    """What the numbers of a pixel mean: the primaries and white, and the curve."""

    name: str
    """For a recipe, such as `cicp P3`."""
    corners: Corners
    gamma: float | None = None
    """What a share of full is raised to for its light; None for sRGB's own curve."""

    @property
    def is_srgb(self) -> bool:
        """Whether it is sRGB, for which no transform is needed."""
        near = all(abs(x - y) <= _NEAR for x, y in zip(self.corners, SRGB, strict=True))
        return self.gamma is None and near

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ColourSignal:
        """Read what `asdict` wrote; raises `KeyError`, `TypeError` or `ValueError`."""
        gamma = fields["gamma"]
        return cls(
            name=str(fields["name"]),
            corners=tuple(map(float, fields["corners"])),
            gamma=None if gamma is None else float(gamma),
        )


def of_code_points(primaries: int, transfer: int) -> ColourSignal | None:
    """Read what CICP calls colour primaries and transfer characteristics.

    PQ and HLG are taken as if their curve were sRGB's: nothing here maps tones. None where the
    numbers say nothing, or what is not known here.
    """
    if primaries == transfer == _UNSPECIFIED:
        return None
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        return None
    name, corners = _PRIMARIES[primaries]
    curve, gamma = _TRANSFERS[transfer]
    return ColourSignal(name=f"cicp {name}{curve}", corners=corners, gamma=gamma)


def usable_gamma(gamma: float) -> bool:
    """Whether a curve of that power is one that pixels may have."""
    return _GAMMAS[0] <= gamma <= _GAMMAS[1]


def usable_corners(corners: Corners) -> bool:
    """Whether primaries and white are colours, and the white one that the primaries mix to."""
    pairs = [(corners[i], corners[i + 1]) for i in range(0, len(corners), 2)]
    if any(x < 0 or y < 0 or x + y > 1 for x, y in pairs) or corners[1] < _MIN_WHITE_Y:
        return False
    white, red, green, blue = pairs
    whole = _area(red, green, blue)
    parts = (_area(white, green, blue), _area(red, white, blue), _area(red, green, white))
    return abs(whole) > _MIN_SHARE and all(part / whole > _MIN_SHARE for part in parts)


def _area(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Twice that of a triangle; negative where it goes round the other way."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
