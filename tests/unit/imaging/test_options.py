"""Encoder options: which go together, that each does something, and the digests of specs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from picstore_imaging.formats import Format
from picstore_imaging.geometry import Point
from picstore_imaging.plan import OutputSpec
from picstore_imaging.profile import Profile, validate
from picstore_imaging.rules import (
    Chroma,
    EncoderOptions,
    Fit,
    FormatRule,
    Gravity,
    MetadataPolicy,
    SizeRule,
)
from picstore_kit.errors import InvalidFields
from tests.unit.imaging.conftest import Convert

JPEG, PNG, WEBP, AVIF = Format
SPEC = OutputSpec(
    format=WEBP,
    width=320,
    height=200,
    fit=Fit.COVER,
    gravity=Gravity.CENTRE,
    density=1.0,
    quality=80,
    lossless=False,
    effort=2,
    background=None,
)


def rule(format: Format, *, quality: int | None = None, **options: object) -> FormatRule:
    return FormatRule(format=format, quality=quality, options=EncoderOptions(**options))  # type: ignore[arg-type]  # named by the tests


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (rule(JPEG, near_lossless=60), "options.near_lossless"),
        (rule(WEBP, near_lossless=100), "options.near_lossless"),
        (rule(WEBP, near_lossless=-1), "options.near_lossless"),
        (rule(WEBP, near_lossless=60, quality=80), "quality"),
        (replace(rule(WEBP, near_lossless=60), lossless=True), "options"),
        (rule(WEBP, colours=16), "options.colours"),
        (rule(PNG, colours=17), "options.colours"),
        (rule(PNG, colours=16, dithering=1.1), "options.dithering"),
        (rule(PNG, colours=16, dithering=float("nan")), "options.dithering"),
        (rule(PNG, dithering=0.5), "options.dithering"),
        (rule(PNG, progressive=True), "options.progressive"),
        (rule(JPEG, progressive=False, optimise_scans=True), "options.optimise_scans"),
        (rule(AVIF, trellis=True), "options.trellis"),
        (rule(WEBP, chroma=Chroma.FULL), "options.chroma"),
        (rule(AVIF, bit_depth=12), "options.bit_depth"),
        (rule(JPEG, bit_depth=8), "options.bit_depth"),
    ],
)
def test_a_wrong_option_is_named(wrong: FormatRule, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        validate(Profile(formats=(wrong,), sizes=(SizeRule(),)))
    assert [v.field for v in refused.value.violations] == [f"formats[0].{field}"]


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({"keep_gps": True}, "keep_gps"),
        ({"keep_gps": True, "metadata": MetadataPolicy.KEEP_COPYRIGHT}, "keep_gps"),
        ({"skip_if_larger_percent": -1}, "skip_if_larger_percent"),
        ({"skip_if_larger_percent": 1001}, "skip_if_larger_percent"),
    ],
)
def test_a_wrong_policy_is_named(profile: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        validate(Profile(formats=(rule(JPEG),), sizes=(SizeRule(),), **profile))  # type: ignore[arg-type]  # named by the tests
    assert [v.field for v in refused.value.violations] == [field]


def test_the_same_format_with_other_options_is_another_output() -> None:
    formats = (rule(PNG, colours=16), rule(PNG, colours=4), rule(PNG))
    validate(Profile(formats=formats, sizes=(SizeRule(),)))
    with pytest.raises(InvalidFields):
        validate(Profile(formats=(*formats, rule(PNG, colours=4)), sizes=(SizeRule(),)))


def test_a_spec_from_before_the_newer_fields_keeps_its_digest() -> None:
    fields = SPEC.to_json()
    assert set(fields) == {
        "version", "format", "width", "height", "fit", "gravity", "density", "quality",
        "lossless", "effort", "background",
    }  # fmt: skip
    assert SPEC.digest() == "7d48ec98b333a5ac1836b67973c6c3a155a1c2aa11cd3bcaf9c9a8ef49e225e4"
    assert OutputSpec.from_json(fields) == SPEC


@pytest.mark.parametrize(
    "change",
    [
        {"options": EncoderOptions(near_lossless=0)},
        {"options": EncoderOptions(chroma=Chroma.FULL)},
        {"options": EncoderOptions(progressive=False)},
        {"options": EncoderOptions(dithering=0.0)},
        {"focal_point": Point(0.25, 0.5)},
        {"focal_point": Point(0, 0)},
        {"metadata": MetadataPolicy.KEEP_ALL},
        {"keep_gps": True},
        {"wide_gamut": True},
        {"keep_gain_map": True},
    ],
)
def test_each_newer_field_has_a_digest_of_its_own(change: dict[str, object]) -> None:
    changed = replace(SPEC, **change)  # type: ignore[arg-type]  # named by the tests
    assert changed.digest() != SPEC.digest()
    assert OutputSpec.from_json(changed.to_json()) == changed


@pytest.fixture
def picture(photo: Callable[[int, int], Image.Image], tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    photo(320, 240).save(path)
    return path


def sizes(convert: Convert, picture: Path, *formats: FormatRule) -> list[int]:
    return [out.stat().st_size for out in convert(picture, formats=formats).paths]


def test_trellis_and_the_search_for_scans_make_a_jpeg_smaller(
    convert: Convert, picture: Path
) -> None:
    plain, progressive, scans, trellis, both = sizes(
        convert,
        picture,
        rule(JPEG, progressive=False),
        rule(JPEG, progressive=True),
        rule(JPEG, progressive=True, optimise_scans=True),
        rule(JPEG, trellis=True),
        rule(JPEG, progressive=True, optimise_scans=True, trellis=True),
    )
    assert scans < progressive
    assert trellis < 0.95 * plain
    assert both < min(trellis, scans)


def test_a_jpeg_is_progressive_where_the_rule_says_so(convert: Convert, picture: Path) -> None:
    fast, slow = replace(rule(JPEG, progressive=True), effort=0), rule(JPEG, progressive=False)
    made = convert(picture, formats=(fast, replace(slow, effort=9)))
    progressive = []
    for path in made.paths:
        with Image.open(path) as image:
            progressive.append(image.info.get("progressive"))
    assert progressive == [1, None]


@pytest.mark.parametrize("format", [JPEG, AVIF])
def test_full_chroma_keeps_what_subsampling_smears(
    format: Format, convert: Convert, tmp_path: Path
) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, ::2] = (255, 0, 0)
    pixels[:, 1::2] = (0, 0, 255)
    path = tmp_path / "stripes.png"
    Image.fromarray(pixels).save(path)
    errors = []
    for chroma in Chroma:
        (out,) = convert(path, formats=(rule(format, quality=85, chroma=chroma),)).paths
        with Image.open(out) as image:
            made = np.asarray(image.convert("RGB")).astype(int)
        errors.append(float(np.abs(made - pixels).mean()))
    subsampled, full = errors
    assert full < subsampled / 2


def test_near_lossless_lies_between_lossless_and_its_own_limit(
    convert: Convert, picture: Path
) -> None:
    made = convert(
        picture,
        formats=(
            replace(rule(WEBP), lossless=True),
            rule(WEBP, near_lossless=60),
            rule(WEBP, near_lossless=20),
        ),
    )
    bytes_ = [path.stat().st_size for path in made.paths]
    assert bytes_ == sorted(bytes_, reverse=True)
    with Image.open(picture) as image:
        source = np.asarray(image.convert("RGB")).astype(int)
    worst = []
    for path in made.paths:
        with Image.open(path) as image:
            worst.append(int(np.abs(np.asarray(image.convert("RGB")) - source).max()))
    assert worst[0] == 0 < worst[1] <= 4 < worst[2] <= 16


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
def test_a_palette_has_as_many_colours_as_it_says(
    colours: int, convert: Convert, picture: Path
) -> None:
    (out,) = convert(picture, formats=(rule(PNG, colours=colours),)).paths
    with Image.open(out) as image:
        assert image.mode in ("P", "1", "L")
        assert colours / 2 < len(image.convert("RGB").getcolors(300) or []) <= colours


def test_dithering_breaks_up_bands(convert: Convert, tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    path = tmp_path / "ramp.png"
    Image.fromarray(np.stack([ramp] * 3, axis=2)).save(path)
    flat, dithered = convert(
        path, formats=(rule(PNG, colours=4, dithering=0.0), rule(PNG, colours=4, dithering=1.0))
    ).paths
    changes = []
    for out in (flat, dithered):
        with Image.open(out) as image:
            levels = np.asarray(image.convert("L")).astype(int)
        changes.append(int((np.diff(levels, axis=1) != 0).sum()))
    assert changes[1] > 5 * changes[0]


def test_ten_bits_are_written(convert: Convert, picture: Path) -> None:
    eight, ten = convert(picture, formats=(rule(AVIF, bit_depth=8), rule(AVIF, bit_depth=10))).paths
    # `av1C`, whose third byte has `high_bitdepth` as its second bit.
    flags = [path.read_bytes().split(b"av1C", 1)[1][2] & 0x40 for path in (eight, ten)]
    assert flags == [0, 0x40]
