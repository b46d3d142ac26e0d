"""How often an AVIF sequence is shown, written into what libavif made.

The encoder at hand leaves libavif's default, for ever, and stamps the time of day into the file, so
that no two would be equal. Both are fields of fixed places. Layout after ISO 14496-12, sections
8.2.2, 8.3.2, 8.4.2 and 8.6.6. Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from picstore_imaging.bmff import Box, boxes

_CONTAINERS: Final = frozenset({b"moov", b"trak", b"edts", b"mdia"})
_TIMES: Final = slice(4, 20)
"""Of making and changing, after version and flags; of eight bytes each in version 1."""
_DURATIONS: Final = {b"mvhd": slice(24, 32), b"tkhd": slice(28, 36)}
"""How long the film and a track last, repetitions counted."""
_TIMED: Final = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_EDIT_FLAGS: Final = slice(1, 4)
_EDIT_DURATION: Final = slice(8, 16)
"""How long it lasts once."""
_REPEATED: Final = (1).to_bytes(3, "big")
_ONCE: Final = bytes(3)
_FOR_EVER: Final = b"\xff" * 8
_VERSION: Final = 1
_MAX_DURATION: Final = 2**63


def with_plays(data: bytes, plays: int) -> bytes:
    """Return a copy that says how often it is shown, 0 for ever, and not when it was made."""
    copy = bytearray(data)
    found = list(_walk(data, 0, len(data)))
    once = max(
        (_number(data, box, _EDIT_DURATION) for box in found if box.kind == b"elst"), default=0
    )
    total = min(once * plays, _MAX_DURATION).to_bytes(8, "big") if plays else _FOR_EVER
    for box in found:
        if data[box.start] != _VERSION:
            continue
        if box.kind in _TIMED:
            _set(copy, box, _TIMES, bytes(16))
        if box.kind in _DURATIONS:
            _set(copy, box, _DURATIONS[box.kind], total)
        if box.kind == b"elst":
            _set(copy, box, _EDIT_FLAGS, _ONCE if plays == 1 else _REPEATED)
    return bytes(copy)


def _walk(data: bytes, start: int, end: int) -> Iterator[Box]:
    for box in boxes(data, start, end):
        if box.kind in _CONTAINERS:
            yield from _walk(data, box.start, box.end)
        elif box.kind in _TIMED or box.kind == b"elst":
            yield box


def _number(data: bytes, box: Box, place: slice) -> int:
    return int.from_bytes(data[box.start + place.start : box.start + place.stop], "big")


def _set(copy: bytearray, box: Box, place: slice, value: bytes) -> None:
    copy[box.start + place.start : box.start + place.stop] = value
