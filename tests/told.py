"""Pictures that tell their colours in numbers: boxes of AVIF and HEIC, chunks of PNG."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy.typing as npt

from tests.hostile.png import chunk, png


def nclx(primaries: int, transfer: int) -> bytes:
    """Return the payload of a `colr` box of code points."""
    return b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 0x80)


def with_nclx(data: bytes, primaries: int, transfer: int) -> bytes:
    """Return an AVIF or HEIC whose code points are others."""
    at = data.index(b"nclx")
    return data[:at] + nclx(primaries, transfer)[:8] + data[at + 8 :]


def png_with(pixels: npt.NDArray[Any], **chunks: bytes) -> bytes:
    """Return a PNG of grey or RGB, of 8 or 16 bits; `chunks` stand before the pixels."""
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = pixels.astype(f">u{pixels.dtype.itemsize}").reshape(height, -1)
    return png(
        width,
        height,
        depth=depth,
        colour=2 if pixels.ndim == 3 else 0,
        extra=b"".join(chunk(kind.encode(), data) for kind, data in chunks.items()),
        idat=zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
    )
