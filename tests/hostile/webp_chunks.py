"""WebP: flags, chunks and bit streams that contradict one another."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.webp import chunk, riff
from tests.hostile.whole import whole

_FLAGS: Final = {"animated": 0x02, "XMP": 0x04, "EXIF": 0x08, "alpha": 0x10, "ICC": 0x20}
_CANVAS: Final = (95).to_bytes(3, "little") + (63).to_bytes(3, "little")
_KINDS: Final = {"lossy": ("webp", b"VP8 "), "lossless": ("lossless webp", b"VP8L")}


def _pixels(kind: str) -> bytes:
    """The payload of a sound file's own pixels."""
    name, mark = _KINDS[kind]
    data = whole(name)
    at = data.index(mark) + 4
    return data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4], "little")]


def _picture(kind: str = "lossy") -> bytes:
    return chunk(_KINDS[kind][1], _pixels(kind))


def _extended(flags: int, *chunks: bytes, canvas: bytes = _CANVAS) -> bytes:
    return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + canvas), *chunks)


def _changed(kind: str, at: int, value: bytes) -> bytes:
    data = bytearray(_pixels(kind))
    data[at : at + len(value)] = value
    return riff(chunk(_KINDS[kind][1], bytes(data)))


def _frame(
    place: bytes = bytes(6), sides: bytes = _CANVAS, *, rest: bytes = b"\x0a\0\0\0"
) -> bytes:
    return place + sides + rest


def _animated(*frames: bytes, control: bytes = bytes(6)) -> bytes:
    return _extended(0x02, chunk(b"ANIM", control), *(chunk(b"ANMF", frame) for frame in frames))


def _flags() -> Iterator[tuple[str, Make]]:
    for name, flag in _FLAGS.items():
        for kind in _KINDS:
            yield (
                f"a flag {name} and no such chunk, {kind}",
                partial(lambda flag, kind: _extended(flag, _picture(kind)), flag, kind),
            )
    for mark in (b"ICCP", b"EXIF", b"XMP ", b"ALPH", b"ANIM", b"ANMF"):
        name = mark.decode().strip()
        for data in (b"", b"\xff", b"\xff" * 300):
            yield (
                f"{name} of {len(data)} bytes and no flag",
                partial(lambda mark, data: _extended(0, chunk(mark, data), _picture()), mark, data),
            )
            yield (
                f"{name} of {len(data)} bytes and all flags",
                partial(
                    lambda mark, data: _extended(0x3C, chunk(mark, data), _picture()), mark, data
                ),
            )
        yield (
            f"{name} after its pixels",
            partial(lambda mark: _extended(0x3C, _picture(), chunk(mark, bytes(40))), mark),
        )
        yield (
            f"1,000 of {name}",
            partial(
                lambda mark: _extended(0x3C, *[chunk(mark, bytes(40))] * 1_000, _picture()), mark
            ),
        )
    for canvas in (b"\0" * 6, b"\xff" * 6, b"\x5f\0\0\0\0\0"):
        yield (
            f"a canvas of {canvas.hex()}",
            partial(lambda canvas: _extended(0, _picture(), canvas=canvas), canvas),
        )
    yield "an extension of three bytes", lambda: riff(chunk(b"VP8X", bytes(3)), _picture())
    yield "an extension of 90 bytes", lambda: riff(chunk(b"VP8X", bytes(90)), _picture())
    yield "an extension twice", lambda: _extended(0, chunk(b"VP8X", bytes(10)), _picture())
    yield "lossy and lossless pixels", lambda: _extended(0, _picture(), _picture("lossless"))


def _streams() -> Iterator[tuple[str, Make]]:
    lossy = {
        "no key frame": (0, b"\x01"),
        "a version of 7": (0, b"\x0e"),
        "no frame that is shown": (0, b"\0"),
        "a first part of all bytes": (0, b"\xf0\xff\xff"),
        "another start": (3, b"abc"),
        "sides that are scaled": (6, b"\x60\xc0\x40\xc0"),
        "sides of 1 by 16,383": (6, b"\1\0\xff\x3f"),
        "ones in place of its header": (10, b"\xff" * 30),
        "zeros in place of its header": (10, bytes(30)),
    }
    lossless = {
        "another mark": (0, b"\x2e"),
        "another version": (4, b"\xe0"),
        "transforms without end": (5, b"\xff" * 40),
        "a palette of nothing": (5, b"\x07" + bytes(20)),
        "codes of no length": (5, bytes(60)),
        "codes at random": (5, b"\xa5\x5a\x3c\xc3" * 15),
        "sides of 16,384": (1, b"\xff\xff\xff\x0f"),
    }
    for kind, changes in (("lossy", lossy), ("lossless", lossless)):
        for name, (at, value) in changes.items():
            yield f"{name}, {kind}", partial(_changed, kind, at, value)
        for length in (0, 1, 5, 9, 12):
            yield (
                f"{length} bytes of pixels, {kind}",
                partial(
                    lambda kind, length: riff(chunk(_KINDS[kind][1], _pixels(kind)[:length])),
                    kind,
                    length,
                ),
            )
    for first in (0x00, 0x01, 0x02, 0x03, 0x0D, 0x30, 0xFF):
        yield (
            f"alpha of form {first:02x}",
            partial(
                lambda first: _extended(
                    0x10, chunk(b"ALPH", bytes([first]) + b"\x55" * 700), _picture()
                ),
                first,
            ),
        )
    for length in (0, 4, 13, 2**32 - 1):
        yield (
            f"a length of {length}",
            partial(lambda length: b"RIFF" + struct.pack("<I", length) + whole("webp")[8:], length),
        )


def _frames() -> Iterator[tuple[str, Make]]:
    for length in (0, 1, 8, 15, 16, 20):
        yield (
            f"a frame of {length} bytes",
            partial(lambda length: _animated((_frame() + _picture())[:length]), length),
        )
    yield (
        "frames without an announcement",
        lambda: _extended(0x02, chunk(b"ANMF", _frame() + _picture())),
    )
    yield "an announcement of no bytes", lambda: _animated(_frame() + _picture(), control=b"")
    yield "an announcement of 90 bytes", lambda: _animated(_frame() + _picture(), control=bytes(90))
    yield "a frame far outside", lambda: _animated(_frame(b"\xff" * 6) + _picture())
    yield "a frame one pair outside", lambda: _animated(_frame(b"\1\0\0\0\0\0") + _picture())
    yield "a frame of all sides", lambda: _animated(_frame(sides=b"\xff" * 6) + _picture())
    yield "a frame that holds a file", lambda: _animated(_frame() + whole("webp"))
    yield (
        "a frame that holds a canvas",
        lambda: _animated(_frame() + chunk(b"VP8X", bytes(10)) + _picture()),
    )
    yield (
        "a frame that holds a frame",
        lambda: _animated(_frame() + chunk(b"ANMF", _frame() + _picture())),
    )
    yield "a frame of alpha alone", lambda: _animated(_frame() + chunk(b"ALPH", bytes(900)))
    yield "a frame of two pictures", lambda: _animated(_frame() + _picture() * 2)
    yield (
        "a frame of unknown chunks",
        lambda: _animated(_frame() + chunk(b"teSt", b"") * 9_000 + _picture()),
    )
    yield (
        "frames of all flags",
        lambda: _animated(*[_frame(rest=b"\xff\xff\xff\xff") + _picture()] * 3),
    )
    yield (
        "frames and a picture",
        lambda: _extended(
            0x02, chunk(b"ANIM", bytes(6)), chunk(b"ANMF", _frame() + _picture()), _picture()
        ),
    )
    yield (
        "frames of which one is damaged",
        lambda: _animated(
            _frame() + _picture(), _frame() + _picture()[:300], _frame() + _picture()
        ),
    )


def cases() -> Iterator[Case]:
    """Every WebP that contradicts itself."""
    for group in (_flags, _streams, _frames):
        for name, make in group():
            yield either(f"webp with {name}", SourceFormat.WEBP, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
    Reason.LIMIT_FRAMES,
)
