"""What an output may keep of an EXIF block: copied entry by entry into a new one.

Nothing is believed of the block, for it is the sender's: what cannot be read is not kept. The
orientation is in no new block, since pixels are upright by then; nor are thumbnails, which show
what was cropped, nor a maker's notes, in which anything may be. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from picstore_imaging.gps import tiff_of
from picstore_imaging.rules import MetadataPolicy
from picstore_imaging.tiff import Directory, EndsEarly, Layout

_PREFIX: Final = b"Exif\0\0"
_ARTIST: Final = 0x013B
_COPYRIGHT: Final = 0x8298
_EXIF: Final = 0x8769
_GPS: Final = 0x8825
_LONG: Final = 4
_INLINE: Final = 4

_OWNERS: Final = frozenset({_ARTIST, _COPYRIGHT})
_DESCRIPTIONS: Final = _OWNERS | {
    0x010E,  # ImageDescription
    0x010F,  # Make
    0x0110,  # Model
    0x0131,  # Software
    0x0132,  # DateTime
    0x013C,  # HostComputer
    0x4746,  # Rating
    *range(0x9C9B, 0x9CA0),  # XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject
}
_NOT_OF_A_SHOT: Final = frozenset(
    {
        0x014A,  # SubIFDs
        _EXIF,
        _GPS,
        0x927C,  # MakerNote
        0xA002,  # PixelXDimension
        0xA003,  # PixelYDimension
        0xA005,  # the directory of interoperability
    }
)

_MAX_VALUE: Final = 16 * 1024
MAX_BYTES: Final = 60_000
"""Of a new block: a JPEG's segment ends at 64 KiB."""

_Values = Mapping[int, tuple[int, int, bytes]]


def rewritten(block: bytes, policy: MetadataPolicy, *, keep_gps: bool) -> bytes | None:
    """Return a new block, as a JPEG carries it, of what the policy keeps; None for nothing."""
    tiff = tiff_of(block)
    if tiff is None or policy is MetadataPolicy.STRIP:
        return None
    try:
        layout = Layout.of(tiff)
        first = Directory.read(tiff, layout, layout.first)
    except EndsEarly:
        return None
    if policy is MetadataPolicy.KEEP_COPYRIGHT:
        return _block(layout.order, _some(first, _OWNERS), {})
    children = {_EXIF: _all(_child(tiff, layout, first, _EXIF), but=_NOT_OF_A_SHOT)}
    if keep_gps:
        children[_GPS] = _all(_child(tiff, layout, first, _GPS), but=frozenset())
    return _block(layout.order, _some(first, _DESCRIPTIONS), children)


def _child(tiff: bytes, layout: Layout, parent: Directory, tag: int) -> Directory | None:
    at = parent.number(tag, 0)
    if at <= 0:
        return None
    try:
        return Directory.read(tiff, layout, at)
    except EndsEarly:
        return None


def _some(directory: Directory, tags: frozenset[int]) -> _Values:
    values = {tag: directory.value(tag) for tag in tags}
    return {tag: value for tag, value in values.items() if value and len(value[2]) <= _MAX_VALUE}


def _all(directory: Directory | None, *, but: frozenset[int]) -> _Values:
    return {} if directory is None else _some(directory, frozenset(directory.entries) - but)


def _block(order: str, first: _Values, children: Mapping[int, _Values]) -> bytes | None:
    """Write the first directory, then those that it points at."""
    children = {tag: values for tag, values in children.items() if values}
    if not first and not children:
        return None
    pointers = {tag: (_LONG, 1, bytes(_INLINE)) for tag in children}
    at = _HEADER_BYTES + len(_directory(order, {**first, **pointers}, 0))
    bodies = []
    for tag, values in children.items():
        pointers[tag] = (_LONG, 1, struct.pack(order + "I", at))
        bodies.append(_directory(order, values, at))
        at += len(bodies[-1])
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, _HEADER_BYTES)
    block = _PREFIX + head + _directory(order, {**first, **pointers}, _HEADER_BYTES)
    block += b"".join(bodies)
    return block if len(block) <= MAX_BYTES else None


_HEADER_BYTES: Final = 8


def _directory(order: str, values: _Values, at: int) -> bytes:
    """Write one directory that begins at `at`, its longer values behind it."""
    behind = at + 2 + 12 * len(values) + 4
    entries, data = b"", b""
    for tag, (kind, count, value) in sorted(values.items()):
        if len(value) <= _INLINE:
            place = value.ljust(_INLINE, b"\0")
        else:
            place = struct.pack(order + "I", behind + len(data))
            data += value + b"\0" * (len(value) % 2)
        entries += struct.pack(order + "HHI", tag, kind, count) + place
    return struct.pack(order + "H", len(values)) + entries + bytes(4) + data
