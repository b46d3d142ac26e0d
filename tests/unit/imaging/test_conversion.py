"""Whole conversions: every kind of source becomes right, upright sRGB pixels and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image
from skimage.metrics import structural_similarity

from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.profile import Density, Fit, FormatRule, Gravity, SizeRule
from tests.unit.imaging.conftest import Pixels, difference

Photo = Callable[[int, int], Image.Image]
Decoded = Callable[[Path], Pixels]
Convert = Callable[..., Any]


PNG = (FormatRule(format=Format.PNG),)
ALL = tuple(FormatRule(format=format) for format in Format)


def similarity(one: Pixels, other: Pixels) -> float:
    score = structural_similarity(  # type: ignore[no-untyped-call]  # scikit-image types in part
        one, other, channel_axis=2, data_range=255
    )
    return float(score)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_orientation_is_applied_to_the_pixels(
    orientation: int,
    suffix: str,
    exif: Callable[..., bytes],
    convert: Convert,
    decoded: Decoded,
    tmp_path: Path,
) -> None:
    upright = Image.new("RGB", (80, 48), (240, 240, 240))
    upright.paste((200, 0, 0), (0, 0, 40, 24))
    upright.paste((0, 0, 200), (40, 24, 80, 48))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    options = {"lossless": True} if suffix == "webp" else {"quality": 95, "subsampling": 0}
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif(orientation=orientation), **options)
    whole, half = convert(path, formats=PNG, sizes=(SizeRule(), SizeRule(width=40))).paths
    assert difference(decoded(whole), np.asarray(upright)) < 2
    assert difference(decoded(half), np.asarray(upright.resize((40, 24)))) < 4


@pytest.mark.parametrize("format", list(Format))
def test_outputs_hold_nothing_but_pixels(
    format: Format,
    photo: Photo,
    exif: Callable[..., bytes],
    matrix_profile: Callable[..., bytes],
    convert: Convert,
    tmp_path: Path,
) -> None:
    plain = pyvips.Image.new_from_array(np.asarray(photo(64, 48)))
    tagged = plain.copy()
    profile = matrix_profile("sRGB", ((0.44, 0.22, 0.01), (0.39, 0.72, 0.1), (0.14, 0.06, 0.71)))
    for name, data in (
        ("exif-data", exif(orientation=6)),
        ("xmp-data", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        ("iptc-data", b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x05\0\x03abc"),
        ("icc-profile-data", profile),
    ):
        tagged.set_type(pyvips.GValue.blob_type, name, data)
    tagged.jpegsave(str(path := tmp_path / "a.jpg"), keep="all")
    (output,) = convert(path, formats=(FormatRule(format=format),)).paths
    if format is not Format.AVIF:
        with Image.open(output) as image:
            image.load()
            info = set(image.info)
            assert not image.getexif()
        assert info <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
            "loop",
            "background",
            "timestamp",
            "duration",
            "dpi",
        }
    loader = {"jpg": "jpeg", "avif": "heif"}.get(output.suffix[1:], output.suffix[1:])
    fields = getattr(pyvips.Image, f"{loader}load")(str(output)).get_fields()
    assert not [f for f in fields if f.endswith("-data") or f.startswith(("exif-", "orient"))]


def test_transparency_is_flattened_only_where_the_format_has_none(
    convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    source.paste((0, 0, 0, 0), (20, 0, 40, 40))
    source.save(path := tmp_path / "a.png")
    for output in convert(path, formats=ALL, background="#00ff00").paths:
        pixels = decoded(output)
        if output.suffix == ".jpg":
            assert np.abs(pixels[20, 35].astype(int) - [0, 255, 0]).max() < 6
        else:
            assert pixels.shape[2] == 4
            assert (pixels[20, 35, 3], pixels[20, 5, 3]) == (0, 255)


def test_a_transparent_pixel_does_not_colour_its_neighbours(
    convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    source.paste((200, 0, 0, 255), (21, 0, 64, 64))
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=PNG, sizes=(SizeRule(width=16),)).paths
    pixels = decoded(output)
    seen = pixels[..., 3] > 8
    assert pixels[seen][:, 1].max() <= 4, "green would come from what nobody sees"
    assert np.abs(pixels[seen][:, 0].astype(int) - 200).max() <= 12


def test_an_alpha_channel_that_hides_nothing_is_dropped(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = photo(64, 48).convert("RGBA")
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=PNG).paths
    assert np.array_equal(decoded(output), np.asarray(source.convert("RGB")))


@pytest.mark.parametrize(
    "rule",
    [
        FormatRule(format=Format.PNG),
        FormatRule(format=Format.WEBP, quality=100),
        FormatRule(format=Format.WEBP, lossless=True),
        FormatRule(format=Format.AVIF, lossless=True),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_outputs_of_the_same_size_are_exact(
    rule: FormatRule, mode: str, photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = photo(64, 48)
    if mode == "RGBA":
        source.putalpha(Image.linear_gradient("L").resize((64, 48)).point(lambda a: a // 2 + 100))
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(rule,)).paths
    assert np.array_equal(decoded(output), np.asarray(source))


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (3000, 1), (2, 3), (3, 20_000)])
def test_the_smallest_and_thinnest_pictures_are_converted(
    size: tuple[int, int], photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    photo(*size).save(path := tmp_path / "a.png")
    sizes = (SizeRule(), SizeRule(width=100), SizeRule(width=4, height=4, fit=Fit.COVER))
    for event in convert(path, formats=ALL, sizes=sizes).outputs:
        assert decoded(Path(event["path"])).shape[:2] == (event["height"], event["width"])


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_ladder_loses_nothing_against_one_lanczos_from_the_source(
    suffix: str, photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    photo(1800, 1200).save(path := tmp_path / f"a.{suffix}", quality=92)
    widths = (1440, 960, 720, 480, 320, 300, 100)
    sizes = tuple(SizeRule(width=width) for width in widths)
    with Image.open(path) as image:
        source = image.convert("RGB")
    quick = (FormatRule(format=Format.PNG, effort=0),)
    for output in convert(path, formats=quick, sizes=sizes).paths:
        pixels = decoded(output)
        expected = source.resize(pixels.shape[1::-1], Image.Resampling.LANCZOS)
        assert similarity(pixels, np.asarray(expected)) > 0.98, pixels.shape


def test_default_qualities_keep_what_is_seen(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    photo(1600, 1200).save(path := tmp_path / "a.jpg", quality=95)
    reference, *outputs = convert(
        path, formats=(*PNG, *(r for r in ALL if r not in PNG)), sizes=(SizeRule(width=800),)
    ).paths
    for output in outputs:
        assert similarity(decoded(output), decoded(reference)) > 0.93, output.suffix


@pytest.mark.parametrize(
    ("gravity", "corner"),
    [
        (Gravity.NORTH_WEST, (0, 0)),
        (Gravity.NORTH, (0, 1)),
        (Gravity.NORTH_EAST, (0, 2)),
        (Gravity.WEST, (1, 0)),
        (Gravity.CENTRE, (1, 1)),
        (Gravity.EAST, (1, 2)),
        (Gravity.SOUTH_WEST, (2, 0)),
        (Gravity.SOUTH, (2, 1)),
        (Gravity.SOUTH_EAST, (2, 2)),
    ],
)
def test_gravity_says_which_part_is_kept(
    gravity: Gravity,
    corner: tuple[int, int],
    convert: Convert,
    decoded: Decoded,
    tmp_path: Path,
) -> None:
    source = Image.new("RGB", (90, 90))
    for row in range(3):
        for column in range(3):
            box = (column * 30, row * 30, column * 30 + 30, row * 30 + 30)
            source.paste((row * 100, column * 100, 0), box)
    source.save(path := tmp_path / "a.png")
    wide = SizeRule(width=90, height=30, fit=Fit.COVER, gravity=gravity)
    tall = SizeRule(width=30, height=90, fit=Fit.COVER, gravity=gravity)
    first, second = convert(path, formats=PNG, sizes=(wide, tall)).paths
    row, column = corner
    assert decoded(first)[15, 45, 0] == row * 100
    assert decoded(second)[45, 15, 1] == column * 100


def test_attention_keeps_what_draws_the_eye(
    convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = Image.new("RGB", (300, 100), (90, 90, 90))
    source.paste((255, 30, 0), (230, 30, 270, 70))
    source.save(path := tmp_path / "a.png")
    size = SizeRule(width=100, height=100, fit=Fit.COVER, gravity=Gravity.ATTENTION)
    (output,) = convert(path, formats=PNG, sizes=(size,)).paths
    assert decoded(output)[..., 0].max() == 255


def test_contain_pads_with_the_background(
    convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    Image.new("RGB", (100, 50), (200, 0, 0)).save(path := tmp_path / "a.png")
    size = SizeRule(width=100, height=100, fit=Fit.CONTAIN, gravity=Gravity.NORTH)
    (output,) = convert(path, formats=PNG, sizes=(size,), background="#0000ff").paths
    pixels = decoded(output)
    assert pixels.shape == (100, 100, 3)
    assert pixels[10, 50].tolist() == [200, 0, 0]
    assert pixels[90, 50].tolist() == [0, 0, 255]


def test_fill_stretches_and_enlarge_enlarges(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    photo(100, 50).save(path := tmp_path / "a.png")
    sizes = (
        SizeRule(width=40, height=50, fit=Fit.FILL),
        SizeRule(width=200, enlarge=True),
        SizeRule(width=20, height=120, fit=Fit.FILL, enlarge=True),
    )
    outputs = convert(path, formats=PNG, sizes=sizes).paths
    assert [decoded(output).shape[:2] for output in outputs] == [(50, 40), (100, 200), (120, 20)]
    with Image.open(path) as image:
        expected = np.asarray(image.resize((200, 100), Image.Resampling.BICUBIC))
    assert similarity(decoded(outputs[1]), expected) > 0.999


def test_densities_and_clamping_reach_the_files(
    photo: Photo, convert: Convert, tmp_path: Path
) -> None:
    photo(300, 200).save(path := tmp_path / "a.jpg")
    size = SizeRule(width=200, densities=(Density(), Density(ratio=2.0)))
    outputs = convert(path, formats=ALL, sizes=(size, SizeRule(width=500))).outputs
    assert {(o["format"], o["width"]) for o in outputs} == {
        (format.value, width) for format in Format for width in (200, 300)
    }


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("effort", [0, 9])
def test_every_effort_encodes(
    format: Format, effort: int, photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    rule = FormatRule(format=format, effort=effort, quality=70)
    (output,) = convert(path, formats=(rule,)).paths
    assert decoded(output).shape[:2] == (48, 64)


@pytest.mark.parametrize("fit", [Fit.COVER, Fit.CONTAIN])
@pytest.mark.parametrize("x", [0.0, 0.2, 0.5, 0.7, 1.0])
def test_the_focal_point_stays_in_view(
    fit: Fit, x: float, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    pixels = np.full((100, 400, 3), 40, np.uint8)
    middle = round(x * 399)
    pixels[:, max(0, middle - 4) : middle + 5] = (250, 20, 20)
    Image.fromarray(pixels).save(path)
    box = SizeRule(width=100, height=100, fit=fit)
    (out,) = convert(path, formats=PNG, sizes=(box,), focal_point=Point(x, 0.9)).paths
    made = decoded(out)
    assert made.shape == (100, 100, 3)
    red = (made[..., 0] > 150) & (made[..., 1] < 120)
    columns = np.flatnonzero(red.any(axis=0))
    expected = {Fit.COVER: min(max(x * 400, 50), 350), Fit.CONTAIN: 200}[fit] - 50
    if fit is Fit.COVER:
        assert abs(columns.mean() - (x * 400 - expected)) <= 4
    else:
        # A quarter as high as the box: its lower part is as near to the middle as can be.
        rows = np.flatnonzero(red.any(axis=1))
        assert abs(rows.mean() - (50 - 0.9 * 25 + 12.5)) <= 2


def test_a_focal_point_at_an_edge_pads_the_other_side(
    convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (100, 50), (0, 0, 0)).save(path)
    box = SizeRule(width=100, height=100, fit=Fit.CONTAIN)
    (top, bottom) = (
        decoded(convert(path, formats=PNG, sizes=(box,), focal_point=Point(0.5, y)).paths[0])
        for y in (1.0, 0.0)
    )
    for made, halves in ((top, (0, 255)), (bottom, (255, 0))):
        assert (made[:50] == halves[0]).all()
        assert (made[50:] == halves[1]).all()
