"""Colours that a file tells in numbers: CICP in AVIF, HEIC and PNG, gAMA and cHRM in PNG."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from picstore_imaging import heif_colour, integrity, png_colour
from picstore_imaging.colour_signal import SRGB, ColourSignal, of_code_points, usable_corners
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.integrity.verdict import parts
from picstore_imaging.matrix_profile import matrix_profile
from picstore_imaging.rules import ColourPolicy, FormatRule
from picstore_kit.errors import PicstoreError
from tests.hostile.png import chunk
from tests.patches import PATCHES, by_srgb_curve
from tests.pictures import animation, heic, tiled_heic
from tests.profiles import DISPLAY_P3
from tests.told import nclx, png_with, with_nclx
from tests.unit.imaging.conftest import Convert, Converted

Photo = Callable[[int, int], Image.Image]

PNG = (FormatRule(format=Format.PNG),)
AFTER_HEADER = 33
"""Where chunks of a PNG may stand."""


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def steps_of(converted: Converted) -> list[str]:
    return list(converted.outputs[0]["recipe"]["steps"])


@pytest.mark.parametrize("transfer", [1, 6, 13, 14, 15])
def test_code_points_of_p3_are_the_profile_of_p3(transfer: int) -> None:
    signal = of_code_points(12, transfer)
    assert signal is not None
    red = bytes(pyvips.Image.profile_load("p3"))
    made = matrix_profile(signal)
    for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC"):
        places = [struct.unpack_from(">II", data, data.index(name) + 4) for data in (made, red)]
        ours, theirs = (
            np.array(struct.unpack_from(">3i", data, at + 8)) / 65_536
            for data, (at, _) in zip((made, red), places, strict=True)
        )
        # libvips's own has no negative numbers, so a thousandth of the red is missing.
        assert np.abs(ours - theirs).max() < 0.0015


def test_another_library_reads_the_profiles_that_are_made() -> None:
    for signal in (of_code_points(9, 1), of_code_points(1, 8), of_code_points(11, 4)):
        assert signal is not None
        profile = ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile(signal)))
        assert ImageCms.getProfileDescription(profile).strip() == signal.name
        white = ImageCms.profileToProfile(
            Image.new("RGB", (1, 1), (255, 255, 255)), profile, ImageCms.createProfile("sRGB")
        )
        assert white is not None
        assert white.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("primaries", "transfer"), [(2, 2), (0, 13), (99, 13), (12, 0), (12, 77)])
def test_code_points_that_say_nothing_are_none(primaries: int, transfer: int) -> None:
    assert of_code_points(primaries, transfer) is None


def test_the_recipe_tells_what_the_numbers_said(convert: Convert, tmp_path: Path) -> None:
    pixels = by_srgb_curve(DISPLAY_P3).repeat(8, 0).repeat(8, 1)
    path = tmp_path / "a"
    for told, step in (
        ({"cICP": bytes([12, 13, 0, 1])}, "cicp P3 → sRGB"),
        ({"cICP": bytes([9, 16, 0, 1])}, "cicp BT.2020 by PQ, not tone-mapped → sRGB"),
        ({"gAMA": struct.pack(">I", 55_556)}, "gamma 1.8 → sRGB"),
    ):
        path.write_bytes(png_with(pixels, **told))
        assert step in steps_of(convert(path, formats=PNG)), told
    for told in ({"cICP": bytes([1, 13, 0, 1])}, {"gAMA": struct.pack(">I", 45_455)}):
        path.write_bytes(png_with(pixels, **told))
        assert not any("→ sRGB" in step for step in steps_of(convert(path, formats=PNG))), told


def p3_avif(pixels: Any) -> bytes:
    data = saved(Image.fromarray(pixels), "AVIF", quality=98, subsampling="4:4:4", speed=10)
    return with_nclx(data, 12, 13)


def p3_heic(pixels: Any) -> bytes:
    return with_nclx(heic(Image.fromarray(pixels), quality=98, chroma=444), 12, 13)


def p3_png(pixels: Any) -> bytes:
    return png_with(pixels, cICP=bytes([12, 13, 0, 1]))


@pytest.mark.parametrize("make", [p3_avif, p3_heic, p3_png])
def test_wide_colours_that_are_told_in_numbers_stay_on_request(
    make: Callable[[Any], bytes], convert: Convert, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(make(np.full((48, 64, 3), (230, 40, 30), np.uint8)))
    (out,) = convert(path, formats=PNG, colour=ColourPolicy.KEEP_WIDE).paths
    with Image.open(out) as image:
        assert image.info["icc_profile"] == bytes(pyvips.Image.profile_load("p3"))
        assert np.abs(np.asarray(image)[20, 30].astype(int) - (230, 40, 30)).max() <= 3
    (out,) = convert(path, formats=PNG).paths
    with Image.open(out) as image:
        assert "icc_profile" not in image.info
        assert np.asarray(image)[20, 30, 0] > 245


def test_every_frame_of_an_animation_is_converted(convert: Convert, tmp_path: Path) -> None:
    cells = by_srgb_curve(DISPLAY_P3).repeat(16, 0).repeat(16, 1)
    film = animation([Image.fromarray(cells), Image.fromarray(cells[:, ::-1])], "PNG")
    told = chunk(b"cICP", bytes([12, 13, 0, 1]))
    path = tmp_path / "a"
    path.write_bytes(film[:AFTER_HEADER] + told + film[AFTER_HEADER:])
    (out,) = convert(path, formats=(FormatRule(format=Format.WEBP, lossless=True),)).paths
    with Image.open(out) as image:
        for number, expected in enumerate((PATCHES, PATCHES[:, ::-1])):
            image.seek(number)
            found = np.asarray(image.convert("RGB"))[8::16, 8::16].astype(int)
            assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize(
    "told",
    [
        {b"cICP": b"\x0c\x0d\1\1"},
        {b"cICP": b"\x0c\x0d\0"},
        {b"gAMA": bytes(4)},
        {b"gAMA": b"\xff" * 4},
        {b"gAMA": struct.pack(">I", 1)},
        {b"gAMA": b"\0\1"},
        {b"cHRM": bytes(32)},
        {b"cHRM": b"\xff" * 32},
        {b"cHRM": struct.pack(">8I", *(30_000,) * 8)},
        {b"gAMA": struct.pack(">I", 100_000), b"sRGB": b"\0"},
        {b"gAMA": struct.pack(">I", 100_000), b"iCCP": b"a"},
    ],
)
def test_chunks_without_sense_or_account_say_nothing(told: dict[bytes, bytes]) -> None:
    assert png_colour.signal(told) is None


def test_white_must_be_a_mixture_of_the_primaries() -> None:
    assert usable_corners(SRGB)
    assert not usable_corners((0.7, 0.25, *SRGB[2:]))
    assert not usable_corners((*SRGB[:2], 0.9, 0.3, *SRGB[4:]))


def test_what_stands_behind_the_pixels_says_nothing(photo: Photo, tmp_path: Path) -> None:
    data = saved(photo(64, 48), "PNG")
    late = data[:-12] + chunk(b"cICP", bytes([12, 13, 0, 1])) + data[-12:]
    (path := tmp_path / "a").write_bytes(late)
    assert integrity.inspect(path, SourceFormat.PNG).signal is None


def test_a_signal_survives_the_way_out_of_a_child() -> None:
    signal = ColourSignal(name="gamma 1.8", corners=SRGB, gamma=1.8)
    fields: dict[str, Any] = {"format": "png", "width": 1, "height": 1, "bytes": 9}
    told = {**fields, "signal": {"name": "gamma 1.8", "corners": list(SRGB), "gamma": 1.8}}
    probe = Probe.from_json(told)
    assert probe.signal == signal
    assert Probe.from_json(probe.to_json()) == probe
    for nonsense in ("no", {"name": 1}, {**told["signal"], "corners": [1, "x"]}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Probe.from_json({**fields, "signal": nonsense})


def tiles(**colours: Any) -> bytes:
    return tiled_heic(Image.new("RGB", (128, 64), (200, 60, 60)), **colours)


def test_the_colours_of_a_grid_go_before_those_of_its_tiles() -> None:
    p3, wide = of_code_points(12, 13), of_code_points(9, 13)
    for data, expected in (
        (tiles(of_grid=nclx(12, 13), of_tiles=nclx(9, 13)), p3),
        (tiles(of_tiles=nclx(9, 13)), wide),
        (tiles(of_grid=nclx(1, 13), of_tiles=nclx(9, 13)), None),
        (tiles(of_grid=b"prof" + bytes(300), of_tiles=nclx(9, 13)), None),
        (tiles(), None),
    ):
        assert heif_colour.signal(data, parts()) == expected


def test_a_picture_that_is_made_of_itself_says_nothing() -> None:
    data = tiles()
    at = data.index(b"dimg") + 4
    circle = data[: at + 4] + b"\0\1" + data[at + 6 :]
    assert heif_colour.signal(circle, parts()) is None


def test_boxes_that_lie_end_the_walk() -> None:
    data = tiles(of_tiles=nclx(12, 13))
    at = data.index(b"ipma") + 8
    many = data[:at] + b"\xff" * 4 + data[at + 4 :]
    assert heif_colour.signal(many, parts()) is not None
    with pytest.raises(StopIteration):
        heif_colour.signal(data, iter([None] * 12))


def test_damage_anywhere_is_survived() -> None:
    chance = random.Random(5)
    whole = tiles(of_grid=nclx(12, 13), of_tiles=nclx(9, 13))
    length = whole.index(b"mdat")
    found = set()
    for _ in range(3_000):
        data = bytearray(whole[: length + 200])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(length)] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF))
        try:
            found.add(heif_colour.signal(bytes(data), parts()))
        except PicstoreError:
            found.add(None)
    assert len(found) > 1
