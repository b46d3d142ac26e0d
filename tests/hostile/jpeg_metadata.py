"""JPEG: indexes of further pictures, gain maps and metadata that lie, over sound pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache, partial
from typing import Final

from picstore_imaging import mpf, ultra_hdr
from picstore_imaging.blocks import XMP_MARK
from picstore_imaging.formats import SourceFormat
from picstore_imaging.ultra_hdr import Gain
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.jpeg import segment
from tests.hostile.whole import whole

_APP1, _APP2, _APP13 = 0xE1, 0xE2, 0xED
_GAIN: Final = Gain(
    min_boost=(1.0,),
    max_boost=(4.0,),
    gamma=(1.0,),
    offset_sdr=(0.015625,),
    offset_hdr=(0.015625,),
    capacity_min=1.0,
    capacity_max=4.0,
)
_ISO_MARK: Final = b"urn:iso:std:iso:ts:21496:-1\0"


def _with(*segments: bytes) -> bytes:
    return whole("jpeg")[:2] + b"".join(segments) + whole("jpeg")[2:]


def _index(*fields: tuple[int, int, int, int], at: int = 8, after: bytes = b"") -> bytes:
    entries = b"".join(struct.pack(">HHII", *field) for field in fields)
    head = b"MM\0*" + struct.pack(">IH", at, len(fields))
    return _with(segment(_APP2, mpf.MARK + head + entries + bytes(4) + after))


@cache
def _bright(second: str = "jpeg") -> bytes:
    """A sound picture with a gain map."""
    return ultra_hdr.joined(whole("jpeg"), whole(second), _GAIN, channels=3)


def _values(name: bytes, value: bytes) -> bytes:
    """Write another value of the gain map into its XMP."""
    return re.sub(
        rb'hdrgm:%b="[^"]*"' % name, lambda _: b'hdrgm:%b="%b"' % (name, value), _bright()
    )


def _iso(at: int, value: bytes) -> bytes:
    """Overwrite bytes of what ISO 21496-1 has of the gain map."""
    data = bytearray(_bright())
    start = data.rindex(_ISO_MARK) + len(_ISO_MARK) + at
    data[start : start + len(value)] = value
    return bytes(data)


def _second(data: bytes) -> bytes:
    """Put something else in the place of the second picture."""
    first = _bright()
    return first[: first.rindex(b"\xff\xd8\xff")] + data


def _exif(*fields: tuple[int, int, int, int], following: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", *field) for field in fields)
    directory = struct.pack("<H", len(fields)) + entries + struct.pack("<I", following)
    return _with(segment(_APP1, b"Exif\0\0II*\0\x08\0\0\0" + directory + bytes(64)))


def _profile(number: int, count: int, data: bytes = bytes(200)) -> bytes:
    return segment(_APP2, b"ICC_PROFILE\0" + bytes([number, count]) + data)


def _resource(kind: int, length: int, data: bytes, *, name: bytes = b"\0\0") -> bytes:
    block = b"8BIM" + struct.pack(">H", kind) + name + struct.pack(">I", length) + data
    return _with(segment(_APP13, b"Photoshop 3.0\0" + block))


def _indexes() -> Iterator[tuple[str, Make]]:
    count, entries = 0xB001, 0xB002
    itself = struct.pack(">IIIHH", 0, 2**32 - 1, 0, 0, 0) * 2
    yield (
        "an index of itself",
        partial(_index, (count, 4, 1, 2), (entries, 7, 32, 38), after=itself),
    )
    yield "an index at its own beginning", partial(_index, (entries, 7, 32, 0), at=0)
    yield "an index beyond the file", partial(_index, (entries, 7, 32, 0), at=2**32 - 1)
    yield "an index of 2^28 pictures", partial(_index, (entries, 7, 2**32 - 1, 8))
    yield "entries beyond the file", partial(_index, (entries, 7, 64, 2**32 - 1))
    yield "an index of no entries", partial(_index, (entries, 7, 0, 8))
    yield "an index of another kind", partial(_index, (entries, 99, 32, 8), (count, 0, 0, 0))
    yield "an index of 4,000 fields", partial(_index, *[(entries, 7, 32, 8)] * 4_000)
    yield "an index cut short", lambda: _with(segment(_APP2, mpf.MARK + b"MM\0*"))
    yield "1,000 indexes", lambda: _with(*[segment(_APP2, mpf.MARK + b"II*\0\x08\0\0\0")] * 1_000)


def _gain_maps() -> Iterator[tuple[str, Make]]:
    names = (b"GainMapMin", b"GainMapMax", b"Gamma", b"OffsetSDR", b"HDRCapacityMax")
    for name in names:
        for value in (b"nan", b"-1e38", b"1e39", b"0", b"", b"9" * 5_000, b"0x1p1023"):
            short = value[:9].decode() or "nothing"
            yield f"a gain map whose {name.decode()} is {short}", partial(_values, name, value)
    for at in (5, 9, 13, 17, 21, 25):
        for value in (bytes(4), b"\x80\0\0\0", b"\xff\xff\xff\xff"):
            yield f"a gain map of {value.hex()} at {at}", partial(_iso, at, value)
    yield "a gain map of a newer version", partial(_iso, 0, b"\xff\xff\xff\xff")
    yield "a gain map of all flags", partial(_iso, 4, b"\xff")
    for length in (b"0", b"-1", b"4294967296", b"1" * 300, b"99"):
        yield (
            f"a gain map that says {length[:10].decode()} bytes",
            partial(
                lambda length: re.sub(rb'Length="\d+"', b'Length="%b"' % length, _bright()), length
            ),
        )
    yield "a gain map that is a PNG", lambda: _second(whole("png"))
    yield "a gain map that is not there", lambda: _second(b"")
    yield "a gain map cut short", lambda: _bright()[:-400]
    yield "a gain map that is itself", lambda: _second(_bright())
    yield "a progressive gain map", partial(_bright, "progressive jpeg")
    yield (
        "a gain map of gain maps",
        lambda: ultra_hdr.joined(_bright(), _bright(), _GAIN, channels=1),
    )
    huge = b"\xff\xd8" + segment(0xC0, b"\x08\xff\xdc\xff\xdc\3\1\x11\0\2\x11\0\3\x11\0")
    yield "a gain map of all pixels that there are", lambda: _second(huge + whole("jpeg")[2:])
    yield "a gain map of no pixels", lambda: _second(b"\xff\xd8\xff\xd9")


def _blocks() -> Iterator[tuple[str, Make]]:
    for value in (0, 9, 255, 65_535):
        yield f"orientation {value}", partial(_exif, (0x0112, 3, 1, value))
    yield "an orientation of no kind", partial(_exif, (0x0112, 99, 1, 6))
    yield "an orientation that is far away", partial(_exif, (0x0112, 3, 9, 2**32 - 1))
    yield "2^32 orientations", partial(_exif, (0x0112, 3, 2**32 - 1, 6))
    yield "directories in a circle", partial(_exif, (0x0112, 3, 1, 6), following=8)
    yield "a directory below itself", partial(_exif, (0x8769, 4, 1, 8), (0x8825, 4, 1, 8))
    yield (
        "a thumbnail beyond its block",
        partial(_exif, (0x0201, 4, 1, 2**31), (0x0202, 4, 1, 2**31)),
    )
    yield (
        "1,000 entries of all the block",
        partial(_exif, *[(0x010E, 2, 12_000, 8) for _ in range(1_000)]),
    )
    yield "a profile of part 0 of 0", lambda: _with(_profile(0, 0))
    yield "a profile of part 9 of 1", lambda: _with(_profile(9, 1))
    yield "a profile of one part many times", lambda: _with(*[_profile(1, 255)] * 255)
    yield "a profile whose size lies", lambda: _with(_profile(1, 1, b"\xff" * 4 + bytes(200)))
    tags = struct.pack(">I4sII", 2**32 - 1, b"desc", 2**32 - 1, 2**32 - 1)
    text = bytes(12) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(88) + tags
    yield "a profile of 2^32 tags", lambda: _with(_profile(1, 1, text))
    for mark in (b"", b"\0", b"<", b"<?xpacket" * 900, b"<x:xmpmeta" + b" a='b'" * 5_000):
        yield (
            f"XMP that begins with {mark[:2]!r} and has {len(mark)} bytes",
            partial(lambda mark: _with(segment(_APP1, XMP_MARK + mark)), mark),
        )
    deep = b"<a>" * 10_000 + b"</a>" * 9_000
    yield "XMP in XMP", lambda: _with(segment(_APP1, XMP_MARK + deep[:60_000]))
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + b"\xff" * 8
    yield "XMP that goes on elsewhere", lambda: _with(segment(_APP1, extended))
    yield "resources that lie", partial(_resource, 0x0404, 2**32 - 1, b"\x1c\2\x74\xff\xff")
    yield "a resource of no length", partial(_resource, 0x0404, 0, b"")
    yield "a resource with a long name", partial(_resource, 0x0404, 9, b"", name=b"\xffname")
    yield "records that lie", partial(_resource, 0x0404, 5, b"\x1c\2\x74\x80\4")


def cases() -> Iterator[Case]:
    """Every JPEG whose metadata lie."""
    for group in (_indexes, _gain_maps, _blocks):
        for name, make in group():
            yield either(f"jpeg with {name}", SourceFormat.JPEG, make, *_WRONG)


_WRONG: Final = (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED, Reason.LIMIT_METADATA)
