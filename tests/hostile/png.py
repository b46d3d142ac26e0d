"""PNG and APNG: pixels, text and profiles that inflate, frames and headers that lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import cache, partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, harmless, refused
from tests.hostile.whole import whole

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_END: Final = b"\0\0\0\0IEND\xaeB\x60\x82"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7: Final = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""Each pass of an interlaced picture: where it begins, and its steps."""
_MIB: Final = 1024 * 1024
_AFTER_HEADER: Final = 33


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(length: int) -> bytes:
    """Return a zlib stream that inflates to zeros; any length of it is made at once."""
    checksum = (length % 65_521 << 16 | 1).to_bytes(4, "big")
    whole, rest = divmod(length, _MIB)
    return b"\x78\xda" + _deflated(_MIB, zlib.Z_FULL_FLUSH) * whole + _deflated(rest) + checksum


@cache
def _deflated(length: int, flush: int = zlib.Z_FINISH) -> bytes:
    """Deflate zeros by themselves, so that the pieces can be put one after the other."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(bytes(length)) + packer.flush(flush)


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    interlaced: bool = False,
    extra: bytes = b"",
    idat: bytes | None = None,
) -> bytes:
    """Return a black picture, however large; `extra` are chunks before the pixels."""
    if idat is None:
        bits = depth * _CHANNELS[colour]
        passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
        raw = sum(
            -(-(height - top) // down) * (1 + (-(-(width - left) // across) * bits + 7) // 8)
            for left, top, across, down in passes
        )
        idat = zeros(min(raw, 512 * _MIB))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return _SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", idat) + _END


def _with(extra: bytes) -> bytes:
    data = whole("png")
    return data[:_AFTER_HEADER] + extra + data[_AFTER_HEADER:]


def _frame(number: int, width: int, height: int, left: int = 0, top: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">5IHHBB", number, width, height, left, top, 1, 10, 0, 0))


def _animated(frames: int, *controls: bytes) -> bytes:
    return _with(chunk(b"acTL", struct.pack(">II", frames, 0)) + b"".join(controls))


def _controls(count: int) -> Iterator[bytes]:
    return (_frame(number, 1, 1) for number in range(count))


def _part(data: bytes, *, disposal: int = 0, delay: int = 1) -> tuple[bytes, bytes]:
    """A frame of the whole picture: what its control says besides, and its pixels."""
    return struct.pack(">HHBB", delay, 10, disposal, 1), data


def _pieces(count: int) -> tuple[bytes, bytes]:
    return struct.pack(">HHBB", 1, 10, 0, 0), b"\0" * count


def _moving(*parts: tuple[bytes, bytes]) -> bytes:
    """An APNG of the whole picture and then these frames, in order; long ones are in pieces."""
    data = whole("png")
    sides, sequence = struct.pack(">II", 96, 64), 1
    announced = chunk(b"acTL", struct.pack(">II", len(parts) + 1, 0))
    head = announced + chunk(b"fcTL", bytes(4) + sides + bytes(8) + _part(b"")[0])
    tail = []
    for control, pixels in parts:
        tail.append(chunk(b"fcTL", struct.pack(">I", sequence) + sides + bytes(8) + control))
        sequence += 1
        step = 1 if len(pixels) == 100_000 else _MIB
        for at in range(0, len(pixels) or 1, step):
            tail.append(chunk(b"fdAT", struct.pack(">I", sequence) + pixels[at : at + step]))
            sequence += 1
    return data[:_AFTER_HEADER] + head + data[_AFTER_HEADER:-12] + b"".join(tail) + data[-12:]


def _large(side: int, frames: int) -> bytes:
    """An APNG of a large canvas, on which all frames but the first change one pixel."""
    control = struct.pack(">HHBB", 1, 10, 0, 0)
    extra = chunk(b"acTL", struct.pack(">II", frames, 0))
    extra += chunk(b"fcTL", struct.pack(">5I", 0, side, side, 0, 0) + control)
    data = png(side, side, depth=1, extra=extra)
    tail = b""
    for number in range(1, frames):
        sequence = 2 * number - 1
        tail += chunk(b"fcTL", struct.pack(">5I", sequence, 1, 1, 0, 0) + control)
        tail += chunk(b"fdAT", struct.pack(">I", sequence + 1) + zeros(2))
    return data[:-12] + tail + data[-12:]


def _xmp(length: int) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * length)


def _nested() -> bytes:
    """Text in text in text, each deflated, and 100 MiB in the end."""
    data = zeros(100 * _MIB)
    for _ in range(8):
        data = zlib.compress(b"zTXt\0" + data)
    return _with(chunk(b"zTXt", b"Comment\0\0" + data))


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    yield "side", partial(png, 20_001, 16, depth=1), (Reason.LIMIT_SIDE,)
    for width, height in ((0, 0), (0, 64), (64, 0)):
        yield f"{width} by {height}", partial(png, width, height), (Reason.IMAGE_CORRUPT,)
    yield "pixels", partial(png, 19_999, 19_999, depth=1), (Reason.LIMIT_PIXELS,)
    yield (
        "interlaced pixels",
        partial(png, 7_200, 7_200, depth=1, interlaced=True),
        (Reason.LIMIT_PIXELS,),
    )
    yield (
        "all the pixels that there are",
        partial(png, 2**31 - 1, 2**31 - 1, depth=16, colour=6, idat=zeros(100)),
        (Reason.IMAGE_CORRUPT, Reason.LIMIT_SIDE),
    )
    yield (
        "a hundred thousand frames",
        lambda: _moving(*[_part(b"")] * 99_999),
        (Reason.LIMIT_FRAMES,),
    )
    yield "one frame too many", lambda: _moving(*[_part(b"")] * 300), (Reason.LIMIT_FRAMES,)
    yield "frames times pixels", lambda: _large(6_000, 3), (Reason.LIMIT_PIXELS,)
    yield "two large frames", lambda: _large(9_999, 2), (Reason.LIMIT_PIXELS,)
    yield (
        "exif",
        lambda: _with(chunk(b"eXIf", b"II*\0" + bytes(2 * _MIB))),
        (Reason.LIMIT_METADATA,),
    )
    yield "xmp", lambda: _with(_xmp(2 * _MIB)), (Reason.LIMIT_METADATA,)
    yield "chunks", lambda: _with(chunk(b"teSt", b"") * 1_000_001), (Reason.IMAGE_CORRUPT,)


def _puzzles() -> Iterator[tuple[str, Make]]:
    profile = b"p\0\0"
    yield "profile of 200 MiB", lambda: _with(chunk(b"iCCP", profile + zeros(200 * _MIB)))
    yield "profile that is none", lambda: _with(chunk(b"iCCP", profile + zlib.compress(b"none")))
    yield "text of 400 MiB", lambda: _with(chunk(b"zTXt", b"Comment\0\0" + zeros(400 * _MIB)))
    yield (
        "international text of 400 MiB",
        lambda: _with(chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(400 * _MIB))),
    )
    yield "text within text", _nested
    yield "many texts", lambda: _with(chunk(b"tEXt", b"Comment\0a") * 20_000)
    yield "pixels after its pixels", lambda: png(64, 64, idat=zeros(300 * _MIB))
    yield "pixels of nothing", lambda: png(64, 64, idat=b"")
    yield "too few pixels", lambda: png(64, 64, idat=zeros(100))
    yield "pixels that are not deflated", lambda: png(64, 64, idat=b"pixels" * 100)
    yield "an unknown filter", lambda: png(64, 64, idat=zlib.compress(b"\x09" * 65 * 64))
    yield "no palette", lambda: png(64, 64, colour=3)
    yield (
        "a palette that ends too early",
        lambda: png(
            64, 64, colour=3, extra=chunk(b"PLTE", b"abc"), idat=zlib.compress(b"\0" + b"\7" * 64)
        ),
    )
    yield "an odd palette", lambda: png(64, 64, colour=3, extra=chunk(b"PLTE", b"abcd"))
    yield "a depth that there is not", lambda: png(64, 64, depth=3)
    yield "a second header", lambda: _with(whole("png")[8:_AFTER_HEADER])
    yield "a wrong checksum", lambda: whole("png")[:29] + b"abcd" + whole("png")[33:]
    yield "frames without pixels", lambda: _animated(4, _frame(0, 96, 64), _frame(1, 96, 64))
    yield (
        "frames outside of the picture",
        lambda: _animated(2, _frame(0, 65_535, 65_535, 65_535, 65_535)),
    )
    yield "frames of no size", lambda: _animated(2, _frame(0, 0, 0))
    yield "no frames", lambda: _animated(0)
    yield "all the frames that a number can announce", partial(_animated, 2**31 - 1)
    yield "more frames than it announces", lambda: _animated(1, *_controls(100_000))
    yield "frames out of their order", lambda: _animated(2, _frame(9, 96, 64), _frame(3, 96, 64))
    yield "a frame whose pixels never end", lambda: _moving(_part(zeros(300 * _MIB)))
    yield "a frame whose pixels are none", lambda: _moving(_part(b"pixels" * 100))
    yield "a frame whose pixels are too few", lambda: _moving(_part(zeros(50)))
    yield "frames in a hundred thousand pieces", lambda: _moving(_pieces(100_000))
    yield (
        "all the frames that are allowed",
        lambda: _moving(*[_part(zeros(96 * 64 * 3 + 64))] * 299),
    )
    yield "frames that take back", lambda: _moving(*[_part(zeros(18_496), disposal=2)] * 100)
    yield "frames of no time that are shown for ever", lambda: _moving(*[_part(b"", delay=0)] * 9)


def cases() -> Iterator[Case]:
    """Every PNG."""
    for name, make, reasons in _bombs():
        yield refused(f"png bomb: {name}", SourceFormat.PNG, make, *reasons)
    for name, make in _puzzles():
        yield either(f"png with {name}", SourceFormat.PNG, make, *_PUZZLING)
    yield harmless(
        "png of all pixels that are allowed",
        SourceFormat.PNG,
        partial(png, 10_000, 10_000, depth=1),
    )
    yield harmless(
        "interlaced png of all pixels that are allowed",
        SourceFormat.PNG,
        partial(png, 7_000, 7_000, depth=1, interlaced=True),
    )


_PUZZLING: Final = (Reason.IMAGE_CORRUPT, Reason.LIMIT_METADATA, Reason.IMAGE_TRUNCATED)
