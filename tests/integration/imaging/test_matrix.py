"""Every kind of source in every format of output, judged by decoders that did not make them.

The pipeline is libvips, libheif and their encoders; Pillow's own libjpeg-turbo, libpng, libwebp and
libavif with dav1d read what it wrote.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from picstore_imaging import sandboxed
from picstore_imaging.facts import Probe
from picstore_imaging.formats import Format
from picstore_imaging.limits import Limits
from picstore_imaging.plan import plan_outputs
from picstore_imaging.profile import FormatRule, Profile, SizeRule
from tests.patches import PATCHES
from tests.pictures import animation, drawing, heic, photo, reference, similarity
from tests.source_kinds import CELL, COLUMNS, KINDS, ROWS, XMP, exif_of, turned

Pixels = npt.NDArray[np.uint8]
Outputs = dict[Format, bytes]
Convert = Callable[..., Outputs]

LOSS: Final = {Format.PNG: 0.0, Format.JPEG: 1.5, Format.WEBP: 1.5, Format.AVIF: 1.5}
"""ΔE2000 that an encoder at its default quality may add to a patch."""
LIKENESS: Final = {Format.PNG: 0.985, Format.JPEG: 0.89, Format.WEBP: 0.9, Format.AVIF: 0.9}
"""SSIM of a grainy photo against one Lanczos from the source at full size."""
WIDTH: Final = COLUMNS * CELL // 2
HEIGHT: Final = ROWS * CELL // 2


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def run(data: bytes, *, width: int | None = WIDTH) -> Outputs:
        (path := tmp_path / "source").write_bytes(data)
        limits = Limits(allow_svg=True).to_json()
        answer = sandboxed.probe_file({"path": str(path), "limits": limits}, lambda event: None)
        probed = Probe.from_json(answer)
        formats = tuple(FormatRule(format=format) for format in Format)
        profile = Profile(formats=formats, sizes=(SizeRule(width=width),))
        specs = [output.spec for output in plan_outputs(profile, probed.facts())]
        events: list[dict[str, Any]] = []
        request = {
            "path": str(path),
            "format": probed.format.value,
            "work_dir": str(tmp_path),
            "limits": limits,
            "outputs": [{"id": spec.format.value, "spec": spec.to_json()} for spec in specs],
        }
        sandboxed.convert(request, events.append)
        made = {Format(e["format"]): Path(e["path"]) for e in events if e["event"] == "output"}
        assert made.keys() == set(Format), events
        return {format: made[format].read_bytes() for format in Format}

    return run


def opened(data: bytes, mode: str = "RGB") -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def patches(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Take the mean of the middle of each patch."""
    cell = CELL // 2
    cells = pixels[: ROWS * cell, : COLUMNS * cell].reshape(ROWS, cell, COLUMNS, cell, -1)
    middle = slice(cell // 4, -cell // 4)
    return np.asarray(cells[:, middle, :, middle].mean(axis=(1, 3)))


def distance(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return the largest ΔE2000 of two sets of colours."""
    left, right = (rgb2lab(colours / 255) for colours in (found, expected))
    differences = deltaE_ciede2000(left, right)  # type: ignore[no-untyped-call]  # ships no types
    return float(differences.max())


@pytest.mark.parametrize("name", KINDS)
def test_colours_are_kept(name: str, convert: Convert) -> None:
    kind = KINDS[name]
    for format, data in convert(kind.make()).items():
        pixels = opened(data)
        assert pixels.shape == (HEIGHT, WIDTH, 3), format
        off = distance(patches(pixels), kind.expected())
        assert off <= kind.bound + LOSS[format], (format, off)


@pytest.mark.parametrize(("width", "height"), [(4_000, 3), (3, 4_000), (12_000, 1), (1, 9_000)])
def test_long_and_thin_pictures_keep_their_shape(width: int, height: int, convert: Convert) -> None:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    left = (x * 2 < width) if width > height else (y * 2 < height)
    pixels = np.where(left[..., None], (200, 40, 40), (40, 40, 200)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    for format, data in convert(buffer.getvalue(), width=None).items():
        found = opened(data).astype(int)
        assert found.shape == (height, width, 3), format
        first, last = found[height // 8, width // 8], found[-1 - height // 8, -1 - width // 8]
        assert np.abs(first - (200, 40, 40)).max() < 24, format
        assert np.abs(last - (40, 40, 200)).max() < 24, format


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_upright_and_tell_nothing(
    source: str, orientation: int, convert: Convert
) -> None:
    buffer = io.BytesIO()
    options = {"TIFF": {}, "PNG": {}}.get(source, {"quality": 95, "xmp": XMP})
    turned(orientation).save(buffer, source, exif=exif_of(orientation), **options)
    assert b"somebody" in buffer.getvalue()
    for format, data in convert(buffer.getvalue()).items():
        pixels = opened(data)
        assert pixels.shape == (HEIGHT, WIDTH, 3), format
        assert distance(patches(pixels), PATCHES) <= 1.0 + LOSS[format], format
        with Image.open(io.BytesIO(data)) as image:
            assert not image.getexif(), format
            assert not {"exif", "xmp", "icc_profile", "comment", "photoshop"} & {*image.info}
        for secret in (b"somebody", b"Berlin", b"Exif\0\0", b"xmpmeta"):
            assert secret not in data, (format, secret)


def saved(source: str, **options: Any) -> bytes:
    return photo(400, 300, seed="matrix", format=source, **options)


PHOTOS: Final[dict[str, Callable[[], bytes]]] = {
    "jpeg": lambda: saved("JPEG", quality=95),
    "png": lambda: saved("PNG"),
    "webp": lambda: saved("WEBP", quality=95),
    "avif": lambda: saved("AVIF", quality=95, speed=10),
    "heic": lambda: heic(drawing(400, 300, seed="matrix"), quality=95),
    "tiff": lambda: saved("TIFF"),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_are_as_one_lanczos_makes_them(name: str, convert: Convert) -> None:
    expected = reference(saved("PNG"), 200, 150)
    for format, data in convert(PHOTOS[name](), width=200).items():
        score = similarity(opened(data), expected)
        assert score >= LIKENESS[format], (format, score)


def disc() -> Image.Image:
    """A red disc; what is transparent around it is green, which nobody is ever to see."""
    y, x = np.mgrid[:128, :256]
    inside = (x - 128) ** 2 + (y - 64) ** 2 < 50**2
    pixels = np.where(inside[..., None], (220, 20, 20, 255), (0, 255, 0, 0)).astype(np.uint8)
    return Image.fromarray(pixels, "RGBA")


def in_format(source: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    disc().save(buffer, source, **options)
    return buffer.getvalue()


CLEAR: Final[dict[str, Callable[[], bytes]]] = {
    "png": lambda: in_format("PNG"),
    "webp": lambda: in_format("WEBP", lossless=True, exact=True),
    "avif": lambda: in_format("AVIF", quality=95, subsampling="4:4:4", speed=10),
    "heic": lambda: heic(disc(), quality=95, chroma=444),
    "tiff": lambda: in_format("TIFF"),
    "gif": lambda: in_format("GIF"),
}


@pytest.mark.parametrize("name", CLEAR)
def test_what_is_transparent_leaves_no_fringe(name: str, convert: Convert) -> None:
    for format, data in convert(CLEAR[name]()).items():
        if format is Format.JPEG:
            corner = opened(data)[2, 2]
            assert (corner >= 250).all(), "it is not white"
            continue
        pixels = opened(data, "RGBA").astype(int)
        assert pixels.shape == (HEIGHT, WIDTH, 4)
        assert pixels[2, 2, 3] <= 8, format
        assert pixels[HEIGHT // 2, WIDTH // 2, 3] >= 250, format
        # In its own share: a faint pixel of the wrong colour shows little of it.
        green = (pixels[..., 1] - 20).clip(0) * pixels[..., 3] / 255
        assert green.max() <= (10 if format is Format.PNG else 30), (format, green.max())


FRAMES: Final = [drawing(256, 128, seed=f"frame {number}") for number in range(4)]
TIMES: Final = [100, 200, 50, 1_000]
MOVING: Final = (Format.WEBP, Format.AVIF)


def frames_of(data: bytes, mode: str = "RGB") -> list[tuple[Pixels, int]]:
    """Decode every frame, and how long it stands in ms; 0 in a still."""
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            found.append((np.asarray(image.convert(mode)), int(image.info.get("duration", 0))))
    return found


def plays_of(data: bytes) -> int:
    """Say how often what moves is shown; 0 for ever."""
    if data[4:8] != b"ftyp":
        with Image.open(io.BytesIO(data)) as image:
            return int(image.info["loop"])
    header, edit = data.index(b"tkhd") + 4, data.index(b"elst") + 4
    whole = int.from_bytes(data[header + 28 : header + 36], "big")
    once = int.from_bytes(data[edit + 8 : edit + 16], "big")
    if not data[edit + 3] & 1:
        return 1
    return 0 if whole == 2**64 - 1 else whole // once


@pytest.mark.parametrize("loop", [0, 3])
@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
def test_what_moves_keeps_its_frames_and_times(source: str, loop: int, convert: Convert) -> None:
    outputs = convert(animation(FRAMES, source, duration=TIMES, loop=loop))
    for format, data in outputs.items():
        found = frames_of(data)
        moves = format in MOVING
        assert [time for _, time in found] == (TIMES if moves else [0]), format
        for number, (pixels, _) in enumerate(found):
            expected = FRAMES[number].resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            assert pixels.shape == (HEIGHT, WIDTH, 3)
            assert similarity(pixels, np.asarray(expected)) > 0.75, (format, number)
        if moves:
            # A GIF says how often it is repeated; others how often it is shown.
            assert plays_of(data) == (loop + 1 if source == "GIF" and loop else loop), format


def discs() -> list[Image.Image]:
    """A disc that wanders over what is clear."""
    y, x = np.mgrid[:128, :256]
    drawn = []
    for number in range(4):
        inside = (x - 60 - 40 * number) ** 2 + (y - 64) ** 2 < 40**2
        pixels = np.where(inside[..., None], (220, 20, 20, 255), (0, 0, 0, 0)).astype(np.uint8)
        drawn.append(Image.fromarray(pixels, "RGBA"))
    return drawn


@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
def test_what_is_clear_stays_so_in_every_frame(source: str, convert: Convert) -> None:
    options: dict[str, Any] = {"WEBP": {"lossless": True}}.get(source, {"disposal": 2})
    if source == "PNG":
        options = {"disposal": 1}
    outputs = convert(animation(discs(), source, duration=TIMES, **options))
    for format in MOVING:
        found = frames_of(outputs[format], "RGBA")
        assert len(found) == 4, format
        for number, (pixels, _) in enumerate(found):
            middle = 30 + 20 * number
            assert np.abs(pixels[32, middle].astype(int) - (220, 20, 20, 255)).max() < 16
            assert pixels[4, :, 3].max() < 8, (format, number)
            assert pixels[32, (middle + 64) % WIDTH, 3] < 8, (format, number)
