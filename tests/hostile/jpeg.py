"""JPEG: pixels, scans and metadata beyond measure, and segments that lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, refused
from tests.hostile.whole import whole

_SOF: Final = re.compile(rb"\xff[\xc0\xc2]")
_END: Final = b"\xff\xd9"
_SEGMENT: Final = 65_533
"""Bytes that one segment holds."""


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment with its marker and length."""
    return bytes([0xFF, marker]) + (2 + len(data)).to_bytes(2, "big") + data


def _sized(width: int, height: int, *, name: str = "jpeg") -> bytes:
    data = bytearray(whole(name))
    at = _frame_at(name)
    data[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def _frame_at(name: str) -> int:
    found = _SOF.search(whole(name))
    assert found is not None
    return found.start()


def _patched(offset: int, value: bytes, *, name: str = "jpeg") -> bytes:
    """Overwrite bytes of the frame header."""
    data, at = bytearray(whole(name)), _frame_at(name) + offset
    data[at : at + len(value)] = value
    return bytes(data)


def _with(*segments: bytes) -> bytes:
    return whole("jpeg")[:2] + b"".join(segments) + whole("jpeg")[2:]


def _profile(length: int) -> Iterator[bytes]:
    room = _SEGMENT - 14
    count = min(255, -(-length // room))
    for number in range(1, count + 1):
        yield segment(0xE2, b"ICC_PROFILE\0" + bytes([number, count]) + bytes(room))


def _scans(count: int, width: int, height: int) -> bytes:
    """Repeat one scan of a progressive picture, each of which visits every block."""
    data = _sized(width, height, name="progressive jpeg")
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * count + _END


def _nested(depth: int) -> bytes:
    data = whole("jpeg")
    for _ in range(depth):
        data = whole("jpeg")[:2] + segment(0xE1, b"Exif\0\0" + data[:60_000]) + whole("jpeg")[2:]
    return data


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    yield "side", partial(_sized, 65_500, 65_500), (Reason.LIMIT_SIDE,)
    yield (
        "longest side",
        partial(_sized, 65_535, 65_535),
        (
            Reason.LIMIT_SIDE,
            Reason.IMAGE_CORRUPT,
        ),
    )
    yield "pixels", partial(_sized, 19_999, 19_999), (Reason.LIMIT_PIXELS,)
    yield (
        "progressive pixels",
        partial(_sized, 8_000, 8_000, name="progressive jpeg"),
        (Reason.LIMIT_PIXELS,),
    )
    yield "profile", lambda: _with(*_profile(8_000_000)), (Reason.LIMIT_METADATA,)
    yield "segments", lambda: _with(segment(0xEF, b"") * 1_000_001), (Reason.IMAGE_CORRUPT,)
    yield "no lines", partial(_sized, 96, 0), (Reason.IMAGE_CORRUPT,)
    yield "no columns", partial(_sized, 0, 64), (Reason.IMAGE_CORRUPT,)


def _puzzles() -> Iterator[tuple[str, Make]]:
    yield "2,000 scans", partial(_scans, 2_000, 2_000, 2_000)
    yield "20,000 scans", partial(_scans, 20_000, 96, 64)
    yield "pixels that are not there", partial(_sized, 6_000, 6_000)
    yield (
        "progressive pixels that are not there",
        partial(_sized, 6_000, 6_000, name="progressive jpeg"),
    )
    yield "many EXIF blocks", lambda: _with(segment(0xE1, b"Exif\0\0II*\0" + bytes(60_000)) * 40)
    yield (
        "an EXIF block that points at itself",
        lambda: _with(
            segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0")
        ),
    )
    yield "previews within previews", partial(_nested, 40)
    yield "a profile with parts missing", lambda: _with(*list(_profile(300_000))[1:])
    yield "a profile of zeros", lambda: _with(*_profile(60_000))
    yield "a segment of no length", lambda: _with(b"\xff\xe5\0\0")
    yield "a frame of no components", partial(_patched, 9, b"\0")
    yield "a frame of 255 components", partial(_patched, 9, b"\xff")
    yield "sampling factors of nothing", partial(_patched, 11, b"\0")
    yield "sampling factors of 15", partial(_patched, 11, b"\xff")
    yield "a table that there is not", partial(_patched, 12, b"\3")
    yield "twelve bits", partial(_patched, 4, b"\x0c")
    yield "a lossless frame", partial(_patched, 1, b"\xc3")
    yield "a hierarchical frame", partial(_patched, 1, b"\xc5")
    yield "an arithmetic frame", partial(_patched, 1, b"\xc9")
    yield "a second frame", lambda: _with(whole("jpeg")[_frame_at("jpeg") :][:19])
    yield "a restart in each block", lambda: _with(segment(0xDD, b"\0\1"))
    yield "many starts", lambda: b"\xff\xd8" * 5_000 + whole("jpeg")
    yield "only a start and an end", lambda: b"\xff\xd8\xff\xe0\0\2" + _END


def cases() -> Iterator[Case]:
    """Every JPEG."""
    for name, make, reasons in _bombs():
        yield refused(f"jpeg bomb: {name}", SourceFormat.JPEG, make, *reasons)
    for name, make in _puzzles():
        yield either(f"jpeg with {name}", SourceFormat.JPEG, make, *_PUZZLING)


_PUZZLING: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.LIMIT_METADATA,
    Reason.IMAGE_UNRECOGNISED,
)
