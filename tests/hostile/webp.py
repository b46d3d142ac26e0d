"""WebP: canvases, frames and metadata beyond measure, and chunks that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, refused
from tests.hostile.whole import whole

_MIB: Final = 1024 * 1024
_ICC, _EXIF, _XMP, _ALPHA, _ANIMATED = 0x20, 0x08, 0x04, 0x10, 0x02


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and padding."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def riff(*chunks: bytes) -> bytes:
    """Return a file of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _side(value: int) -> bytes:
    return (value - 1 & 0xFFFFFF).to_bytes(3, "little")


def _extended(width: int, height: int, *chunks: bytes, flags: int = 0) -> bytes:
    return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _side(width) + _side(height)), *chunks)


def _lossless(width: int, height: int) -> bytes:
    """Bits of a lossless picture of one colour, which need no more room however large it is."""
    size = width - 1 | (height - 1) << 14
    return chunk(b"VP8L", b"\x2f" + struct.pack("<I", size) + b"\x88\x88\x08\0\0\0\0\0")


def _lossy(width: int, height: int) -> bytes:
    data = bytearray(whole("webp"))
    at = data.index(b"VP8 ") + 8 + 6
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def _pixels() -> bytes:
    """The chunk of the sound file's own pixels, 96 by 64."""
    data = whole("webp")
    return data[data.index(b"VP8 ") :]


def _frame(width: int, height: int, left: int = 0, top: int = 0, *, data: bytes = b"") -> bytes:
    place = (left // 2).to_bytes(3, "little") + (top // 2).to_bytes(3, "little")
    header = place + _side(width) + _side(height) + b"\x0a\0\0\0"
    return chunk(b"ANMF", header + (data or _lossless(width, height)))


def _animated(width: int, height: int, *frames: bytes) -> bytes:
    control = chunk(b"ANIM", b"\xff\xff\xff\xff\0\0")
    return _extended(width, height, control, *frames, flags=_ANIMATED)


def _with(flags: int, *chunks: bytes, after: tuple[bytes, ...] = ()) -> bytes:
    return _extended(96, 64, *chunks, _pixels(), *after, flags=flags)


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    yield "lossless pixels", lambda: riff(_lossless(16_383, 16_383)), (Reason.LIMIT_PIXELS,)
    yield "lossy pixels", partial(_lossy, 16_383, 16_383), (Reason.LIMIT_PIXELS,)
    yield "one frame too many", lambda: _animated(1, 1, _frame(1, 1) * 301), (Reason.LIMIT_FRAMES,)
    yield (
        "frames times pixels",
        lambda: _animated(3_000, 3_000, _frame(3_000, 3_000) * 6),
        (Reason.LIMIT_PIXELS,),
    )
    yield "profile", lambda: _with(_ICC, chunk(b"ICCP", bytes(5 * _MIB))), (Reason.LIMIT_METADATA,)
    yield (
        "exif",
        lambda: _with(_EXIF, after=(chunk(b"EXIF", bytes(2 * _MIB)),)),
        (Reason.LIMIT_METADATA,),
    )
    yield (
        "xmp",
        lambda: _with(_XMP, after=(chunk(b"XMP ", b"x" * 2 * _MIB),)),
        (Reason.LIMIT_METADATA,),
    )
    yield (
        "chunks",
        lambda: riff(*([_pixels()] + [chunk(b"teSt", b"")] * 1_000_001)),
        (Reason.IMAGE_CORRUPT,),
    )
    yield "canvas", lambda: _animated(2**24, 2**24, _frame(1, 1)), (Reason.LIMIT_PIXELS,)
    yield "nothing", lambda: riff(), (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED)


def _puzzles() -> Iterator[tuple[str, Make]]:
    yield "a canvas unlike its picture", lambda: _extended(5_000, 5_000, _pixels())
    yield "a frame outside of its canvas", lambda: _animated(64, 64, _frame(64, 64, 9_000, 9_000))
    yield "a frame larger than its canvas", lambda: _animated(64, 64, _frame(16_000, 16_000))
    yield "a frame that holds no picture", lambda: _animated(64, 64, _frame(64, 64, data=b"none"))
    yield (
        "a frame that holds another size",
        lambda: _animated(96, 64, _frame(96, 64, data=_lossless(9_999, 9_999))),
    )
    yield "frames of one pixel", lambda: _animated(400, 400, _frame(1, 1) * 300)
    yield "an animation of no frames", lambda: _animated(64, 64)
    yield "a file within a file", lambda: riff(chunk(b"RIFF", whole("webp")), _pixels())
    yield "alpha of another size", lambda: _with(_ALPHA, chunk(b"ALPH", b"\1" + bytes(4)))
    yield "alpha that is not compressed", lambda: _with(_ALPHA, chunk(b"ALPH", b"\0\xff"))
    yield "a profile of zeros", lambda: _with(_ICC, chunk(b"ICCP", bytes(600)))
    yield "two pictures", lambda: riff(_pixels(), _pixels())
    yield "flags that nothing follows", lambda: _with(0xFF)
    yield "lossy sides of 0", partial(_lossy, 0, 0)
    yield (
        "a colour cache and no pixels",
        lambda: riff(chunk(b"VP8L", b"\x2f" + struct.pack("<I", 63 | 63 << 14) + b"\xff" * 8)),
    )
    yield "a chunk longer than the file", lambda: riff(b"VP8 \xf0\xff\xff\x7f", _pixels())


def cases() -> Iterator[Case]:
    """Every WebP."""
    for name, make, reasons in _bombs():
        yield refused(f"webp bomb: {name}", SourceFormat.WEBP, make, *reasons)
    for name, make in _puzzles():
        yield either(f"webp with {name}", SourceFormat.WEBP, make, *_PUZZLING)


_PUZZLING: Final = (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED)
