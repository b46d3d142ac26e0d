"""What a profile is, told by what is in it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import ImageCms

from picstore_imaging import icc
from tests.patches import light_of
from tests.profiles import ADOBE_RGB, DISPLAY_P3, SRGB, Primaries, matrix_profile, table_curve

NUMBERS = np.linspace(0, 255, 1024)


def parametric(kind: int, *numbers: float) -> bytes:
    values = (round(number * 65_536) for number in numbers)
    return b"para\0\0\0\0" + struct.pack(f">Hxx{len(numbers)}i", kind, *values)


def of_curve(curve: bytes, primaries: Primaries = SRGB) -> bytes:
    return matrix_profile("sRGB IEC61966-2.1", primaries, curve=curve)


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bytes(pyvips.Image.profile_load("srgb")),
        lambda: ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        lambda: of_curve(table_curve(light_of(NUMBERS))),
        lambda: of_curve(parametric(3, *SRGB_CURVE)),
        lambda: of_curve(parametric(4, *SRGB_CURVE, 0, 0)),
    ],
)
def test_srgb_is_known_however_its_curve_is_written(make: Callable[[], bytes]) -> None:
    assert icc.is_srgb(make())


@pytest.mark.parametrize(
    "profile",
    [
        matrix_profile("sRGB-elle-V2-g10.icc", SRGB, gamma=1.0),
        matrix_profile("sRGB, nearly", SRGB, gamma=2.2),
        of_curve(parametric(0, 2.2)),
        of_curve(parametric(1, 2.4, 1, -0.5)),
        of_curve(parametric(2, 2.4, 1, -0.5, 0.1)),
        of_curve(parametric(3, *SRGB_CURVE), DISPLAY_P3),
        of_curve(parametric(3, *SRGB_CURVE), ADOBE_RGB),
        of_curve(parametric(3, *SRGB_CURVE)).replace(b"cprt", b"A2B0", 1),
        of_curve(parametric(3, *SRGB_CURVE)).replace(b"RGB XYZ ", b"RGB Lab "),
        of_curve(parametric(3, *SRGB_CURVE)).replace(b"gTRC", b"gone", 1),
        of_curve(parametric(3, *SRGB_CURVE)).replace(b"para", b"oops"),
        of_curve(parametric(9, *SRGB_CURVE)),
        of_curve(parametric(1, -2.4, 1, -0.5)),
        b"sRGB",
        b"",
    ],
)
def test_a_name_alone_makes_no_srgb(profile: bytes) -> None:
    assert not icc.is_srgb(profile)


def test_a_profile_that_ends_anywhere_is_none() -> None:
    whole = of_curve(parametric(3, *SRGB_CURVE))
    end_of_curves = whole.index(b"desc\0\0\0\0")
    assert icc.is_srgb(whole[:end_of_curves])
    for length in range(0, end_of_curves, 7):
        assert not icc.is_srgb(whole[:length])
