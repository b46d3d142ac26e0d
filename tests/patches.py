"""Colours that tests look for, in sRGB and as other spaces have them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.profiles import SRGB, Primaries

Pixels = npt.NDArray[np.uint8]

PATCHES: Final = np.array(
    [
        [[200, 40, 50], [60, 160, 70], [50, 70, 190], [230, 200, 60]],
        [[240, 240, 240], [128, 128, 128], [20, 20, 20], [190, 140, 120]],
    ],
    np.uint8,
)
GREYS: Final = np.array([[0, 36, 73, 109], [146, 182, 219, 255]], np.uint8)
_GAMMA: Final = 563 / 256
"""As `matrix_profile` writes it."""


def light_of(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Say how much light numbers of sRGB mean."""
    share = values / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def light_in(primaries: Primaries) -> npt.NDArray[np.float64]:
    """Say how much light of other primaries makes the patches."""
    return np.asarray(
        (light_of(PATCHES) @ np.array(SRGB) @ np.linalg.inv(np.array(primaries))).clip(0, 1)
    )


def in_gamut(primaries: Primaries, *, gamma: float = _GAMMA) -> Pixels:
    """Express the patches in another space."""
    shares = light_in(primaries) ** (1 / gamma)
    return np.asarray((shares * 255).round().astype(np.uint8))


def by_srgb_curve(primaries: Primaries) -> Pixels:
    """Express the patches in another space that has the curve of sRGB."""
    light = light_in(primaries)
    shares = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((shares * 255).round().astype(np.uint8))


def lab() -> npt.NDArray[np.float64]:
    """Express the patches as L*a*b* with the white of D50."""
    xyz = light_in(SRGB) @ np.array(SRGB) / (0.9642, 1.0, 0.8249)
    x, y, z = np.moveaxis(
        np.where(xyz > 216 / 24_389, np.cbrt(xyz), xyz * 841 / 108 + 4 / 29), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
