"""The boxes that AVIF and HEIC files are made of, and where they say that their items lie.

Pure: importable by every process. Layout after ISO 14496-12, sections 4.2 and 8.11.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

Data = bytes | mmap.mmap


class Box(NamedTuple):
    """A box: its type, where its payload begins, and where it ends."""

    kind: bytes
    start: int
    end: int


class Extent(NamedTuple):
    """A piece of an item in the file."""

    at: int
    """Where its offset is written."""
    width: int
    """Bytes of that offset; 0 where it has none of its own."""
    end: int
    """Where the piece ends in the file."""


def boxes(data: Data, start: int, end: int, steps: Iterator[None] | None = None) -> Iterator[Box]:
    """Go through the boxes between two places; `steps` bounds how many."""
    for _ in steps or repeat(None):
        if start + 8 > end:
            return
        size, kind = number(data, start, 4), bytes(data[start + 4 : start + 8])
        header = 8
        if size == 1:
            size, header = number(data, start + 8, 8), 16
        elif size == 0:
            size = end - start
        yield Box(kind, start + header, start + size)
        start += max(size, header)


def children(data: Data, meta: Box, steps: Iterator[None] | None = None) -> Iterator[Box]:
    """Go through the boxes in a `meta` box, which is a full box."""
    return boxes(data, meta.start + 4, meta.end, steps)


def extents(data: Data, iloc: Box, steps: Iterator[None]) -> Iterator[Extent]:
    """Go through the pieces of all items that lie in the file itself, and not in another item."""
    version = number(data, iloc.start, 1)
    sizes = number(data, iloc.start + 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    id_size = 4 if version == 2 else 2
    items = number(data, iloc.start + 6, id_size)
    at = iloc.start + 6 + id_size
    for _ in range(items):
        next(steps)
        at += id_size
        method = 0
        if version in (1, 2):
            method = number(data, at, 2) & 15
            at += 2
        at += 2
        base = number(data, at, base_size)
        count = number(data, at + base_size, 2)
        at += base_size + 2
        for _ in range(count):
            next(steps)
            at += index_size
            if at + offset_size + length_size > iloc.end:
                return
            offset = base + number(data, at, offset_size)
            length = number(data, at + offset_size, length_size)
            if method == 0:
                yield Extent(at, offset_size, offset + length)
            at += offset_size + length_size
        if at >= iloc.end:
            return


def picture_boxes(data: Data, steps: Iterator[None]) -> dict[bytes, Box]:
    """Return the boxes in the first whole `meta` box by their types; none where there is none."""
    for meta in boxes(data, 0, len(data), steps):
        if meta.kind == b"meta" and meta.end <= len(data):
            return {box.kind: box for box in children(data, meta, steps)}
    return {}


def primary_item(data: Data, pitm: Box) -> int:
    """The number of the item that is the picture."""
    return number(data, pitm.start + 4, 2 if number(data, pitm.start, 1) == 0 else 4)


def item_type(data: Data, steps: Iterator[None]) -> bytes | None:
    """The type of the primary item, such as `hvc1`; None where the file does not say."""
    inside = picture_boxes(data, steps)
    if b"pitm" not in inside or b"iinf" not in inside:
        return None
    primary, iinf = primary_item(data, inside[b"pitm"]), inside[b"iinf"]
    entries = iinf.start + (6 if number(data, iinf.start, 1) == 0 else 8)
    for infe in boxes(data, entries, iinf.end, steps):
        version = number(data, infe.start, 1)
        id_size = 4 if version == 3 else 2
        if version >= 2 and number(data, infe.start + 4, id_size) == primary:
            return bytes(data[infe.start + 6 + id_size : infe.start + 10 + id_size])
    return None


def number(data: Data, at: int, size: int) -> int:
    """Read a whole number; what is not in the file counts as nothing."""
    return int.from_bytes(data[at : at + size], "big")
