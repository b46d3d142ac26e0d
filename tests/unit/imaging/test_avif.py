"""AVIF: what either encoder makes is right, by the eyes of another decoder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image, ImageFilter
from skimage.color import deltaE_ciede2000, rgb2lab

from picstore_imaging.encoders import save, svt
from picstore_imaging.encoders.fine_colour import has_fine_colour
from picstore_imaging.formats import Format
from picstore_imaging.profile import Fit, FormatRule, SizeRule
from picstore_imaging.rules import EncoderOptions
from tests.unit.imaging.conftest import AVIF_SPEC as SPEC

Photo = Callable[[int, int], Image.Image]
Convert = Callable[..., Any]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Coded:
    """What an AVIF says of its picture's samples."""

    bit_depth: int
    subsampled: bool

    @classmethod
    def read(cls, data: bytes) -> Coded:
        """Read the `av1C` box; the first is the picture's, an alpha channel's follows."""
        flags = data[data.index(b"av1C") + 6]
        return cls(bit_depth=10 if flags & 0x40 else 8, subsampled=bool(flags & 0x08))


def coded(path: Path) -> Coded:
    return Coded.read(path.read_bytes())


def decode(path: Path) -> npt.NDArray[Any]:
    """By libavif and dav1d, while outputs are read back by libheif and libaom elsewhere."""
    pixels: npt.NDArray[Any] = imagecodecs.avif_decode(path.read_bytes())
    return pixels


@pytest.fixture
def encoded_by_svt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of the pictures that SVT-AV1 has encoded."""
    sizes: list[tuple[int, int]] = []
    encode = svt.encode

    def spy(image: pyvips.Image, *, preset: int, quality: int) -> bytes:
        encoded = encode(image, preset=preset, quality=quality)
        sizes.append((image.width, image.height))
        return encoded

    monkeypatch.setattr(svt, "encode", spy)
    return sizes


def slope(width: int, height: int) -> Image.Image:
    """Colours that change slowly, as those of most photos."""
    y, x = np.mgrid[:height, :width]
    bands = (x * 200 / max(width, 100) + 20, y * 200 / max(height, 100) + 20, 128 + 0 * x)
    return Image.fromarray(np.stack(bands, 2).astype(np.uint8))


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (63, 65), (331, 4), (4, 331), (201, 133)])
def test_odd_sizes_by_svt(
    size: tuple[int, int],
    convert: Convert,
    encoded_by_svt: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    source = slope(*size)
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF, quality=85),)).paths
    pixels = decode(output)
    assert encoded_by_svt == [size]
    assert pixels.shape == (size[1], size[0], 3)
    assert np.abs(pixels.astype(int) - np.asarray(source)).mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (5, 8_705)])
def test_sizes_beyond_svt_are_made_by_libaom(
    size: tuple[int, int],
    convert: Convert,
    encoded_by_svt: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    Image.new("RGB", size, (200, 30, 40)).save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF, effort=0),)).paths
    pixels = decode(output)
    assert encoded_by_svt == []
    assert pixels.shape == (size[1], size[0], 3)
    assert np.abs(pixels.astype(int) - (200, 30, 40)).max() < 6


PATCHES: Pixels = np.array(
    [
        (115, 82, 68),
        (194, 150, 130),
        (98, 122, 157),
        (87, 108, 67),
        (214, 126, 44),
        (70, 148, 73),
        (175, 54, 60),
        (231, 199, 31),
        (8, 133, 161),
        (243, 243, 242),
        (122, 122, 121),
        (0, 0, 0),
        (255, 255, 255),
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
    ],
    np.uint8,
)
"""Of a colour chart, and the corners of sRGB."""


@pytest.mark.parametrize("effort", [0, 3, 5])
@pytest.mark.parametrize("quality", [66, 92])
@pytest.mark.parametrize("sharp", [True, False])
def test_colours_stay(
    sharp: bool,
    effort: int,
    quality: int,
    convert: Convert,
    encoded_by_svt: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    chart = Image.fromarray(PATCHES.reshape(4, 4, 3).repeat(64, 0).repeat(64, 1))
    if not sharp:
        chart = chart.filter(ImageFilter.BoxBlur(9))
    chart.save(path := tmp_path / "a.png")
    rule = FormatRule(format=Format.AVIF, quality=quality, effort=effort)
    (output,) = convert(path, formats=(rule,)).paths
    middles = decode(output)[32::64, 32::64].reshape(16, 3)
    assert encoded_by_svt == ([] if sharp or quality > 90 else [chart.size])
    apart = deltaE_ciede2000(rgb2lab(middles / 255), rgb2lab(PATCHES / 255))  # type: ignore[no-untyped-call]
    assert apart.max() < 2


def test_alpha_stays(
    photo: Photo, convert: Convert, encoded_by_svt: list[tuple[int, int]], tmp_path: Path
) -> None:
    y, x = np.mgrid[:120, :160]
    alpha = (255 - np.hypot(x - 80, y - 60) * 3).clip(0, 255).astype(np.uint8)
    source = photo(160, 120)
    source.putalpha(Image.fromarray(alpha))
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF),)).paths
    pixels = decode(output)
    assert encoded_by_svt == [(160, 120)]
    assert pixels.shape == (120, 160, 4)
    assert np.abs(pixels[..., 3].astype(int) - alpha).max() < 10
    shown = alpha > 128
    assert np.abs(pixels[shown][:, :3].astype(int) - np.asarray(source)[shown][:, :3]).mean() < 6


def test_a_grey_picture_stays_grey(photo: Photo, convert: Convert, tmp_path: Path) -> None:
    source = photo(160, 120).convert("L")
    source.save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF),)).paths
    pixels = decode(output).astype(int)
    assert np.abs(pixels - pixels.mean(2, keepdims=True)).max() <= 2
    assert np.abs(pixels[..., 0] - np.asarray(source)).mean() < 4


def test_orientation_is_applied(
    exif: Callable[..., bytes], convert: Convert, tmp_path: Path
) -> None:
    stored = Image.new("RGB", (64, 48), (255, 255, 255))
    stored.paste((255, 0, 0), (0, 0, 32, 24))
    stored.save(path := tmp_path / "a.png", exif=exif(orientation=6))
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF),)).paths
    pixels = decode(output)
    assert pixels.shape == (64, 48, 3)
    assert pixels[8, 40, 1] < 30 < 220 < pixels[8, 8, 1]


def ramp(width: int, height: int, top: int) -> npt.NDArray[np.uint16]:
    """A gradient so slow that 8 bits make bands of it."""
    row = np.linspace(20_000, top, width)
    return np.stack([row.round().astype(np.uint16)] * height)[..., None].repeat(3, 2)


@pytest.mark.parametrize("size", [SizeRule(), SizeRule(width=300)])
def test_deep_sources_keep_ten_bits(size: SizeRule, convert: Convert, tmp_path: Path) -> None:
    deep = ramp(600, 64, 24_000)
    image = pyvips.Image.new_from_array(deep, interpretation="rgb16")
    image.pngsave(str(path := tmp_path / "a.png"))
    rules = (FormatRule(format=Format.AVIF, quality=85), FormatRule(format=Format.PNG))
    avif, png = convert(path, formats=rules, sizes=(size,)).paths
    pixels = decode(avif)
    assert coded(avif) == Coded(bit_depth=10, subsampled=True)
    assert pixels.dtype == np.uint16
    # A ramp of 4,000 of 65,536 is 16 steps of 8 bits and 62 of ten.
    assert len(np.unique(pixels[20, :, 1])) > 40
    expected = deep[0, :: 600 // pixels.shape[1], 1] / 64
    assert np.abs(pixels[20, :, 1] - expected).max() < 4
    with Image.open(png) as shallow:
        assert shallow.mode == "RGB"
        assert np.abs(np.asarray(shallow)[20, :, 1] - expected / 4).max() <= 1.5


def test_deep_alpha_and_padding_are_to_scale(convert: Convert, tmp_path: Path) -> None:
    deep = np.full((40, 80, 4), 52_428, np.uint16)
    deep[:, :40, 3] = 65_535
    pyvips.Image.new_from_array(deep, interpretation="rgb16").pngsave(
        str(path := tmp_path / "a.png")
    )
    size = SizeRule(width=80, height=80, fit=Fit.CONTAIN)
    rules = (FormatRule(format=Format.AVIF, quality=85), FormatRule(format=Format.JPEG))
    avif, jpeg = convert(path, formats=rules, sizes=(size,), background="#0000ff").paths
    pixels = decode(avif).astype(int)
    assert np.abs(pixels[40, 20] - (818, 818, 818, 1_023)).max() < 12
    assert abs(pixels[40, 60, 3] - 818) < 12
    assert np.abs(pixels[8, 40] - (0, 0, 1_023, 1_023)).max() < 12
    with Image.open(jpeg) as shallow:
        flat = np.asarray(shallow).astype(int)
    assert np.abs(flat[40, 20] - (204, 204, 204)).max() < 4
    assert np.abs(flat[40, 60] - (163, 163, 214)).max() < 6


@pytest.mark.parametrize("beside", [(), (FormatRule(format=Format.AVIF),)])
def test_eight_bits_of_a_deep_source_take_the_quick_way(
    beside: tuple[FormatRule, ...],
    convert: Convert,
    encoded_by_svt: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    image = pyvips.Image.new_from_array(ramp(160, 64, 24_000), interpretation="rgb16")
    image.pngsave(str(path := tmp_path / "a.png"))
    rule = FormatRule(format=Format.AVIF, options=EncoderOptions(bit_depth=8))
    output, *others = convert(path, formats=(rule, *beside)).paths
    assert encoded_by_svt == [(160, 64)]
    assert coded(output) == Coded(bit_depth=8, subsampled=True)
    assert all(coded(other).bit_depth == 10 for other in others)
    pixels = decode(output).astype(int)
    assert np.abs(pixels[20, :, 1] - np.linspace(78, 93, 160)).max() < 4


@pytest.mark.parametrize(("quality", "subsampled"), [(89, True), (90, False)])
def test_colour_keeps_its_resolution_at_high_quality(
    quality: int, subsampled: bool, convert: Convert, tmp_path: Path
) -> None:
    slope(160, 120).save(path := tmp_path / "a.png")
    rule = FormatRule(format=Format.AVIF, quality=quality, effort=0)
    (output,) = convert(path, formats=(rule,)).paths
    assert coded(output) == Coded(bit_depth=8, subsampled=subsampled)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_graphics_keep_the_resolution_of_colour(
    deep: bool, alpha: bool, convert: Convert, tmp_path: Path
) -> None:
    stripes = np.zeros((64, 64, 4), np.uint8)
    stripes[:, ::2] = (255, 0, 0, 255)
    stripes[:, 1::2] = (0, 0, 255, 200)
    if not alpha:
        stripes = stripes[..., :3]
    kind = {"interpretation": "rgb16"} if deep else {}
    samples = stripes.astype(np.uint16) * 257 if deep else stripes
    pyvips.Image.new_from_array(samples, **kind).pngsave(str(path := tmp_path / "a.png"))
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF),)).paths
    assert coded(output) == Coded(bit_depth=10 if deep else 8, subsampled=False)
    pixels = decode(output) >> (2 if deep else 0)
    assert np.abs(pixels[..., :3].astype(int) - stripes[..., :3]).mean() < 20


@pytest.mark.parametrize("pitch", [8, 17, 24, 39])
@pytest.mark.parametrize("width", [640, 641, 960])
def test_even_lines_of_colour_are_not_overlooked(width: int, pitch: int) -> None:
    lines = np.full((480, width, 3), 255, np.uint8)
    lines[::pitch, ::4] = (255, 0, 0)
    assert has_fine_colour(pyvips.Image.new_from_array(lines))
    assert has_fine_colour(pyvips.Image.new_from_array(lines.transpose(1, 0, 2)))


def test_a_little_colour_is_not_fine_colour() -> None:
    pixels = np.full((480, 640, 3), 255, np.uint8)
    pixels[100:110, 100:110] = (255, 0, 0)
    assert not has_fine_colour(pyvips.Image.new_from_array(pixels))


def test_black_on_white_is_no_colour(convert: Convert, tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(path := tmp_path / "a.png")
    (output,) = convert(path, formats=(FormatRule(format=Format.AVIF),)).paths
    assert coded(output).subsampled


def test_lossless_is_lossless(photo: Photo, convert: Convert, tmp_path: Path) -> None:
    source = photo(64, 48)
    source.save(path := tmp_path / "a.png")
    rule = FormatRule(format=Format.AVIF, lossless=True, effort=0)
    (output,) = convert(path, formats=(rule,)).paths
    assert np.array_equal(decode(output), np.asarray(source))


def test_libaom_helps_out_where_svt_fails(
    photo: Photo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(image: pyvips.Image, *, preset: int, quality: int) -> bytes:
        raise RuntimeError("Failed to encode image")

    monkeypatch.setattr(svt, "encode", fail)
    image = pyvips.Image.new_from_array(np.asarray(photo(SPEC.width, SPEC.height)))
    save(image, path := tmp_path / "a.avif", SPEC)
    assert decode(path).shape == (SPEC.height, SPEC.width, 3)


@pytest.mark.parametrize("quality", [40, 60, 80])
def test_a_quality_means_the_same_by_either_encoder(
    quality: int, photo: Photo, tmp_path: Path
) -> None:
    pixels = np.asarray(photo(SPEC.width, SPEC.height))
    image = pyvips.Image.new_from_array(pixels)
    errors = []
    for effort in (3, 7):
        spec = replace(SPEC, quality=quality, effort=effort)
        save(image, path := tmp_path / f"{effort}.avif", spec)
        errors.append(float(((decode(path).astype(float) - pixels) ** 2).mean()))
    by_svt, by_libaom = errors
    assert 0.6 < by_svt / by_libaom < 1.7


def test_a_picture_that_can_be_read_once_is_enough(photo: Photo, tmp_path: Path) -> None:
    photo(SPEC.width, SPEC.height).save(source := tmp_path / "a.jpg")
    save(pyvips.Image.jpegload(str(source), access="sequential"), path := tmp_path / "b.avif", SPEC)
    assert decode(path).shape == (SPEC.height, SPEC.width, 3)


def test_the_encoder_makes_no_thread_a_real_time_one() -> None:
    svt.encode(pyvips.Image.black(64, 64, bands=3), preset=9, quality=50)
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
