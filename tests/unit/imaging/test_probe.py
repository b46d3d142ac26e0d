"""A probe reads the header alone, and says with a reason what it does not take."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image

from picstore_imaging import icc
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import InvalidArgument, PicstoreError, Reason

Photo = Callable[[int, int], Image.Image]
RunProbe = Callable[..., Probe]


def refusal(probe: RunProbe, path: Path, **request: Any) -> PicstoreError:
    with pytest.raises(PicstoreError) as caught:
        probe(path, **request)
    assert isinstance(caught.value, InvalidArgument)
    assert str(path.parent) not in caught.value.message
    assert "vips" not in caught.value.message.lower()
    return caught.value


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *, interlaced: bool = False) -> bytes:
    """Write a PNG of a few bytes that claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_dimensions_are_those_after_the_orientation(
    orientation: int,
    photo: Photo,
    exif: Callable[..., bytes],
    probe: RunProbe,
    tmp_path: Path,
) -> None:
    photo(60, 40).save(path := tmp_path / "a.jpg", exif=exif(orientation=orientation))
    probed = probe(path)
    assert (probed.width, probed.height) == ((60, 40) if orientation < 5 else (40, 60))
    assert probed.orientation == orientation


@pytest.mark.parametrize(
    ("mode", "suffix", "bands", "bit_depth", "has_alpha"),
    [
        ("RGB", "jpg", 3, 8, False),
        ("L", "jpg", 1, 8, False),
        ("CMYK", "jpg", 4, 8, False),
        ("RGBA", "png", 4, 8, True),
        ("LA", "png", 2, 8, True),
        ("P", "png", 3, 8, False),
        ("I;16", "png", 1, 16, False),
        ("RGBA", "webp", 4, 8, True),
    ],
)
def test_channels_and_depth_are_as_stored(
    mode: str,
    suffix: str,
    bands: int,
    bit_depth: int,
    has_alpha: bool,
    probe: RunProbe,
    tmp_path: Path,
) -> None:
    if mode == "P":
        image = Image.effect_noise((50, 50), 100).convert("RGB").quantize(256)
    elif mode == "RGBA":
        image = Image.new("RGBA", (50, 50), (200, 100, 0, 128))
    else:
        image = Image.new(mode, (50, 50))
    image.save(path := tmp_path / f"a.{suffix}")
    probed = probe(path)
    assert (probed.bands, probed.bit_depth, probed.has_alpha) == (bands, bit_depth, has_alpha)


def test_ten_bit_avif_is_read(photo: Photo, probe: RunProbe, tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(np.asarray(photo(64, 48))).colourspace("rgb16")
    image.heifsave(str(path := tmp_path / "a.avif"), compression="av1", bitdepth=10, effort=0)
    probed = probe(path)
    assert (probed.format, probed.bit_depth) == (SourceFormat.AVIF, 10)
    assert probed.facts().decoded_whole


def test_progressive_and_interlaced_are_seen(photo: Photo, probe: RunProbe, tmp_path: Path) -> None:
    photo(64, 48).save(jpeg := tmp_path / "a.jpg", progressive=True)
    (png := tmp_path / "a.png").write_bytes(png_of(8, 8, interlaced=True))
    assert probe(jpeg).interlaced
    assert probe(png).interlaced


def test_place_and_profile_are_seen(
    photo: Photo,
    exif: Callable[..., bytes],
    probe: RunProbe,
    tmp_path: Path,
    matrix_profile: Callable[..., bytes],
) -> None:
    profile = matrix_profile("Wide", ((0.6, 0.3, 0.02), (0.2, 0.6, 0.06), (0.15, 0.06, 0.7)))
    photo(64, 48).save(path := tmp_path / "a.jpg", exif=exif(), icc_profile=profile)
    probed = probe(path)
    assert probed.has_gps
    assert probed.icc_name == "Wide"
    assert probed.icc_bytes == len(profile)
    assert probed.exif_bytes > 0


def test_both_ways_of_naming_a_profile_are_read(matrix_profile: Callable[..., bytes]) -> None:
    second = matrix_profile("Old text", ((0, 0, 0),) * 3)
    name = "Neuer Text".encode("utf-16-be")
    tag = b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"deDE", len(name), 28) + name
    fourth = b"\0" * 128 + struct.pack(">I4sII", 1, b"desc", 144, len(tag)) + tag
    assert icc.describe(second) == "Old text"
    assert icc.describe(fourth) == "Neuer Text"
    assert icc.describe(b"not a profile") == ""


@pytest.mark.parametrize(
    ("format", "suffix"), [("JPEG", "png"), ("PNG", "jpg"), ("WEBP", "exe"), ("JPEG", "")]
)
def test_the_name_of_the_file_plays_no_part(
    format: str, suffix: str, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / f"a.{suffix}", format)
    assert probe(path).format == format.lower()


@pytest.mark.parametrize("declared", ["image/jpeg", "image/jpg", "application/octet-stream", None])
def test_an_honest_or_silent_sender_is_believed(
    declared: str | None, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    assert probe(path, declared_type=declared).format is SourceFormat.JPEG


def test_a_file_that_lies_about_its_type_is_refused(
    photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    error = refusal(probe, path, declared_type="image/png")
    assert error.reason is Reason.IMAGE_TYPE_MISMATCH
    assert error.metadata == {"declared": "image/png", "found": "image/jpeg"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.UPLOAD_EMPTY),
        (b"hello, I am a text", Reason.IMAGE_UNRECOGNISED),
        (b"GIF89a\x01\0\x01\0\0\0\0;", Reason.IMAGE_CORRUPT),
        (b"8BPS\0\x01", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"\xff\x0a\xfa\x1f", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"\0\0\x01\0\x01\0\x10\x10", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"BM" + b"\0" * 12 + b"\x28\0\0\0", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"\0\0\0\x0cjP  \r\n\x87\n", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"%PDF-1.7", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Reason.IMAGE_FORMAT_UNSUPPORTED),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", Reason.IMAGE_TRUNCATED),
        (b"\xff\xd8\xff\xfe\0\x02\xff\xd9", Reason.IMAGE_CORRUPT),
        (png_of(0, 0), Reason.IMAGE_CORRUPT),
        (png_of(30_000, 30_000), Reason.LIMIT_SIDE),
        (png_of(20_000, 20_000), Reason.LIMIT_PIXELS),
        (png_of(8_000, 8_000, interlaced=True), Reason.LIMIT_PIXELS),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(
    data: bytes, reason: Reason, probe: RunProbe, tmp_path: Path
) -> None:
    (path := tmp_path / "a").write_bytes(data)
    assert refusal(probe, path).reason is reason


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_at_any_tenth_is_refused_as_truncated(
    format: str, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    photo(200, 150).save(path := tmp_path / "a", format)
    data = path.read_bytes()
    for tenth in range(1, 10):
        path.write_bytes(data[: len(data) * tenth // 10])
        assert refusal(probe, path).reason is Reason.IMAGE_TRUNCATED


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_frames_of_an_animation_are_counted_and_limited(
    format: str, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    frames = [photo(20 + n, 20).resize((20, 20)) for n in range(3)]
    frames[0].save(path := tmp_path / "a", format, save_all=True, append_images=frames[1:])
    probed = probe(path)
    assert (probed.frames, probed.width, probed.height) == (3, 20, 20)
    assert refusal(probe, path, limits={"frames": 2}).reason is Reason.LIMIT_FRAMES
    error = refusal(probe, path, limits={"pixels": 1_199})
    assert error.reason is Reason.LIMIT_PIXELS
    assert error.metadata == {"actual": "1200", "limit": "1199"}


def test_pages_are_counted_and_only_the_first_is_measured(
    photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    pages = [photo(20 + n, 20) for n in range(3)]
    pages[0].save(path := tmp_path / "a", "TIFF", save_all=True, append_images=pages[1:])
    probed = probe(path, limits={"pixels": 400})
    assert (probed.frames, probed.width, probed.height) == (3, 20, 20)
    assert refusal(probe, path, limits={"frames": 2}).reason is Reason.LIMIT_FRAMES


def test_a_file_longer_than_its_limit_is_refused(
    photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    photo(64, 48).save(path := tmp_path / "a.jpg")
    assert refusal(probe, path, limits={"bytes": 100}).reason is Reason.LIMIT_BYTES
