"""A truncated file is told from a damaged one, and from one that something was appended to."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from picstore_imaging import integrity
from picstore_imaging.formats import SourceFormat
from picstore_imaging.integrity import Integrity
from picstore_kit.errors import InvalidArgument, Reason

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
    avif = pyvips.Image.new_from_memory(pixels.tobytes(), 200, 150, 3, "uchar")
    return {
        "jpeg": save("JPEG"),
        "jpeg progressive": save("JPEG", progressive=True),
        "png": save("PNG"),
        "webp": save("WEBP"),
        "webp lossless": save("WEBP", lossless=True),
        "avif": avif.heifsave_buffer(compression="av1", effort=0),
    }


KINDS = ["jpeg", "jpeg progressive", "png", "webp", "webp lossless", "avif"]


def format_of(kind: str) -> SourceFormat:
    return SourceFormat(kind.split()[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_whole(kind: str, whole: dict[str, bytes], write: Write) -> None:
    found = integrity.inspect(write(whole[kind]), format_of(kind))
    assert found == Integrity(truncated=False)


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
    assert found == Integrity(truncated=False, trailing_bytes=8)


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
    assert found == Integrity(truncated=False, frames=3)


def box(kind: bytes, *payload: bytes) -> bytes:
    data = b"".join(payload)
    return (8 + len(data)).to_bytes(4, "big") + kind + data


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
    ],
)
def test_a_walk_that_would_not_end_is_refused(
    source_format: SourceFormat, data: bytes, write: Write
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        integrity.inspect(write(data), source_format)
    assert caught.value.reason is Reason.IMAGE_CORRUPT
