"""Colours: every space, depth and profile becomes sRGB, or Display P3 where that is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image, ImageCms

from picstore_imaging import icc
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import Profile
from picstore_imaging.rules import ColourPolicy, Fit, FormatRule, SizeRule
from picstore_imaging.steps.colour import to_srgb
from tests.profiles import ADOBE_RGB, DISPLAY_P3, SRGB, ink_profile
from tests.source_kinds import STRANGE_INKS
from tests.unit.imaging.conftest import Convert, Pixels, difference, run_conversion

Photo = Callable[[int, int], Image.Image]
Decoded = Callable[[Path], Pixels]
Pixel = npt.NDArray[np.int_]

WIDE_GAMUTS = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB}

PNG = (FormatRule(format=Format.PNG),)
ALL = tuple(FormatRule(format=format) for format in Format)


def profile_of(image: Image.Image) -> str:
    data = image.info.get("icc_profile", b"")
    return icc.describe(data)


def test_a_wide_gamut_profile_becomes_srgb(
    photo: Photo,
    matrix_profile: Callable[..., bytes],
    convert: Convert,
    decoded: Decoded,
    tmp_path: Path,
) -> None:
    for name, primaries in WIDE_GAMUTS.items():
        profile = matrix_profile(name, primaries)
        source = photo(120, 80)
        source.save(path := tmp_path / f"{name}.png", icc_profile=profile)
        expected = ImageCms.profileToProfile(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        assert expected is not None
        (output,) = convert(path, formats=PNG).paths
        assert difference(np.asarray(source), np.asarray(expected)) > 2, "the test shows nothing"
        assert difference(decoded(output), np.asarray(expected)) < 0.6


def test_a_damaged_profile_is_no_reason_to_refuse(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = photo(60, 40)
    source.save(path := tmp_path / "a.png", icc_profile=b"\0" * 300)
    (output,) = convert(path, formats=PNG).paths
    assert difference(decoded(output), np.asarray(source)) < 0.1


def test_cmyk_becomes_srgb(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    source = pyvips.Image.new_from_array(np.asarray(photo(120, 80))).copy(interpretation="srgb")
    cmyk = source.icc_transform("cmyk", input_profile="srgb", intent="relative")
    expected = cmyk.icc_transform("srgb", embedded=True, intent="relative").numpy()
    # The embedded one is the same as the one that stands in for it: this shows only that either
    # works. Which of two different ones is taken is the next test's question.
    for keep in ("icc", "none"):
        cmyk.jpegsave(str(path := tmp_path / f"{keep}.jpg"), Q=100, keep=keep)
        (output,) = convert(path, formats=PNG).paths
        assert difference(decoded(output), expected) < 6


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_inks_are_those_of_the_embedded_profile(
    suffix: str, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    profile = ink_profile("Strange inks", STRANGE_INKS)
    inks = Image.new("CMYK", (64, 48), (220, 40, 20, 10))
    shown = ImageCms.profileToProfile(
        inks,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert shown is not None
    expected = np.asarray(shown)
    pixels = {}
    for name, embedded in (("own", profile), ("built in", None)):
        inks.save(path := tmp_path / f"{name}.{suffix}", icc_profile=embedded)
        pixels[name] = decoded(convert(path, formats=PNG).paths[0])
    assert difference(pixels["built in"], expected) > 30, "the test shows nothing"
    assert difference(pixels["own"], expected) < 1.5


def test_sixteen_bits_become_eight(
    photo: Photo, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    eight = np.asarray(photo(120, 80))
    sixteen = pyvips.Image.new_from_array(eight.astype(np.uint16) * 257)
    sixteen = sixteen.copy(interpretation="rgb16")
    sixteen.pngsave(str(path := tmp_path / "a.png"), bitdepth=16)
    (output,) = convert(path, formats=PNG).paths
    assert difference(decoded(output), eight) < 0.1


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "PA"])
@pytest.mark.parametrize("format", list(Format))
def test_grey_and_palettes_become_ordinary_pictures(
    mode: str, format: Format, convert: Convert, decoded: Decoded, tmp_path: Path
) -> None:
    ramp = Image.linear_gradient("L").resize((64, 48))
    if mode == "I;16":
        expected = ramp.convert("RGB")
        source = Image.fromarray(np.asarray(ramp, np.uint16) * 257)
    elif mode == "PA":
        source = ramp.convert("RGB").quantize(16)
        expected = source.convert("RGB")
        source.info["transparency"] = bytes([255] * 16)
    else:
        source = ramp.convert("RGB").quantize(16) if mode == "P" else ramp.convert(mode)
        expected = source.convert("RGB")
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=format, quality=95),)).paths
    pixels = decoded(output)
    if format is Format.PNG:
        with Image.open(output) as image:
            pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (48, 64, 3)
    assert difference(pixels, np.asarray(expected)) < 3


def test_wide_colours_stay_on_request(
    matrix_profile: Callable[..., bytes], convert: Convert, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    profile = matrix_profile("Display P3", DISPLAY_P3)
    Image.new("RGB", (40, 30), (255, 0, 0)).save(path, icc_profile=profile)
    formats = (*ALL[:1], FormatRule(format=Format.WEBP, lossless=True), ALL[1], ALL[3])
    for out in convert(path, formats=formats, colour=ColourPolicy.KEEP_WIDE).paths:
        with Image.open(out) as image:
            assert "P3" in profile_of(image)
            red = np.asarray(image.convert("RGB"))[15, 20].astype(int)
        assert np.abs(red - (255, 0, 0)).max() <= 4, out.suffix
    for out in convert(path, formats=formats).paths:
        with Image.open(out) as image:
            assert profile_of(image) == ""


def test_a_wide_picture_may_be_deep(
    matrix_profile: Callable[..., bytes], convert: Convert, tmp_path: Path
) -> None:
    profile = matrix_profile("Display P3", DISPLAY_P3)
    pixels = np.zeros((40, 80, 3), np.uint16)
    pixels[..., 0] = 65_535
    deep = pyvips.Image.new_from_array(pixels, interpretation="rgb16").copy()
    deep.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    deep.pngsave(str(path := tmp_path / "a.png"), keep="icc")
    box = SizeRule(width=80, height=80, fit=Fit.CONTAIN)
    rules = (FormatRule(format=Format.AVIF, quality=85), FormatRule(format=Format.PNG))

    def converted(colour: ColourPolicy) -> list[tuple[str, Pixel, Pixel]]:
        made = []
        for out in convert(
            path, formats=rules, sizes=(box,), background="#ff0000", colour=colour
        ).paths:
            with Image.open(out) as image:
                shown = np.asarray(image.convert("RGB")).astype(int)
                made.append((profile_of(image), shown[40, 40], shown[5, 40]))
        return made

    for name, red, padding in converted(ColourPolicy.KEEP_WIDE):
        assert "P3" in name
        assert np.abs(red - np.array((255, 0, 0))).max() <= 4
        assert np.abs(padding - np.array((234, 51, 35))).max() <= 4
    for name, _, padding in converted(ColourPolicy.SRGB):
        assert name == ""
        assert np.abs(padding - np.array((255, 0, 0))).max() <= 4


def test_what_is_not_wide_needs_no_profile(
    matrix_profile: Callable[..., bytes], convert: Convert, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    profile = matrix_profile("Somebody's monitor", SRGB)
    Image.new("RGB", (40, 30), (255, 0, 0)).save(path, icc_profile=profile)
    for out in convert(path, formats=ALL, colour=ColourPolicy.KEEP_WIDE).paths:
        with Image.open(out) as image:
            assert "icc_profile" not in image.info


def test_the_background_of_a_wide_picture_is_the_one_that_was_asked_for(
    matrix_profile: Callable[..., bytes], convert: Convert, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    profile = matrix_profile("Display P3", DISPLAY_P3)
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(path, icc_profile=profile)
    box = SizeRule(width=40, height=40, fit=Fit.CONTAIN)
    rule = replace(ALL[0], quality=100)
    (out,) = convert(
        path, formats=(rule,), sizes=(box,), background="#ff0000", colour=ColourPolicy.KEEP_WIDE
    ).paths
    with Image.open(out) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # sRGB's red is (234, 51, 35) in Display P3.
    assert np.abs(pixels - (234, 51, 35)).max() <= 4


def deep_wide_picture(path: Path, profile: bytes, pixels: npt.NDArray[np.uint16]) -> pyvips.Image:
    image = pyvips.Image.new_from_array(pixels, interpretation="rgb16").copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.pngsave(str(path), keep="icc")
    return image


def test_sixteen_bits_of_wide_colours_come_back_with_all_their_steps(
    matrix_profile: Callable[..., bytes], tmp_path: Path
) -> None:
    ramp = np.zeros((4, 1024, 3), np.uint16)
    ramp[:] = np.linspace(24_000, 28_000, 1024)[:, None]
    profile = matrix_profile("Display P3", DISPLAY_P3)
    back = to_srgb(deep_wide_picture(tmp_path / "a.png", profile, ramp))
    assert "icc-profile-data" not in back.get_fields()
    assert back.format == "ushort"
    # Greys are the same in both, as they have the same white and the same curve.
    assert np.abs(back.numpy().astype(int) - ramp).max() < 40
    assert len(np.unique(back.numpy()[0, :, 1])) > 500, "in eight bits there would be 16"


def test_outputs_of_one_deep_decode_may_differ_in_their_colours(
    matrix_profile: Callable[..., bytes], probe: Callable[..., Probe], tmp_path: Path
) -> None:
    path, colour = tmp_path / "a.png", (180, 90, 60)
    profile = matrix_profile("Display P3", DISPLAY_P3)
    deep_wide_picture(path, profile, np.full((40, 60, 3), colour, np.uint16) * 257)
    in_srgb = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), colour),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
    )
    assert in_srgb is not None
    expected = np.asarray(in_srgb)[0, 0].astype(int)
    rule = FormatRule(format=Format.AVIF, quality=90)
    probed = probe(path)
    (planned,) = plan_outputs(
        Profile(formats=(rule,), sizes=(SizeRule(),), colour=ColourPolicy.KEEP_WIDE), probed.facts()
    )
    specs = [planned.spec, replace(planned.spec, wide_gamut=False)]
    made = run_conversion(path, probed, specs, tmp_path / "outputs")
    assert [pyvips.Image.heifload(str(out)).format for out in made.paths] == ["ushort", "ushort"]
    shown = []
    for out in made.paths:
        with Image.open(out) as image:
            shown.append((profile_of(image), np.asarray(image.convert("RGB"))[20, 30].astype(int)))
    (wide_name, wide), (name, plain) = shown
    assert "P3" in wide_name
    assert np.abs(np.subtract(wide, colour)).max() <= 5
    assert name == ""
    assert np.abs(np.subtract(plain, expected)).max() <= 3
    assert np.abs(np.subtract(expected, colour)).max() >= 10, "the test shows nothing"
