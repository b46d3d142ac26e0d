"""GIF: codes, palettes and extensions that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.gif import gif
from tests.hostile.whole import whole

_SIDES: Final = struct.pack("<4H", 0, 0, 16, 16)


def _blocks(data: bytes) -> bytes:
    pieces = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def _packed(codes: Sequence[int], width: int) -> bytes:
    bits = sum(code << place * width for place, code in enumerate(codes))
    return bits.to_bytes(-(-len(codes) * width // 8) or 1, "little")


def _frame(codes: bytes, *, size: int = 2, sides: bytes = _SIDES, flags: int = 0) -> bytes:
    palette = bytes(3 << (flags & 7) + 1) if flags & 0x80 else b""
    return b"\x2c" + sides + bytes([flags]) + palette + bytes([size]) + _blocks(codes)


def _canvas(
    *blocks: bytes, flags: int = 0x80, background: int = 0, version: bytes = b"89a"
) -> bytes:
    palette = bytes(3 << (flags & 7) + 1) if flags & 0x80 else b""
    header = struct.pack("<HHBBB", 16, 16, flags, background, 0)
    return b"GIF" + version + header + palette + b"".join(blocks) + b"\x3b"


_ZEROS: Final = _packed([4, *[0] * 256, 5], 3)


def _codes() -> Iterator[tuple[str, Make]]:
    for size in (1, 3, 7, 8, 9, 10, 11, 12, 13, 31, 32, 64, 128, 254):
        yield f"codes that begin with {size} bits", partial(_canvas, _frame(_ZEROS, size=size))
    for name, codes in {
        "a code of itself first": [4, 6, 6, 6],
        "no clearing": [0] * 64,
        "an end at once": [5],
        "clearing alone": [4] * 2_000,
        "an end after clearing": [4, 5],
        "the highest code": [4, 7, 7, 7],
        "pixels after its end": [4, 0, 5, *[0] * 300],
        "too many pixels": [4, *[0, 1] * 40_000],
    }.items():
        yield name, partial(_canvas, _frame(_packed(codes, 3)))
    yield "a table that is full", partial(_canvas, _frame(b"\x84" + b"\x11\x22\x44\x88" * 20_000))
    yield "random codes", partial(_canvas, _frame(bytes(n * 167 % 256 for n in range(9_000))))
    yield (
        "sub-blocks of one byte",
        lambda: _canvas(
            b"\x2c" + _SIDES + b"\0\2" + b"".join(b"\1" + bytes([b]) for b in _ZEROS) + b"\0"
        ),
    )
    yield (
        "sub-blocks without end",
        lambda: gif(16, 16, end=b"") + b"\x2c" + _SIDES + b"\0\2" + (b"\xff" + bytes(255)) * 9_000,
    )
    yield (
        "900,000 sub-blocks",
        lambda: _canvas(b"\x21\xfe" + b"\1a" * 900_000 + b"\0", _frame(_ZEROS)),
    )


def _frames() -> Iterator[tuple[str, Make]]:
    for name, sides in {
        "no width": (0, 0, 0, 16),
        "no height": (0, 0, 16, 0),
        "a left side that turns over": (65_535, 0, 16, 16),
        "a top that turns over": (0, 65_535, 16, 16),
        "all sides": (65_535, 65_535, 65_535, 65_535),
        "one column outside": (1, 0, 16, 16),
    }.items():
        packed = struct.pack("<4H", *sides)
        yield f"a frame of {name}", partial(_canvas, _frame(_ZEROS, sides=packed))
        yield (
            f"a second frame of {name}",
            partial(_canvas, _frame(_ZEROS), _frame(_ZEROS, sides=packed), _frame(_ZEROS)),
        )
    for flags in (0x40, 0x60, 0x18, 0x87, 0xFF):
        yield f"a frame of flags {flags:02x}", partial(_canvas, _frame(_ZEROS, flags=flags))
    yield "no palette", partial(_canvas, _frame(_ZEROS), flags=0)
    yield "a background beyond its palette", partial(_canvas, _frame(_ZEROS), background=255)
    yield (
        "pixels beyond their palette",
        partial(_canvas, _frame(_packed([256, *[200] * 256], 9), size=8)),
    )
    yield (
        "10,000 frames of one pixel",
        lambda: _canvas(*[_frame(b"\x44\1", sides=struct.pack("<4H", 3, 3, 1, 1))] * 10_000),
    )
    yield "10,000 frames of no size", lambda: _canvas(*[_frame(b"", sides=bytes(8))] * 10_000)
    yield "two files in one", lambda: whole("gif")[:-1] + whole("gif")
    yield (
        "the older version and extensions",
        lambda: _canvas(b"\x21\xf9\4\1\0\0\0\0", _frame(_ZEROS), version=b"87a"),
    )


def _extensions() -> Iterator[tuple[str, Make]]:
    for label in (0x00, 0x01, 0xF9, 0xFE, 0xFF, 0x7F):
        for length in (0, 1, 3, 5, 11, 255):
            block = (
                b"\x21" + bytes([label]) + (bytes([length]) + b"\xff" * length if length else b"")
            )
            yield (
                f"an extension {label:02x} of {length} bytes",
                partial(_canvas, block + b"\0", _frame(_ZEROS)),
            )
    for length in (0, 1, 2, 3, 200):
        loop = (
            b"\x21\xff\x0bNETSCAPE2.0"
            + (bytes([length]) + b"\1" * length if length else b"")
            + b"\0"
        )
        yield (
            f"repetitions of {length} bytes",
            partial(_canvas, loop, _frame(_ZEROS), _frame(_ZEROS)),
        )
    yield (
        "20,000 controls for one frame",
        lambda: _canvas(b"\x21\xf9\4\1\0\0\0\0" * 20_000, _frame(_ZEROS)),
    )
    yield (
        "a transparent colour beyond its palette",
        lambda: _canvas(b"\x21\xf9\4\1\0\0\xff\0", _frame(_ZEROS)),
    )
    xmp = b"\x21\xff\x0bXMP DataXMP" + b"<x:xmpmeta" * 50_000
    yield "XMP without its trailer", lambda: _canvas(xmp, _frame(_ZEROS))
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    yield "XMP that is a trailer", lambda: _canvas(xmp[:14] + trailer, _frame(_ZEROS))


def cases() -> Iterator[Case]:
    """Every GIF that lies."""
    for group in (_codes, _frames, _extensions):
        for name, make in group():
            yield either(f"gif with {name}", SourceFormat.GIF, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
    Reason.LIMIT_FRAMES,
)
