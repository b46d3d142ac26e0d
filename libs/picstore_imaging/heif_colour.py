"""What the boxes of an AVIF or a HEIC say of its picture's colours, beside a profile.

Pure: importable by every process. Layout after ISO 14496-12, 12.1.5, and ISO 23008-12, 9.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from picstore_imaging.bmff import Box, Data, boxes, children, number, picture_boxes, primary_item
from picstore_imaging.colour_signal import ColourSignal, of_code_points

_MAX_PROPERTIES: Final = 0x7FFF
"""To which an item can point."""
_MAX_DEPTH: Final = 3
"""Of pictures made of pictures: a part of a grid may be a turned one, but that is all."""


def signal(data: Data, steps: Iterator[None]) -> ColourSignal | None:
    """Read what the primary item says in numbers; None where it has a profile, or is sRGB.

    A grid that says nothing is as its first tile is. `steps` bounds how much is read.
    """
    inside = picture_boxes(data, steps)
    if not inside.keys() >= {b"pitm", b"iprp"}:
        return None
    iprp = list(islice(boxes(data, inside[b"iprp"].start, inside[b"iprp"].end, steps), 16))
    ipco = next((box for box in iprp if box.kind == b"ipco"), None)
    if ipco is None:
        return None
    properties = list(islice(boxes(data, ipco.start, ipco.end, steps), _MAX_PROPERTIES))
    item: int | None = primary_item(data, inside[b"pitm"])
    for _ in range(_MAX_DEPTH):
        if item is None:
            return None
        indexes = [
            index
            for ipma in iprp
            if ipma.kind == b"ipma"
            for index in _associated(data, ipma, item, steps)
        ]
        found = [properties[i - 1] for i in indexes if 0 < i <= len(properties)]
        colours = [box for box in found if box.kind == b"colr"]
        if colours:
            return _read(data, colours)
        item = _first_part(data, inside.get(b"iref"), item, steps)
    return None


def _read(data: Data, colours: list[Box]) -> ColourSignal | None:
    kinds = {bytes(data[box.start : box.start + 4]): box for box in colours}
    nclx = kinds.get(b"nclx")
    if nclx is None or kinds.keys() & {b"prof", b"rICC"}:
        return None
    found = of_code_points(number(data, nclx.start + 4, 2), number(data, nclx.start + 6, 2))
    return None if found is None or found.is_srgb else found


def _associated(data: Data, ipma: Box, item: int, steps: Iterator[None]) -> list[int]:
    """Say which properties, counted from 1, a box gives to an item."""
    id_size = 2 if number(data, ipma.start, 1) == 0 else 4
    index_size = 2 if number(data, ipma.start + 3, 1) & 1 else 1
    essential = 0x80 << 8 * (index_size - 1)
    at = ipma.start + 8
    for _ in range(number(data, ipma.start + 4, 4)):
        next(steps)
        if at + id_size + 1 > ipma.end:
            break
        count = number(data, at + id_size, 1)
        first = at + id_size + 1
        if number(data, at, id_size) == item:
            places = range(first, first + count * index_size, index_size)
            return [number(data, place, index_size) & ~essential for place in places]
        at = first + count * index_size
    return []


def _first_part(data: Data, iref: Box | None, item: int, steps: Iterator[None]) -> int | None:
    """Say which item a derived one is made of first; None where it is no derived one."""
    if iref is None:
        return None
    id_size = 2 if number(data, iref.start, 1) == 0 else 4
    for reference in children(data, iref, steps):
        if reference.kind == b"dimg" and number(data, reference.start, id_size) == item:
            if number(data, reference.start + id_size, 2) == 0:
                return None
            return number(data, reference.start + id_size + 2, id_size)
    return None
