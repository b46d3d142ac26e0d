"""Pictures, good and bad, and the messages that bring them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pyvips

from picstore.upload.v1 import upload_pb2

MIB = 1024 * 1024


@cache
def jpeg(width: int = 120, height: int = 80) -> bytes:
    return encoded(width, height, ".jpg")


@cache
def encoded(width: int, height: int, suffix: str) -> bytes:
    random = np.random.default_rng(7)
    pixels = random.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    small = pyvips.Image.new_from_array(pixels, interpretation="srgb")
    picture = small.resize(8).crop(0, 0, width, height)
    data: bytes = picture.write_to_buffer(suffix)
    return data


@cache
def animation(frames: int) -> bytes:
    strip = pyvips.Image.black(16, 16 * frames, bands=3).copy(interpretation="srgb")
    strip = strip + pyvips.Image.xyz(16, 16 * frames).extract_band(1)  # no two frames are equal
    strip = strip.cast("uchar").copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", 16)
    data: bytes = strip.write_to_buffer(".webp")
    return data


def png_chunk(kind: bytes, data: bytes, *, length: int | None = None) -> bytes:
    size = struct.pack(">I", len(data) if length is None else length)
    return size + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_truncated_png(size: int) -> bytes:
    """A PNG of `size` bytes whose pixels are announced to be twice as many bytes."""
    header = struct.pack(">IIBBBBB", 400, 300, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + png_chunk(b"IDAT", bytes(size), length=2 * size)


def quick(
    data: bytes, *, project_id: str, chunk_bytes: int = MIB, sha256: str = "", **header: Any
) -> Iterator[upload_pb2.QuickUploadRequest]:
    """The messages that bring `data` as a new picture."""
    yield upload_pb2.QuickUploadRequest(header=quick_header(project_id, **header))
    for message in chunks(data, chunk_bytes):
        yield upload_pb2.QuickUploadRequest(chunk=message)
    yield upload_pb2.QuickUploadRequest(end=upload_pb2.End(sha256=sha256))


def quick_header(project_id: str, **header: Any) -> upload_pb2.QuickUploadHeader:
    fields = {"upload_profile": "photos", "filename": "photo.jpg", **header}
    return upload_pb2.QuickUploadHeader(project_id=project_id, **fields)


def chunks(data: bytes, size: int = MIB) -> Iterator[upload_pb2.Chunk]:
    for start in range(0, len(data), size):
        yield upload_pb2.Chunk(offset=start, data=data[start : start + size])
