"""Placeholders: hashes equal the reference's, and the dominant colour is what it says."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from picstore_imaging import thumbhash
from picstore_imaging.geometry import Size
from picstore_imaging.ladder import Ladder
from picstore_imaging.placeholder import placeholder


def noise(width: int, height: int, *, alpha: bool) -> bytes:
    pixels = bytearray(random.Random(width * height).randbytes(4 * width * height))
    if not alpha:
        pixels[3::4] = b"\xff" * (width * height)
    return bytes(pixels)


@pytest.mark.parametrize(
    ("width", "height", "alpha", "expected"),
    [
        (32, 24, False, "df07020d827494af5d88a866787589acb88c80fbac"),
        (24, 32, False, "df07020d028aaa5da6689765378c0e85f88b52d0a4"),
        (32, 32, True, "1f08820d0208aaf88a949585a58578afa0683c9764655ef774"),
        (1, 1, False, "6b8b56df2208f708888788708f7088f80888808008088800"),
    ],
)
def test_hashes_equal_those_of_the_reference(
    width: int, height: int, alpha: bool, expected: str
) -> None:
    assert thumbhash.encode(width, height, noise(width, height, alpha=alpha)).hex() == expected


@pytest.mark.parametrize(("width", "height", "data"), [(101, 1, b""), (2, 2, b"abc"), (0, 0, b"")])
def test_what_is_no_picture_is_not_hashed(width: int, height: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="no picture to hash"):
        thumbhash.encode(width, height, data)


def ladder_of(image: Image.Image) -> tuple[Ladder, Size]:
    array = pyvips.Image.new_from_memory(
        image.tobytes(), image.width, image.height, len(image.getbands()), "uchar"
    ).copy(interpretation="srgb")
    return Ladder(array), Size(image.width, image.height)


def test_the_dominant_colour_is_the_commonest_and_not_the_mean() -> None:
    image = Image.new("RGB", (100, 100), (250, 10, 10))
    image.paste((10, 10, 250), (0, 0, 100, 40))
    assert placeholder(*ladder_of(image)).dominant_colour == "#fa0a0a"


def test_a_wholly_transparent_picture_has_a_placeholder() -> None:
    shown = placeholder(*ladder_of(Image.new("RGBA", (40, 40), (9, 9, 9, 0))))
    assert shown.dominant_colour == "#ffffff"
    assert len(base64.b64decode(shown.thumbhash)) > 5


def test_a_thin_picture_has_a_placeholder(
    photo: Callable[[int, int], Image.Image], tmp_path: Path
) -> None:
    assert placeholder(*ladder_of(photo(500, 1))).thumbhash
