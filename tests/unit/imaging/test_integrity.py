"""A truncated file is told from a damaged one, and from one that something was appended to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from picstore_imaging import integrity
from picstore_imaging.formats import SourceFormat
from picstore_imaging.integrity import DrawnSize, Integrity
from picstore_kit.errors import InvalidArgument, Reason
from tests.pictures import animation, heic

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def run(data: bytes) -> Path:
        path = tmp_path / "picture"
        path.write_bytes(data)
        return path

    return run


@pytest.fixture(scope="module")
def whole(photo: Callable[[int, int], Image.Image]) -> dict[str, bytes]:
    def save(format: str, **options: bool) -> bytes:
        buffer = BytesIO()
        photo(200, 150).save(buffer, format, **options)
        return buffer.getvalue()

    pixels = photo(200, 150)
    frames = [photo(200 + n, 150).crop((0, 0, 200, 150)) for n in range(3)]
    avif = pyvips.Image.new_from_memory(pixels.tobytes(), 200, 150, 3, "uchar")
    return {
        "jpeg": save("JPEG"),
        "jpeg progressive": save("JPEG", progressive=True),
        "png": save("PNG"),
        "webp": save("WEBP"),
        "webp lossless": save("WEBP", lossless=True),
        "avif": avif.heifsave_buffer(compression="av1", effort=0),
        "heic": heic(pixels),
        "gif": save("GIF"),
        "gif animated": animation(frames, "GIF"),
        "tiff": save("TIFF"),
        "tiff paged": paged_tiff(frames),
        "tiff tiled": avif.tiffsave_buffer(tile=True, tile_width=64, tile_height=64),
        "tiff deflated": avif.tiffsave_buffer(compression="deflate"),
        "tiff big": avif.tiffsave_buffer(bigtiff=True),
        "tiff big-endian": other_tiff(pixels, byteorder=">"),
        "tiff big and big-endian": other_tiff(pixels, byteorder=">", bigtiff=True),
        "svg": drawing(),
        "svg in UTF-16": drawing().decode().encode("utf-16"),
    }


def paged_tiff(pages: list[Image.Image]) -> bytes:
    images = [pyvips.Image.new_from_array(np.asarray(page)) for page in pages]
    strip = pyvips.Image.arrayjoin(images, across=1).copy(interpretation="srgb")
    strip.set_type(pyvips.GValue.gint_type, "page-height", pages[0].height)
    data: bytes = strip.tiffsave_buffer()
    return data


def other_tiff(image: Image.Image, **options: Any) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, np.asarray(image), photometric="rgb", **options)
    return buffer.getvalue()


def drawing() -> bytes:
    """An SVG whose every tenth is within its root element."""
    shapes = "".join(f"<path d='M{n} 1L7 2L3 5z' fill='#{n:06x}'/>" for n in range(40))
    return f"<svg xmlns='http://www.w3.org/2000/svg' width='20' height='15'>{shapes}</svg>".encode()


KINDS = [
    "jpeg",
    "jpeg progressive",
    "png",
    "webp",
    "webp lossless",
    "avif",
    "heic",
    "gif",
    "gif animated",
    "tiff",
    "tiff paged",
    "tiff tiled",
    "tiff deflated",
    "tiff big",
    "tiff big-endian",
    "tiff big and big-endian",
    "svg",
    "svg in UTF-16",
]
FRAMES = {"gif animated": 3, "tiff paged": 3}
CANVASES = {"webp": 200 * 150, "webp lossless": 200 * 150}
SIZES = {"svg": DrawnSize(20, 15), "svg in UTF-16": DrawnSize(20, 15)}


def format_of(kind: str) -> SourceFormat:
    return SourceFormat(kind.split()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_whole(kind: str, whole: dict[str, bytes], write: Write) -> None:
    found = integrity.inspect(write(whole[kind]), format_of(kind))
    assert found == Integrity(
        truncated=False,
        frames=FRAMES.get(kind, 1),
        drawn_size=SIZES.get(kind),
        canvas_pixels=CANVASES.get(kind),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_at_any_tenth_is_truncated(
    kind: str, whole: dict[str, bytes], write: Write
) -> None:
    data = whole[kind]
    for tenth in range(10):
        path = write(data[: len(data) * tenth // 10])
        assert integrity.inspect(path, format_of(kind)).truncated, f"{tenth}/10"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_its_last_byte_is_truncated(
    kind: str, whole: dict[str, bytes], write: Write
) -> None:
    assert integrity.inspect(write(whole[kind][:-1]), format_of(kind)).truncated


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_picture_is_trailing(
    kind: str, whole: dict[str, bytes], write: Write
) -> None:
    found = integrity.inspect(write(whole[kind] + b"\0\xff\xd8 more"), format_of(kind))
    assert found == Integrity(
        truncated=False,
        trailing_bytes=8,
        frames=FRAMES.get(kind, 1),
        drawn_size=SIZES.get(kind),
        canvas_pixels=CANVASES.get(kind),
    )


def test_a_preview_inside_a_segment_does_not_end_a_jpeg(
    whole: dict[str, bytes], write: Write
) -> None:
    preview = b"Exif\0\0" + whole["jpeg"][:2000] + b"\xff\xd9"
    segment = b"\xff\xe1" + (len(preview) + 2).to_bytes(2, "big") + preview
    data = whole["jpeg"][:2] + segment + whole["jpeg"][2:]
    assert not integrity.inspect(write(data), SourceFormat.JPEG).truncated
    assert integrity.inspect(write(data[:-2]), SourceFormat.JPEG).truncated


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_frames_of_an_animation_are_counted(
    format: str, photo: Callable[[int, int], Image.Image], write: Write
) -> None:
    buffer = BytesIO()
    frames = [photo(20 + n, 20).resize((20, 20)) for n in range(3)]
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    found = integrity.inspect(write(buffer.getvalue()), SourceFormat(format.lower()))
    assert (found.truncated, found.frames, found.trailing_bytes) == (False, 3, 0)


def box(kind: bytes, *payload: bytes) -> bytes:
    data = b"".join(payload)
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def chain_of_directories(count: int) -> bytes:
    """A TIFF of empty directories, each of which names the next."""
    first = b"II*\0\x08\0\0\0"
    return first + b"".join(struct.pack("<HI", 0, 14 + 6 * n) for n in range(count))


def test_samples_of_an_avif_sequence_are_counted(write: Write) -> None:
    samples = box(b"stsz", b"\0" * 8, (7).to_bytes(4, "big"))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", samples))))
    boxes = (box(b"ftyp", b"avis\0\0\0\0avif"), box(b"meta", b"\0" * 4), box(b"moov", track))
    found = integrity.inspect(write(b"".join(boxes) + box(b"mdat")), SourceFormat.AVIF)
    assert found == Integrity(truncated=False, frames=7)


@pytest.mark.parametrize(
    ("source_format", "data"),
    [
        (SourceFormat.JPEG, b"\xff\xd8" + b"\xff\xfe\0\x02" * 1_000_001),
        (SourceFormat.PNG, b"\x89PNG\r\n\x1a\n" + (b"\0\0\0\0tEXt" + b"\0" * 4) * 1_000_001),
        (SourceFormat.AVIF, box(b"free") * 1_000_001),
        (SourceFormat.GIF, b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\0" * 1_000_001),
        (SourceFormat.GIF, b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\1a" * 1_000_001),
        (SourceFormat.GIF, b"GIF89a\1\0\1\0\0\0\0" + b"," + bytes(9) + b"\2\0" * 1_000_001),
        (SourceFormat.HEIC, box(b"meta", bytes(4), box(b"free") * 1_000_001)),
        (SourceFormat.TIFF, chain_of_directories(1_000_001)),
    ],
)
def test_a_walk_that_would_not_end_is_refused(
    source_format: SourceFormat, data: bytes, write: Write
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        integrity.inspect(write(data), source_format)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize("source_format", [SourceFormat.AVIF, SourceFormat.HEIC])
@pytest.mark.parametrize("offset", [1_000, 2**63, 2**64 - 1])
def test_an_item_that_lies_outside_of_the_file_is_missing(
    source_format: SourceFormat, offset: int, write: Write
) -> None:
    # Four milliards of items are announced; the first is where there is nothing.
    first = struct.pack(">IHHHQQ", 1, 0, 0, 1, offset, 4)
    iloc = box(b"iloc", b"\2\0\0\0\x88\0", b"\xff\xff\xff\xff", first)
    data = box(b"ftyp", b"mif1\0\0\0\0mif1") + box(b"meta", bytes(4), iloc) + box(b"mdat", bytes(8))
    assert integrity.inspect(write(data), source_format).truncated


def test_a_sequence_without_a_still_is_no_picture(write: Write) -> None:
    data = box(b"ftyp", b"avis\0\0\0\0avis") + box(b"moov") + box(b"mdat", bytes(8))
    with pytest.raises(InvalidArgument, match="a sequence without a still") as caught:
        integrity.inspect(write(data), SourceFormat.AVIF)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED


def test_a_heif_of_another_codec_is_refused_by_its_name(write: Write) -> None:
    item = box(b"infe", b"\2\0\0\0\0\1\0\0jpeg\0")
    meta = box(
        b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\1"), box(b"iinf", bytes(4), b"\0\1", item)
    )
    data = box(b"ftyp", b"mif1\0\0\0\0mif1") + meta + box(b"mdat", bytes(8))
    with pytest.raises(InvalidArgument, match="coded as jpeg") as caught:
        integrity.inspect(write(data), SourceFormat.HEIC)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED


@pytest.mark.parametrize("following", [8, 14])
def test_pages_that_form_a_circle_are_refused(following: int, write: Write) -> None:
    data = b"II*\0\x08\0\0\0" + struct.pack("<HIHI", 0, 14, 0, following)
    with pytest.raises(InvalidArgument, match="circle") as caught:
        integrity.inspect(write(data), SourceFormat.TIFF)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


def test_strips_that_lie_outside_of_a_tiff_are_missing(write: Write) -> None:
    entries = struct.pack("<HHII", 273, 4, 1, 90) + struct.pack("<HHII", 279, 4, 1, 10)
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    assert integrity.inspect(write(data), SourceFormat.TIFF).truncated
    assert not integrity.inspect(write(data + bytes(100 - len(data))), SourceFormat.TIFF).truncated


def test_a_reduced_version_of_a_page_is_no_page(write: Write) -> None:
    def directory(reduced: int, following: int) -> bytes:
        return struct.pack("<HHHIII", 1, 254, 4, 1, reduced, following)

    data = b"II*\0\x08\0\0\0" + directory(0, 26) + directory(1, 0)
    assert integrity.inspect(write(data), SourceFormat.TIFF).frames == 1


@pytest.mark.parametrize("data", [b"GIF89a\1\0\1\0\0\0\0?", b"GIF89a\1\0\1\0\0\0\0\0\0;"])
def test_what_no_gif_has_is_damage(data: bytes, write: Write) -> None:
    with pytest.raises(InvalidArgument) as caught:
        integrity.inspect(write(data), SourceFormat.GIF)
    assert caught.value.reason is Reason.IMAGE_CORRUPT


@pytest.mark.parametrize(
    ("first", "pixels"),
    [
        (b"VP8X\x0a\0\0\0" + bytes(4) + b"\x0f\x27\0\x63\0\0", 1_000_000),
        (b"VP8L\x0a\0\0\0\x2f\x0f\xe7\x18\0" + bytes(6), 1_000_000),
        (b"VP8 \x0a\0\0\0" + bytes(3) + b"\x9d\x01\x2a\x10\x27\x64\0", 1_000_000),
        (b"ALPH\x0a\0\0\0" + bytes(10), None),
    ],
)
def test_a_webp_says_how_large_its_canvas_is(
    first: bytes, pixels: int | None, write: Write
) -> None:
    data = b"RIFF" + (4 + len(first)).to_bytes(4, "little") + b"WEBP" + first
    assert integrity.inspect(write(data), SourceFormat.WEBP).canvas_pixels == pixels
