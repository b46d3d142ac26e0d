"""TIFF: directories in circles, strips and tiles that are not there, and all that inflates."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, harmless, refused
from tests.hostile.png import zeros

_SHORT, _LONG, _BYTES = 3, 4, 7
_MIB: Final = 1024 * 1024
_DEFLATE: Final = 8
_DATA_AT: Final = 1024
"""Where pixels begin: behind the directory of every file here."""

Tags = dict[int, tuple[int, int]]
"""By tag: the type of its one value, and the value."""


def directory(tags: Tags, *, following: int = 0, counts: dict[int, int] | None = None) -> bytes:
    """Return a directory; `counts` say that a tag has more values than its one."""
    entries = [
        struct.pack("<HHII", tag, kind, (counts or {}).get(tag, 1), value)
        for tag, (kind, value) in sorted(tags.items())
    ]
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


def _described(width: int, height: int, *, bits: int = 8, samples: int = 1) -> Tags:
    return {
        256: (_LONG, width),
        257: (_LONG, height),
        258: (_SHORT, bits),
        259: (_SHORT, 1),
        262: (_SHORT, 1 if samples < 3 else 2),
        277: (_SHORT, samples),
    }


def tiff(width: int, height: int, *, pixels: bytes, more: Tags | None = None, **form: int) -> bytes:
    """Return a picture in one strip; `more` are further tags, or other values of those."""
    tags = _described(width, height, **form) | {
        273: (_LONG, _DATA_AT),
        278: (_LONG, height),
        279: (_LONG, len(pixels)),
    }
    return _file(directory(tags | (more or {}))) + pixels


def _file(*directories: bytes) -> bytes:
    return (b"II*\0\x08\0\0\0" + b"".join(directories)).ljust(_DATA_AT, b"\0")


def _tiled(width: int, height: int, across: int, down: int, *, tiles: int = 1) -> bytes:
    tags = _described(width, height) | {
        322: (_LONG, across),
        323: (_LONG, down),
        324: (_LONG, _DATA_AT),
        325: (_LONG, 16),
    }
    data = bytes(4 * tiles + 64)
    return _file(directory(tags, counts={324: tiles, 325: tiles} if tiles > 1 else None)) + data


def _pages(count: int) -> bytes:
    page = _described(1, 1) | {273: (_LONG, 8), 278: (_LONG, 1), 279: (_LONG, 1)}
    size = len(directory(page))
    chain = [
        directory(page, following=8 + size * (number + 1) if number < count - 1 else 0)
        for number in range(count)
    ]
    return b"II*\0\x08\0\0\0" + b"".join(chain)


def _circle(tag: int) -> bytes:
    """Point at the first directory from within itself."""
    return tiff(16, 16, pixels=bytes(256), more={tag: (_LONG, 8)})


def _blob(tag: int, length: int) -> bytes:
    tags = _described(16, 16) | {
        273: (_LONG, _DATA_AT),
        278: (_LONG, 16),
        279: (_LONG, 256),
        tag: (_BYTES, _DATA_AT),
    }
    return _file(directory(tags, counts={tag: length})) + bytes(length + 256)


def _bombs() -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    dot, broken = bytes(1), (Reason.IMAGE_CORRUPT, Reason.IMAGE_TRUNCATED)
    yield "side", partial(tiff, 65_535, 16, pixels=dot), (Reason.LIMIT_SIDE,)
    for width, height in ((0, 0), (0, 64), (64, 0)):
        yield f"{width} by {height}", partial(tiff, width, height, pixels=dot), broken
    yield (
        "longest side",
        partial(tiff, 2**32 - 1, 2**32 - 1, pixels=dot),
        (
            Reason.LIMIT_SIDE,
            Reason.IMAGE_CORRUPT,
        ),
    )
    yield "pixels", partial(tiff, 19_999, 19_999, pixels=dot), (Reason.LIMIT_PIXELS,)
    yield (
        "deflated pixels",
        lambda: tiff(8_000, 8_000, pixels=zeros(64_000_000), more={259: (_SHORT, _DEFLATE)}),
        (Reason.LIMIT_PIXELS,),
    )
    yield "one page too many", partial(_pages, 301), (Reason.LIMIT_FRAMES,)
    yield "pages", partial(_pages, 50_000), (Reason.LIMIT_FRAMES,)
    yield "profile", partial(_blob, 34_675, 5 * _MIB), (Reason.LIMIT_METADATA,)
    yield "xmp", partial(_blob, 700, 2 * _MIB), (Reason.LIMIT_METADATA,)
    yield (
        "a page that follows itself",
        lambda: b"II*\0\x08\0\0\0" + directory(_described(1, 1), following=8),
        (Reason.IMAGE_CORRUPT,),
    )
    yield "no directory", lambda: b"II*\0\0\0\0\0" + bytes(64), (Reason.IMAGE_CORRUPT,)
    yield (
        "a compression that nobody reads",
        partial(tiff, 16, 16, pixels=bytes(256), more={259: (_SHORT, 34_712)}),
        (Reason.IMAGE_FORMAT_UNSUPPORTED,),
    )
    yield (
        "samples of 64 bits",
        partial(tiff, 16, 16, pixels=bytes(2_048), bits=64),
        (Reason.IMAGE_FORMAT_UNSUPPORTED,),
    )
    yield (
        "a strip beyond the file",
        partial(tiff, 16, 16, pixels=bytes(256), more={273: (_LONG, 2**32 - 1)}),
        (Reason.IMAGE_TRUNCATED,),
    )
    yield (
        "more entries than the file has",
        lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(64),
        (Reason.IMAGE_TRUNCATED,),
    )
    yield (
        "an offset of 64 bits",
        lambda: b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(64),
        (Reason.IMAGE_TRUNCATED,),
    )
    yield "no columns", partial(tiff, 0, 16, pixels=dot), (Reason.IMAGE_CORRUPT,)
    yield "no lines", partial(tiff, 16, 0, pixels=dot), (Reason.IMAGE_CORRUPT,)


def _puzzles() -> Iterator[tuple[str, Make]]:
    yield "a tile larger than all", partial(_tiled, 16, 16, 65_536, 65_536)
    yield "tiles of one pixel", partial(_tiled, 4_000, 4_000, 16, 16, tiles=62_500)
    yield "tiles of no size", partial(_tiled, 16, 16, 0, 0)
    yield "tiles of an odd size", partial(_tiled, 16, 16, 7, 3)
    yield "an EXIF directory that is its own", partial(_circle, 34_665)
    yield "a GPS directory that is its own", partial(_circle, 34_853)
    yield "a directory below itself", partial(_circle, 330)
    yield (
        "a strip that inflates to 300 MiB",
        lambda: tiff(64, 64, pixels=zeros(300 * _MIB), more={259: (_SHORT, _DEFLATE)}),
    )
    yield (
        "a strip that is not deflated",
        partial(tiff, 64, 64, pixels=bytes(4_096), more={259: (_SHORT, _DEFLATE)}),
    )
    yield (
        "a strip in a strip",
        lambda: tiff(64, 64, pixels=zlib.compress(zeros(4_096)), more={259: (_SHORT, _DEFLATE)}),
    )
    yield (
        "codes that refer to nothing",
        partial(tiff, 64, 64, pixels=b"\xff" * 512, more={259: (_SHORT, 5)}),
    )
    yield (
        "fax that is none",
        partial(tiff, 64, 64, pixels=b"\x5a" * 512, bits=1, more={259: (_SHORT, 4)}),
    )
    yield (
        "a JPEG that is none",
        partial(tiff, 64, 64, pixels=b"\xff\xd8" + bytes(512), more={259: (_SHORT, 7)}),
    )
    yield (
        "runs beyond its strip",
        partial(tiff, 64, 64, pixels=b"\x81\xff" * 512, more={259: (_SHORT, 32_773)}),
    )
    yield "pixels that are not there", partial(tiff, 5_000, 5_000, pixels=bytes(256))
    yield "65,535 samples", partial(tiff, 16, 16, pixels=bytes(256), samples=65_535)
    yield "samples of no bits", partial(tiff, 16, 16, pixels=bytes(256), bits=0)
    yield "samples of 17 bits", partial(tiff, 16, 16, pixels=bytes(1_024), bits=17)
    yield (
        "a palette that is missing",
        partial(tiff, 16, 16, pixels=bytes(256), more={262: (_SHORT, 3)}),
    )
    yield "colours of no kind", partial(tiff, 16, 16, pixels=bytes(256), more={262: (_SHORT, 999)})
    yield "CMYK of one sample", partial(tiff, 16, 16, pixels=bytes(256), more={262: (_SHORT, 5)})
    yield (
        "luminance of no number",
        partial(tiff, 16, 16, pixels=b"\0\0\xc0\x7f" * 256, bits=32, more={339: (_SHORT, 3)}),
    )
    yield "strips of no lines", partial(tiff, 16, 16, pixels=bytes(256), more={278: (_LONG, 0)})
    yield (
        "a turn that there is not",
        partial(tiff, 16, 16, pixels=bytes(256), more={274: (_SHORT, 99)}),
    )
    yield "a profile of zeros", partial(_blob, 34_675, 600)


def cases() -> Iterator[Case]:
    """Every TIFF."""
    for name, make, reasons in _bombs():
        yield refused(f"tiff bomb: {name}", SourceFormat.TIFF, make, *reasons)
    for name, make in _puzzles():
        yield either(f"tiff with {name}", SourceFormat.TIFF, make, *_PUZZLING)
    yield harmless(
        "tiff of all pixels that are allowed",
        SourceFormat.TIFF,
        lambda: tiff(7_000, 7_000, pixels=zeros(49_000_000), more={259: (_SHORT, _DEFLATE)}),
    )


_PUZZLING: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_FORMAT_UNSUPPORTED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_METADATA,
)
