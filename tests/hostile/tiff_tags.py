"""TIFF: every tag that some decoder believes, with a value that nobody has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.tiff import Tags, directory, tiff

_SHORT, _LONG = 3, 4
_TAGS: Final = {
    "a kind of page": 254,
    "a width": 256,
    "a height": 257,
    "bits": 258,
    "a compression": 259,
    "colours": 262,
    "a threshold": 263,
    "an order of bits": 266,
    "a strip": 273,
    "an orientation": 274,
    "samples": 277,
    "rows in a strip": 278,
    "bytes of a strip": 279,
    "a lowest value": 280,
    "a highest value": 281,
    "planes": 284,
    "options of fax": 292,
    "a unit": 296,
    "a predictor": 317,
    "a palette": 320,
    "a width of tiles": 322,
    "a height of tiles": 323,
    "tiles": 324,
    "bytes of tiles": 325,
    "directories below": 330,
    "inks": 332,
    "further samples": 338,
    "a format of samples": 339,
    "tables of JPEG": 347,
    "an old JPEG": 513,
    "subsampling": 530,
    "a place of colour": 531,
    "black and white": 532,
    "copyright": 33_432,
    "IPTC": 33_723,
    "resources": 34_377,
    "EXIF": 34_665,
    "a profile": 34_675,
    "GPS": 34_853,
}
_VALUES: Final = ((_SHORT, 0), (_SHORT, 65_535), (_LONG, 2**31), (_LONG, 2**32 - 1))
_PIXELS: Final = bytes(16 * 16 * 16)


def _square(*, bits: int = 8, samples: int = 1) -> bytes:
    return tiff(16, 16, pixels=_PIXELS, bits=bits, samples=samples)


def _with(more: Tags, **form: int) -> bytes:
    return tiff(16, 16, pixels=_PIXELS, more=more, **form)


def _counted(tag: int, count: int, kind: int) -> bytes:
    """Say that one tag has so many values."""
    data = bytearray(_with({tag: (kind, 8)}))
    at = data.index(struct.pack("<HH", tag, kind), 8)
    data[at + 4 : at + 8] = struct.pack("<I", count)
    return bytes(data)


def _pages(*following: int) -> bytes:
    """Directories at 8, 1,024, 2,048 and so on, each of which names where it goes on."""
    page: Tags = {256: (_LONG, 1), 257: (_LONG, 1), 273: (_LONG, 8), 279: (_LONG, 1)}
    data = b"II*\0\x08\0\0\0"
    for number, after in enumerate(following, 1):
        data = (data + directory(page, following=after)).ljust(1_024 * number, b"\0")
    return data


def _tags() -> Iterator[tuple[str, Make]]:
    for name, tag in _TAGS.items():
        for kind, value in _VALUES:
            yield f"{name} of {value}", partial(_with, {tag: (kind, value)})
    for name, tag in (("palette", 320), ("text", 270), ("profile", 34_675), ("strips", 273)):
        for kind in (0, 2, 5, 12, 99):
            yield f"2^32 values of kind {kind}, {name}", partial(_counted, tag, 2**32 - 1, kind)


def _forms() -> Iterator[tuple[str, Make]]:
    for bits in (1, 2, 3, 4, 5, 7, 12, 14, 16, 24, 31, 32):
        for samples in (1, 3, 4):
            yield f"{samples} of {bits} bits", partial(_square, bits=bits, samples=samples)
    for predictor in (2, 3):
        for bits in (1, 8, 12, 16, 32):
            yield (
                f"{bits} bits and predictor {predictor}",
                partial(_with, {317: (_SHORT, predictor), 259: (_SHORT, 5)}, bits=bits),
            )
    for colours in (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32_803, 32_844, 32_845):
        for compression in (1, 5, 7):
            yield (
                f"colours {colours} by way {compression}",
                partial(_with, {262: (_SHORT, colours), 259: (_SHORT, compression)}, samples=3),
            )
    for subsampling in (0x0000_0000, 0x0004_0004, 0x00FF_0001, 0x0003_0003):
        yield (
            f"subsampling {subsampling:08x}",
            partial(_with, {262: (_SHORT, 6), 530: (_SHORT, subsampling)}, samples=3),
        )
    for compression in (2, 3, 4, 6, 32_773, 32_946):
        yield (
            f"zeros by way {compression}",
            partial(_with, {259: (_SHORT, compression), 292: (_LONG, 7)}, bits=1),
        )


def _directories() -> Iterator[tuple[str, Make]]:
    yield "two pages in a circle", partial(_pages, 1_024, 8)
    yield "three pages in a circle", partial(_pages, 1_024, 2_048, 1_024)
    yield "a page in the middle of another", partial(_pages, 20)
    yield "a page at an odd place", partial(_pages, 1_025)
    yield "a page beyond the file", partial(_pages, 2**32 - 1)
    yield "65,535 entries of zeros", lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(65_535 * 12 + 4)
    entries = struct.pack("<HHII", 330, 4, 1, 8) * 65_535
    yield "65,535 directories below itself", lambda: b"II*\0\x08\0\0\0\xff\xff" + entries + bytes(4)
    yield "2^64 entries", lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**64 - 1) + bytes(99)
    yield "offsets of 16 bytes", lambda: b"II+\0\x10\0\0\0" + struct.pack("<Q", 16) + bytes(99)
    yield "a directory in its header", lambda: b"II*\0\4\0\0\0" + bytes(200)
    yield "an empty directory", lambda: b"II*\0\x08\0\0\0" + bytes(200)
    yield "the other order of bytes", lambda: b"MM\0*" + _square()[4:]
    backwards = directory({256: (_LONG, 16), 257: (_LONG, 16), 273: (_LONG, 8), 279: (_LONG, 9)})
    swapped = backwards[:2] + backwards[14:26] + backwards[2:14] + backwards[26:]
    yield "tags out of order", lambda: b"II*\0\x08\0\0\0" + swapped + bytes(300)
    twice = struct.pack("<H", 40) + struct.pack("<HHII", 256, 4, 1, 16) * 40 + bytes(4)
    yield "one tag many times", lambda: b"II*\0\x08\0\0\0" + twice + bytes(300)


def cases() -> Iterator[Case]:
    """Every TIFF of a wrong tag."""
    for group in (_tags, _forms, _directories):
        for name, make in group():
            yield either(f"tiff with {name}", SourceFormat.TIFF, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_FORMAT_UNSUPPORTED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
    Reason.LIMIT_METADATA,
)
