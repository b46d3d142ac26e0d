"""The directories that TIFF files and EXIF blocks are made of.

Pure: importable by every process. Layout after TIFF 6.0, section 2, and the BigTIFF design.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Data = bytes | mmap.mmap

_ITEM_BYTES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8,
}  # fmt: skip
_NUMBERS: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_MAX_ENTRIES: Final = 10_000
"""Of one directory; real ones have dozens."""
_MAX_NUMBERS: Final = 1_000_000
"""Of one entry: the strips or tiles of a page."""
_GPS_VERSION: Final = 0


class EndsEarly(Exception):
    """What a directory points at is not in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How numbers are written in a file, and where its first directory is."""

    order: str
    """`<` or `>`."""
    big: bool
    """Whether it is a BigTIFF, whose offsets have 8 bytes."""
    first: int

    @classmethod
    def of(cls, data: Data) -> Layout:
        """Read the header; raises `EndsEarly` where the data has none."""
        order = "<" if data[:2] == b"II" else ">"
        (magic,) = _unpack(data, 2, order + "H")
        if magic == 43:
            return cls(order=order, big=True, first=_unpack(data, 8, order + "Q")[0])
        return cls(order=order, big=False, first=_unpack(data, 4, order + "I")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    kind: int
    count: int
    at: int
    """Where its values are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One directory: its entries, none of which lies outside the file."""

    data: Data
    order: str
    entries: Mapping[int, _Entry]
    end: int
    """Of what lies furthest behind, among the directory and its values."""
    next: int
    """Where the next directory is; 0 for none."""

    @classmethod
    def read(cls, data: Data, layout: Layout, at: int) -> Directory:
        """Read the directory at `at`; raises `EndsEarly`."""
        order, big = layout.order, layout.big
        (count,) = _unpack(data, at, order + ("Q" if big else "H"))
        at += 8 if big else 2
        entry, inline, offset = ("HHQ", 8, "Q") if big else ("HHI", 4, "I")
        size = struct.calcsize(order + entry) + inline
        end = at + count * size + inline
        # At the very end of an EXIF block, the offset of a next directory may be missing.
        if end - inline > len(data) or count > _MAX_ENTRIES:
            raise EndsEarly
        following = _unpack(data, end - inline, order + offset)[0] if end <= len(data) else 0
        entries = {}
        for _ in range(count):
            tag, kind, items = _unpack(data, at, order + entry)
            values = at + size - inline
            length = items * _ITEM_BYTES.get(kind, 0)
            if length > inline:
                (values,) = _unpack(data, values, order + offset)
                end = max(end, values + length)
                if values + length > len(data):
                    raise EndsEarly
            entries[tag] = _Entry(kind=kind, count=items, at=values)
            at += size
        return cls(data=data, order=order, entries=entries, end=end, next=following)

    def numbers(self, tag: int, *, at_most: int = _MAX_NUMBERS) -> tuple[int, ...]:
        """The unsigned whole numbers of an entry; none where it is missing or holds others."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _NUMBERS:
            return ()
        count = min(entry.count, at_most)
        return _unpack(self.data, entry.at, f"{self.order}{count}{_NUMBERS[entry.kind]}")

    def number(self, tag: int, default: int) -> int:
        """The first number of an entry."""
        return next(iter(self.numbers(tag, at_most=1)), default)

    def value(self, tag: int, *, at_most: int) -> tuple[int, int, bytes] | None:
        """The kind, the count and the bytes of an entry.

        None where it is missing, of no kind or of more than `at_most` bytes.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _ITEM_BYTES:
            return None
        length = entry.count * _ITEM_BYTES[entry.kind]
        if length > at_most:
            return None
        return entry.kind, entry.count, bytes(self.data[entry.at : entry.at + length])

    def tells_a_place(self) -> bool:
        """Whether this, a GPS directory, says more than its version."""
        return any(tag != _GPS_VERSION for tag in self.entries)


def _unpack(data: Data, at: int, format: str) -> tuple[int, ...]:
    size = struct.calcsize(format)
    if at + size > len(data):
        raise EndsEarly
    return struct.unpack(format, data[at : at + size])
