"""PNG: chunks of wrong lengths, checksums, numbers and order, each of those that there are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.png import chunk, png
from tests.hostile.whole import whole

_ANCILLARY: Final[dict[bytes, bytes]] = {
    b"cHRM": struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000),
    b"gAMA": struct.pack(">I", 45_455),
    b"iCCP": b"p\0\0" + zlib.compress(bytes(200)),
    b"sBIT": b"\5\6\5",
    b"sRGB": b"\0",
    b"cICP": b"\x09\x10\0\1",
    b"mDCV": bytes(24),
    b"cLLI": bytes(8),
    b"bKGD": bytes(6),
    b"hIST": b"\0\1" * 2,
    b"tRNS": bytes(6),
    b"pHYs": struct.pack(">IIB", 2_835, 2_835, 1),
    b"sPLT": b"name\0\x08" + bytes(6),
    b"eXIf": b"II*\0\x08\0\0\0\0\0\0\0\0\0",
    b"tIME": b"\x07\xea\1\1\0\0\0",
    b"tEXt": b"Comment\0a",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"a"),
    b"iTXt": b"Comment\0\0\0\0\0a",
    b"oFFs": bytes(9),
    b"sCAL": b"\1" + b"1\0" * 2,
    b"pCAL": b"name\0" + bytes(10),
    b"acTL": struct.pack(">II", 1, 0),
}
"""A sound one of each."""
_HEADER_END: Final = 33
_SIDES: Final = struct.pack(">II", 96, 64)


def _with(*extra: bytes) -> bytes:
    data = whole("png")
    return data[:_HEADER_END] + b"".join(extra) + data[_HEADER_END:]


def _after(*extra: bytes) -> bytes:
    data = whole("png")
    return data[:-12] + b"".join(extra) + data[-12:]


def _headed(**fields: int) -> bytes:
    """Change numbers of the header, under a checksum that is right."""
    values = {"width": 96, "height": 64, "depth": 8, "colour": 2, "deflate": 0, "filter": 0}
    values |= {"interlaced": 0} | fields
    header = struct.pack(">IIBBBBB", *values.values())
    return whole("png")[:8] + chunk(b"IHDR", header) + whole("png")[_HEADER_END:]


def _without_checksum(kind: bytes) -> bytes:
    return chunk(kind, _ANCILLARY[kind])[:-4] + b"none"


def _pieces(*, size: int, empty: int) -> bytes:
    """The pixels in pieces, with so many empty ones after each."""
    data = whole("png")
    at = data.index(b"IDAT") - 4
    pixels = data[at + 8 : -16]
    parts = (chunk(b"IDAT", pixels[n : n + size]) for n in range(0, len(pixels), size))
    return data[:at] + (chunk(b"IDAT", b"") * empty).join(parts) + data[-12:]


def _stream(change: bytes, at: int) -> bytes:
    packed = bytearray(zlib.compress(b"\0" * (64 * 65)))
    packed[at : at + len(change) if at >= 0 else None] = change
    return png(64, 64, idat=bytes(packed))


def _control(
    number: int, place: bytes = _SIDES + bytes(8), rest: bytes = b"\0\1\0\x0a\0\0"
) -> bytes:
    return chunk(b"fcTL", struct.pack(">I", number) + place + rest)


def _moving(*parts: bytes, frames: int = 2) -> bytes:
    """An animation of the picture itself and these chunks after it."""
    data = whole("png")
    head = chunk(b"acTL", struct.pack(">II", frames, 0)) + _control(0)
    return data[:_HEADER_END] + head + data[_HEADER_END:-12] + b"".join(parts) + data[-12:]


def _pixels(number: int) -> bytes:
    rows = b"\0" * (64 * (1 + 96 * 3))
    return chunk(b"fdAT", struct.pack(">I", number) + zlib.compress(rows))


def _chunks() -> Iterator[tuple[str, Make]]:
    for kind, data in _ANCILLARY.items():
        name = kind.decode()
        yield f"a wrong checksum of {name}", partial(_with, _without_checksum(kind))
        yield f"an empty {name}", partial(_with, chunk(kind, b""))
        yield f"a {name} cut short", partial(_with, chunk(kind, data[:-1]))
        yield f"a {name} of 50,000 bytes", partial(_with, chunk(kind, data.ljust(50_000, b"\xff")))
        yield f"a {name} of ones", partial(_with, chunk(kind, b"\xff" * len(data)))
        yield f"a second {name}", partial(_with, chunk(kind, data) * 2)
        yield f"a {name} after its pixels", partial(_after, chunk(kind, data))


def _headers() -> Iterator[tuple[str, Make]]:
    for colour in (1, 5, 7, 255):
        yield f"colours of type {colour}", partial(_headed, colour=colour)
    for depth, colour in ((1, 2), (2, 4), (4, 6), (16, 3), (8, 0), (0, 2), (32, 2)):
        yield f"{depth} bits of type {colour}", partial(_headed, depth=depth, colour=colour)
    yield "another way to deflate", partial(_headed, deflate=1)
    yield "another way to filter", partial(_headed, filter=64)
    yield "another way to interlace", partial(_headed, interlaced=2)
    yield "pixels that are not interlaced", partial(_headed, interlaced=1)
    yield "one line more", partial(_headed, height=65)
    yield "one column more", partial(_headed, width=97)
    yield "a side of 2^31", partial(_headed, width=2**31)
    yield "a header of 12 bytes", lambda: whole("png")[:8] + chunk(b"IHDR", bytes(12))
    yield "a header after its pixels", lambda: _after(whole("png")[8:_HEADER_END])
    yield "a chunk of 2^31 bytes", lambda: _with(b"\x80\0\0\0teSt")
    yield "a chunk that must be known", lambda: _with(chunk(b"TeSt", b""))
    yield "a chunk of no letters", lambda: _with(chunk(b"\0\xff\n\x1b", b""))
    yield "a palette after its pixels", lambda: _after(chunk(b"PLTE", bytes(768)))
    yield "a palette of 257 colours", lambda: _with(chunk(b"PLTE", bytes(771)))
    yield "an empty palette", lambda: _with(chunk(b"PLTE", b""))
    yield (
        "transparency beyond its palette",
        lambda: png(64, 64, colour=3, extra=chunk(b"PLTE", bytes(3)) + chunk(b"tRNS", bytes(256))),
    )


def _streams() -> Iterator[tuple[str, Make]]:
    yield "pixels in pieces of one byte", partial(_pieces, size=1, empty=0)
    yield "empty pieces of pixels", partial(_pieces, size=500, empty=2_000)
    yield "other chunks between its pixels", lambda: _with(chunk(b"IDAT", b""), chunk(b"teSt", b""))
    yield "a window that there is not", partial(_stream, b"\xf8\x1a", 0)
    yield "a dictionary that there is not", partial(_stream, b"\x78\xbb", 0)
    yield "another method of its stream", partial(_stream, b"\x7f\x05", 0)
    yield "a wrong sum of its stream", partial(_stream, b"\0", -1)
    yield "a block of no kind", partial(_stream, b"\x07", 2)
    yield "a stored block that lies", lambda: png(64, 64, idat=b"\x78\1\1\xff\xff\0\0" + bytes(9))
    yield "a distance before the beginning", lambda: png(64, 64, idat=b"\x78\1\x63\0\2\0" * 9)


def _animations() -> Iterator[tuple[str, Make]]:
    yield "pixels before their control", lambda: _moving(_pixels(1), _control(2))
    yield "a gap in its numbers", lambda: _moving(_control(1), _pixels(3))
    yield "a number twice", lambda: _moving(_control(1), _pixels(1))
    yield "numbers that turn over", lambda: _moving(_control(2**32 - 1), _pixels(0))
    yield "two controls in a row", lambda: _moving(_control(1), _control(2), _pixels(3), frames=3)
    yield "pixels of three bytes", lambda: _moving(_control(1), chunk(b"fdAT", b"\0\0\0"))
    yield "pixels of no bytes", lambda: _moving(_control(1), chunk(b"fdAT", b"\0\0\0\2"))
    outside = struct.pack(">4I", 96, 64, 1, 0)
    yield "a frame one column outside", lambda: _moving(_control(1, outside), _pixels(2))
    beyond = struct.pack(">4I", 96, 64, 2**32 - 96, 0)
    yield "a frame that turns over", lambda: _moving(_control(1, beyond), _pixels(2))
    wide = struct.pack(">4I", 2**32 - 1, 2**32 - 1, 0, 0)
    yield "a frame of all pixels", lambda: _moving(_control(1, wide), _pixels(2))
    small = struct.pack(">4I", 8, 8, 0, 0)
    yield "a frame of too many pixels", lambda: _moving(_control(1, small), _pixels(2))
    for rest in (b"\0\1\0\0\3\0", b"\0\1\0\0\0\2", b"\xff\xff\0\1\2\1"):
        yield (
            f"a frame that ends by {rest.hex()}",
            partial(lambda rest: _moving(_control(1, rest=rest), _pixels(2)), rest),
        )
    yield "a control cut short", lambda: _moving(chunk(b"fcTL", bytes(25)), _pixels(1))
    yield "an announcement after its frames", lambda: _moving(chunk(b"acTL", bytes(8)))
    # Each frame needs them again: a list that grows is a file that is never read.
    many = chunk(b"tRNS", b"") * 200_000
    yield "200,000 transparencies in an animation", lambda: _moving(many, _control(1), _pixels(2))
    yield (
        "200,000 palettes in an animation",
        lambda: _moving(chunk(b"PLTE", bytes(3)) * 200_000, _control(1), _pixels(2)),
    )


def cases() -> Iterator[Case]:
    """Every PNG whose chunks are wrong."""
    for group in (_chunks, _headers, _streams, _animations):
        for name, make in group():
            yield either(f"png with {name}", SourceFormat.PNG, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
)
