"""Every kind of source in every format of output, judged by decoders that did not make them.

The pipeline is libvips, libheif and their encoders; Pillow's own libjpeg-turbo, libpng, libwebp and
libavif with dav1d read what it wrote.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
import pyvips
from PIL import GifImagePlugin, Image

from picstore_imaging.formats import Format
from tests.integration.imaging.patches import (
    HEIGHT,
    LOSS,
    WIDTH,
    Pixels,
    distance,
    opened,
    patches,
)
from tests.odd_kinds import ODD_KINDS
from tests.pictures import animation, drawing, heic, photo, reference, similarity
from tests.source_kinds import KINDS

Convert = Callable[..., dict[Format, bytes]]

LIKENESS: Final = {Format.PNG: 0.985, Format.JPEG: 0.89, Format.WEBP: 0.9, Format.AVIF: 0.9}
"""SSIM of a grainy photo against one Lanczos from the source at full size."""


ALL_KINDS: Final = KINDS | ODD_KINDS


@pytest.mark.parametrize("name", ALL_KINDS)
def test_colours_are_kept(name: str, convert: Convert) -> None:
    kind = ALL_KINDS[name]
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


def saved(source: str, **options: Any) -> bytes:
    return photo(400, 300, seed="matrix", format=source, **options)


def by_libvips(saver: str, *, deep: bool = False, **options: Any) -> bytes:
    pixels = np.asarray(drawing(400, 300, seed="matrix"))
    image = pyvips.Image.new_from_array(pixels.astype(np.uint16) * 257 if deep else pixels)
    image = image.copy(interpretation="rgb16" if deep else "srgb")
    encoded: bytes = getattr(image, f"{saver}save_buffer")(**options)
    return encoded


PHOTOS: Final[dict[str, Callable[[], bytes]]] = {
    "jpeg": lambda: saved("JPEG", quality=95),
    "png": lambda: saved("PNG"),
    "webp": lambda: saved("WEBP", quality=95),
    "avif": lambda: saved("AVIF", quality=95, speed=10),
    "heic": lambda: heic(drawing(400, 300, seed="matrix"), quality=95),
    "tiff": lambda: saved("TIFF"),
    "progressive jpeg": lambda: saved("JPEG", quality=95, progressive=True),
    "lossless webp": lambda: saved("WEBP", lossless=True),
    "apng": lambda: animation(
        [drawing(400, 300, seed="matrix"), drawing(400, 300, seed="b")], "PNG"
    ),
    "interlaced png": lambda: by_libvips("png", interlace=True),
    "png of 16 bits": lambda: by_libvips("png", deep=True),
    "tiff of 16 bits": lambda: by_libvips("tiff", deep=True),
    "tiff of tiles": lambda: by_libvips(
        "tiff", tile=True, compression="lzw", predictor="horizontal"
    ),
    "avif of 10 bits": lambda: by_libvips("heif", deep=True, compression="av1", bitdepth=10, Q=95),
    "gif": lambda: saved("GIF"),
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


@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (1, 2)])
def test_a_gif_is_shown_as_often_as_browsers_show_it(
    loop: int | None, plays: int, convert: Convert
) -> None:
    """Once where it does not say, and else once more than it says that it is to be repeated."""
    options = {} if loop is None else {"loop": loop}
    data = animation(FRAMES[:2], "GIF", duration=100, **options)
    assert (b"NETSCAPE2.0" in data) is (loop is not None)
    outputs = convert(data)
    assert [plays_of(outputs[format]) for format in MOVING] == [plays, plays]


RED, GREEN = bytes((220, 20, 20)), bytes((20, 200, 20))


def gif_of_parts(disposal: int) -> bytes:
    """A red canvas, then blocks of green on it, each disposed of in the same way."""
    parts = [(Image.new("P", (256, 128), 0), (0, 0), 1)]
    parts += [(Image.new("P", (32, 32), 1), (64 * at, 48), disposal) for at in range(1, 4)]
    buffer = io.BytesIO()
    parts[0][0].putpalette(RED + GREEN + bytes(6))
    parts[0][0].save(buffer, "GIF")
    logical_screen = buffer.getvalue()[:13]
    data = logical_screen[:10] + b"\0\0\0"  # without a palette for all
    for image, place, dispose in parts:
        image.putpalette(RED + GREEN + bytes(6))
        # A third colour is the clear one, though none is: libnsgif clears to a colour without it.
        options = {"duration": 100, "disposal": dispose, "transparency": 2}
        parts_of_it = GifImagePlugin.getdata(image, place, include_color_table=True, **options)
        data += b"".join(parts_of_it)
    return data + b";"


@pytest.mark.parametrize("disposal", range(4))
def test_parts_of_a_gif_go_as_they_say(disposal: int, convert: Convert) -> None:
    """0 and 1 leave what was drawn, 2 clears its place, 3 brings back what was there."""
    outputs = convert(gif_of_parts(disposal))
    for format in MOVING:
        frames = frames_of(outputs[format], "RGBA")
        assert len(frames) == 4
        for number, (pixels, _) in enumerate(frames):
            for block in range(1, 4):
                middle = pixels[32, 32 * block + 8].astype(int)
                if block == number or (block < number and disposal < 2):
                    expected: tuple[int, ...] = (*GREEN, 255)
                elif block < number and disposal == 2:
                    assert middle[3] < 8, (format, number, block)
                    continue
                else:
                    expected = (*RED, 255)
                assert np.abs(middle - expected).max() < 16, (format, number, block)
