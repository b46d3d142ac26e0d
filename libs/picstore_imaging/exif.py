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
from picstore_imaging.tiff import Data, Directory, EndsEarly, Layout

_PREFIX: Final = b"Exif\0\0"
_ARTIST: Final = 0x013B
_COPYRIGHT: Final = 0x8298
_EXIF: Final = 0x8769
_GPS: Final = 0x8825
_LONG: Final = 4
_INLINE: Final = 4
_LAST_KIND: Final = 12

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
_OF_A_SHOT: Final = frozenset(
    {
        *(0x829A, 0x829D, 0x8822, 0x8824, 0x8827, 0x8828),  # exposure, aperture, sensitivity
        *range(0x882A, 0x8836),  # time zone, self-timer, sensitivity
        *(0x9000, 0x9003, 0x9004),
        *range(0x9010, 0x9013),  # version, times, offsets
        *range(0x9101, 0x9103),  # components
        *range(0x9201, 0x9212),  # how it was taken, from the shutter speed on
        0x9286,  # UserComment
        *range(0x9290, 0x9293),  # fractions of seconds
        *range(0x9400, 0x9406),  # temperature, humidity, pressure, depth, acceleration, elevation
        *(0xA000, 0xA001),
        *(0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217),  # of the sensor
        *(0xA300, 0xA301, 0xA302),
        *range(0xA401, 0xA40D),  # how it was developed, scene, distance
        *(0xA420, *range(0xA430, 0xA440)),  # names: of the picture, of owners, of camera and lens
        *(0xA460, 0xA461, 0xA462, 0xA500),  # of composites, gamma
    }
)
"""What Exif 3.0 knows, but other directories, notes of a maker, and what counts the pixels of the
source. Any other entry may be a whole packet of XMP, or a place on a map."""
_OF_A_PLACE: Final = frozenset(range(0x20))

_MAX_VALUE: Final = 16 * 1024
MAX_BYTES: Final = 60_000
"""Of a new block: a JPEG's segment ends at 64 KiB."""

_Values = Mapping[int, tuple[int, int, bytes]]


def rewritten(block: bytes, policy: MetadataPolicy, *, keep_gps: bool) -> bytes | None:
    """Return a new block, as a JPEG carries it, of what the policy keeps; None for nothing."""
    tiff = tiff_of(block)
    if tiff is None or policy is MetadataPolicy.STRIP:
        return None
    return _kept(tiff, policy, keep_gps=keep_gps)


def of_tiff(file: Data) -> bytes:
    """Return what a TIFF, or BigTIFF, says in its own directories as a block, as a JPEG carries it.

    There is no more in it than what some policy keeps; it is empty where that is nothing.
    """
    return _kept(file, MetadataPolicy.KEEP_ALL, keep_gps=True) or b""


def _kept(tiff: Data, policy: MetadataPolicy, *, keep_gps: bool) -> bytes | None:
    try:
        layout = Layout.of(tiff)
        first = Directory.read(tiff, layout, layout.first)
    except EndsEarly:
        return None
    if policy is MetadataPolicy.KEEP_COPYRIGHT:
        return _block(layout.order, _some(first, _OWNERS), {})
    children = {_EXIF: _some(_child(tiff, layout, first, _EXIF), _OF_A_SHOT)}
    if keep_gps:
        children[_GPS] = _some(_child(tiff, layout, first, _GPS), _OF_A_PLACE)
    return _block(layout.order, _some(first, _DESCRIPTIONS), children)


def _child(tiff: Data, layout: Layout, parent: Directory, tag: int) -> Directory | None:
    at = parent.number(tag, 0)
    if at <= 0:
        return None
    try:
        return Directory.read(tiff, layout, at)
    except EndsEarly:
        return None


def _some(directory: Directory | None, tags: frozenset[int]) -> _Values:
    """Take the entries of these tags, but for those too long and of kinds that only BigTIFF has."""
    if directory is None:
        return {}
    values = {tag: directory.value(tag, at_most=_MAX_VALUE) for tag in tags}
    return {tag: value for tag, value in values.items() if value and value[0] <= _LAST_KIND}


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
