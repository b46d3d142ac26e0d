"""The quick way to decode a JPEG: the pixels of libvips, or None."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from picstore_imaging import jpeg, vips
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.profile import FormatRule, SizeRule
from picstore_kit.errors import PicstoreError
from tests.unit.imaging.conftest import Convert

Photo = Callable[[int, int], Image.Image]

SHRINKS = (1, 2, 4, 8)
PNG = (FormatRule(format=Format.PNG),)


@pytest.fixture(autouse=True)
def _vips() -> None:
    vips.configure()


def opened(path: Path, shrink: int = 1) -> pyvips.Image:
    return vips.open_image(path, SourceFormat.JPEG, shrink=shrink)


def quick(path: Path, shrink: int = 1) -> pyvips.Image | None:
    return jpeg.decode(path, opened(path, shrink), shrink=shrink)


KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RGB", {"subsampling": "4:4:4"}),
    ("RGB", {"subsampling": "4:2:2"}),
    ("RGB", {"subsampling": "4:2:0"}),
    ("RGB", {"subsampling": "4:1:1"}),
    ("RGB", {"keep_rgb": True}),
    ("RGB", {"restart_marker_rows": 1}),
    ("L", {}),
)


@pytest.mark.parametrize("size", [(233, 177), (64, 64), (9, 500), (8, 8), (17, 16)])
@pytest.mark.parametrize("quality", [20, 95])
@pytest.mark.parametrize(("mode", "options"), KINDS, ids=str)
def test_it_decodes_to_the_very_pixels_of_libvips(
    mode: str,
    options: dict[str, Any],
    quality: int,
    size: tuple[int, int],
    photo: Photo,
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jpg"
    photo(*size).convert(mode).save(path, quality=quality, **options)

    for shrink in SHRINKS:
        usual, made = opened(path, shrink), quick(path, shrink)

        assert made is not None
        assert (made.width, made.height, made.bands) == (usual.width, usual.height, usual.bands)
        assert (made.format, made.interpretation) == (usual.format, usual.interpretation)
        assert np.array_equal(made.numpy(), usual.numpy())


def test_it_carries_what_later_steps_read(photo: Photo, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Ada"
    p3 = pyvips.Image.profile_load("p3")
    photo(80, 60).save(path, exif=exif, icc_profile=bytes(p3), xmp=b"<x:xmpmeta/>")

    usual, made = opened(path), quick(path)

    assert made is not None
    assert made.get("orientation") == 6
    for name in ("exif-data", "icc-profile-data", "xmp-data"):
        assert bytes(made.get(name)) == bytes(usual.get(name))
    turned = made.autorot()
    assert (turned.width, turned.height) == (60, 80)


def test_what_is_better_left_to_libvips_is(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progressive, four, plain = (tmp_path / f"{name}.jpg" for name in ("p", "c", "a"))
    photo(80, 60).save(progressive, progressive=True)
    photo(80, 60).convert("CMYK").save(four)
    photo(80, 60).save(plain)

    assert quick(progressive) is None
    assert quick(four) is None
    assert quick(plain) is not None
    monkeypatch.setattr("picstore_imaging.shrink._AT_ONCE", 80 * 60 - 1)
    assert quick(plain) is None
    assert quick(plain, 2) is not None


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("complains", [False, True])
def test_libvips_judges_what_the_decoder_complains_of(
    complains: bool,
    tenth: int,
    photo: Photo,
    tmp_path: Path,
    convert: Convert,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.jpg"
    photo(320, 240).save(path, quality=90)
    data = path.read_bytes()
    at = 700 + (len(data) - 800) * tenth // 10  # behind the header
    # A restart marker where none is due is noticed; zeros are codes like any other, but what they
    # mean may be beyond any range, where decoders differ.
    damage = b"\xff\xd3" if complains else bytes(64)
    path.write_bytes(data[:at] + damage + data[at + len(damage) :])

    def outcome() -> object:
        try:
            made = convert(path, sizes=(SizeRule(width=160),), formats=PNG)
        except PicstoreError as refused:
            return refused.reason
        return [output["sha256"] for output in made.outputs] if complains else len(made.outputs)

    if complains:
        assert quick(path) is None
    with_it = outcome()
    monkeypatch.setattr(jpeg, "decode", lambda *_args, **_options: None)
    assert with_it == outcome()
