"""AVIF and HEIC: items that are made of themselves, grids without end, and boxes that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either, harmless, refused
from tests.hostile.whole import whole
from tests.pictures import drawing, heic, photo

_TILE: Final = 64
_MIB: Final = 1024 * 1024
_FORMATS: Final = (SourceFormat.AVIF, SourceFormat.HEIC)
_CONFIGURATION: Final = {SourceFormat.AVIF: b"av1C", SourceFormat.HEIC: b"hvcC"}
_ITEM: Final = {SourceFormat.AVIF: b"av01", SourceFormat.HEIC: b"hvc1"}
_BRAND: Final = {SourceFormat.AVIF: b"avif", SourceFormat.HEIC: b"heic"}


def box(kind: bytes, *payload: bytes) -> bytes:
    """Return a box with its length."""
    data = b"".join(payload)
    return struct.pack(">I4s", 8 + len(data), kind) + data


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item: its type, its bytes, and its properties by their number in the list."""

    kind: bytes
    data: bytes = b""
    properties: tuple[int, ...] = ()


def heif(
    format: SourceFormat,
    items: Mapping[int, Item],
    properties: Sequence[bytes],
    references: Sequence[bytes] = (),
) -> bytes:
    """Return a file whose primary item is 1; equal bytes of several items are there once."""
    ftyp = box(b"ftyp", _BRAND[format], bytes(4), b"mif1", _BRAND[format])
    names = [
        box(b"infe", b"\2\0\0\0", struct.pack(">HH4sx", number, 0, item.kind))
        for number, item in items.items()
    ]
    uses = [
        struct.pack(">HB", number, len(item.properties)) + bytes(item.properties)
        for number, item in items.items()
    ]

    pieces = dict.fromkeys(item.data for item in items.values())

    def meta(start: int) -> bytes:
        starts = {}
        for piece in pieces:
            starts[piece] = start
            start += len(piece)
        places = b"".join(
            struct.pack(">HHHII", number, 0, 1, starts[item.data], len(item.data))
            for number, item in items.items()
        )
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), b"\0\1"),
            box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(items)), places),
            box(b"iinf", bytes(4), struct.pack(">H", len(items)), *names),
            *([box(b"iref", bytes(4), *references)] if references else []),
            box(
                b"iprp",
                box(b"ipco", *properties),
                box(b"ipma", bytes(4), struct.pack(">I", len(items)), *uses),
            ),
        )

    start = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(start) + box(b"mdat", *pieces)


def reference(kind: bytes, of: int, *to: int) -> bytes:
    """Return a reference from one item to others."""
    return box(kind, struct.pack(f">HH{len(to)}H", of, len(to), *to))


def ispe(width: int, height: int) -> bytes:
    """Return the property that says how large an item is."""
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def grid(rows: int, columns: int, width: int, height: int) -> Item:
    """Return a grid; its size is property 1."""
    data = bytes([0, 1, rows - 1, columns - 1]) + struct.pack(">II", width, height)
    return Item(kind=b"grid", data=data, properties=(1,))


@cache
def sound_tile(format: SourceFormat) -> tuple[Item, list[bytes]]:
    """Return a sound tile, and its properties from number 2 on."""
    picture = drawing(_TILE, _TILE, seed="tile")
    file = (
        heic(picture, quality=50)
        if format is SourceFormat.HEIC
        else photo(_TILE, _TILE, seed="tile", format="AVIF", speed=10)
    )
    at = file.index(_CONFIGURATION[format]) - 4
    configuration = file[at : at + int.from_bytes(file[at : at + 4], "big")]
    data = file[file.index(b"mdat") + 4 :]
    item = Item(kind=_ITEM[format], data=data, properties=(2, 3))
    return item, [ispe(_TILE, _TILE), configuration]


def _single(
    format: SourceFormat,
    *,
    size: tuple[int, int] = (_TILE, _TILE),
    more: Sequence[bytes] = (),
    references: Sequence[bytes] = (),
) -> bytes:
    """One tile by itself, which claims a size; `more` are further properties of it."""
    tile, (_, configuration) = sound_tile(format)
    used = tuple(range(1, 3 + len(more)))
    item = Item(kind=tile.kind, data=tile.data, properties=used)
    return heif(format, {1: item}, [ispe(*size), configuration, *more], references)


def _tiled(format: SourceFormat, rows: int, columns: int, *, width: int, height: int) -> bytes:
    """A grid of as many items as it has places, whose bytes are the same ones."""
    tile, properties = sound_tile(format)
    tiles = range(2, rows * columns + 2)
    return heif(
        format,
        {1: grid(rows, columns, width, height), **dict.fromkeys(tiles, tile)},
        [ispe(width, height), *properties],
        [reference(b"dimg", 1, *tiles)],
    )


def _repeated(format: SourceFormat) -> bytes:
    """A grid that names one and the same item for each of its places."""
    tile, properties = sound_tile(format)
    return heif(
        format,
        {1: grid(250, 250, 6_400, 6_400), 2: tile},
        [ispe(6_400, 6_400), *properties],
        [reference(b"dimg", 1, *[2] * (250 * 250))],
    )


def _made_of(
    format: SourceFormat, kinds: Mapping[int, bytes], references: Sequence[tuple[int, ...]]
) -> bytes:
    """Items derived from one another: by number, what each is made of."""
    pattern = grid(1, 1, _TILE, _TILE)
    tile, properties = sound_tile(format)
    overlay = bytes(10) + struct.pack(">HHHH", _TILE, _TILE, 0, 0)
    data = {b"grid": pattern.data, b"iden": b"", b"iovl": overlay}
    items = {
        number: tile if kind == b"tile" else Item(kind=kind, data=data[kind], properties=(1,))
        for number, kind in kinds.items()
    }
    return heif(
        format,
        items,
        [ispe(_TILE, _TILE), *properties],
        [reference(b"dimg", *numbers) for numbers in references],
    )


def _doubling(format: SourceFormat, levels: int) -> bytes:
    """Each item overlays the next one twice: two to the power of `levels` decodes."""
    tile, properties = sound_tile(format)
    overlay = b"\0\0" + bytes(8) + struct.pack(">HHhhhh", _TILE, _TILE, 0, 0, 0, 0)
    items = {
        number: Item(kind=b"iovl", data=overlay, properties=(1,)) for number in range(1, levels + 1)
    }
    return heif(
        format,
        {**items, levels + 1: tile},
        [ispe(_TILE, _TILE), *properties],
        [reference(b"dimg", number, number + 1, number + 1) for number in items],
    )


def _places(format: SourceFormat, offset: int, length: int) -> bytes:
    """A sound file whose item is said to lie elsewhere."""
    data = bytearray(_single(format))
    at = data.index(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2
    data[at : at + 8] = struct.pack(">II", offset, length)
    return bytes(data)


def _self_placed(format: SourceFormat) -> bytes:
    """An item whose bytes are said to lie in itself."""
    data = _single(format)
    at = data.index(b"iloc") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    # Method 2 counts from an item that an `iloc` reference names: here, the item itself.
    place = b"\1\0\0\0\x44\0\0\1" + struct.pack(">HHHHII", 1, 2, 0, 1, 0, 16)
    circle = box(b"iref", bytes(4), reference(b"iloc", 1, 1))
    meta_at = data.index(b"meta") - 4
    meta_size = int.from_bytes(data[meta_at : meta_at + 4], "big")
    meta = data[meta_at + 8 : at] + box(b"iloc", place) + data[at + size : meta_at + meta_size]
    return data[:meta_at] + box(b"meta", meta, circle) + data[meta_at + meta_size :]


def _sequence(format: SourceFormat, samples: int) -> bytes:
    stsz = box(b"stsz", bytes(8), struct.pack(">I", samples))
    tracks = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", stsz))))
    return _single(format) + box(b"moov", tracks)


def _nested(format: SourceFormat, depth: int) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = box(b"meta", bytes(4), inside)
    return _single(format) + inside


def _told(format: SourceFormat, **blocks: bytes) -> bytes:
    """A sound picture with metadata."""
    if format is SourceFormat.HEIC:
        return heic(drawing(_TILE, _TILE, seed="told"), quality=50, **blocks)
    return photo(_TILE, _TILE, seed="told", format="AVIF", speed=10, **blocks)


def _bombs(format: SourceFormat) -> Iterator[tuple[str, Make, tuple[Reason, ...]]]:
    broken = (Reason.IMAGE_CORRUPT, Reason.LIMIT_SIDE, Reason.LIMIT_PIXELS)
    laid_over = (Reason.IMAGE_FORMAT_UNSUPPORTED,)
    sized = partial(_tiled, format)
    yield "grid of a side", partial(sized, 1, 255, width=65_535, height=64), broken
    yield "grid of pixels", partial(sized, 250, 250, width=16_000, height=16_000), broken
    yield "grid of all pixels", partial(sized, 255, 255, width=2**32 - 1, height=2**32 - 1), broken
    yield "size of a side", partial(_single, format, size=(65_535, 65_535)), broken
    yield "size of 32 bits", partial(_single, format, size=(2**32 - 1, 2**32 - 1)), broken
    yield "size of pixels", partial(_single, format, size=(16_384, 16_384)), broken
    yield "size of nothing", partial(_single, format, size=(0, 0)), broken
    yield "samples", partial(_sequence, format, 2**32 - 1), (Reason.LIMIT_FRAMES,)
    yield (
        "profile",
        lambda: _single(format, more=[box(b"colr", b"prof", bytes(5 * _MIB))]),
        (Reason.LIMIT_METADATA, Reason.IMAGE_CORRUPT),
    )
    yield "exif", partial(_told, format, exif=b"Exif\0\0II*\0" + bytes(2 * _MIB)), _METADATA
    yield "xmp", partial(_told, format, xmp=bytes(2 * _MIB)), _METADATA
    yield "boxes", lambda: _single(format) + box(b"free") * 1_000_001, (Reason.IMAGE_CORRUPT,)
    yield "a grid of itself", partial(_made_of, format, {1: b"grid"}, [(1, 1)]), broken
    yield (
        "a grid of a grid of itself",
        partial(_made_of, format, {1: b"grid", 2: b"grid"}, [(1, 2), (2, 1)]),
        broken,
    )
    yield "a copy of itself", partial(_made_of, format, {1: b"iden"}, [(1, 1)]), broken
    yield (
        "a copy of a copy of itself",
        partial(_made_of, format, {1: b"iden", 2: b"iden"}, [(1, 2), (2, 1)]),
        broken,
    )
    yield "an overlay of itself", partial(_made_of, format, {1: b"iovl"}, [(1, 1)]), laid_over
    yield (
        "a circle of three",
        partial(_made_of, format, {1: b"grid", 2: b"iden", 3: b"iovl"}, [(1, 2), (2, 3), (3, 1)]),
        laid_over,
    )
    yield "a grid of nothing", partial(_made_of, format, {1: b"grid"}, []), broken
    yield "a grid of what is not there", partial(_made_of, format, {1: b"grid"}, [(1, 99)]), broken
    yield "an item beyond the file", partial(_places, format, 2**31, 64), (Reason.IMAGE_TRUNCATED,)
    yield (
        "an item as long as 32 bits",
        partial(_places, format, 0, 2**32 - 1),
        (Reason.IMAGE_TRUNCATED,),
    )
    yield "an item of no bytes", partial(_places, format, 100, 0), broken


def _puzzles(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    yield "one tile many times", partial(_repeated, format)
    yield "its bytes in itself", partial(_self_placed, format)
    yield (
        "an alpha plane of itself",
        partial(_single, format, references=[reference(b"auxl", 1, 1)]),
    )
    yield "a thumbnail of itself", partial(_single, format, references=[reference(b"thmb", 1, 1)])
    yield "metadata of itself", partial(_single, format, references=[reference(b"cdsc", 1, 1)])
    yield "doubled overlays", partial(_doubling, format, 14)
    yield (
        "many references",
        lambda: _single(format, references=[reference(b"thmb", 1, *range(2, 60_000))]),
    )
    yield "many properties", lambda: _single(format, more=[box(b"free")] * 100)
    yield "a hundred turns", lambda: _single(format, more=[box(b"irot", b"\1")] * 100)
    yield (
        "a crop beyond its edges",
        lambda: _single(
            format, more=[box(b"clap", struct.pack(">8i", 10**9, 1, 10**9, 1, 10**9, 1, 10**9, 1))]
        ),
    )
    yield (
        "a crop of no denominator",
        lambda: _single(format, more=[box(b"clap", struct.pack(">8i", 9, 0, 9, 0, 0, 0, 0, 0))]),
    )
    yield "boxes within boxes", partial(_nested, format, 5_000)
    yield (
        "a box of 64 bits",
        lambda: _single(format) + struct.pack(">I4sQ", 1, b"free", 2**63) + bytes(64),
    )
    yield "a box without end", lambda: _single(format) + struct.pack(">I4s", 0, b"free") + bytes(9)
    yield (
        "many brands",
        lambda: box(b"ftyp", _BRAND[format], bytes(4), b"abcd" * 200_000) + whole(format)[8:],
    )
    yield "a profile of zeros", lambda: _single(format, more=[box(b"colr", b"prof", bytes(600))])
    yield (
        "depths of 255 bits",
        lambda: _single(format, more=[box(b"pixi", bytes(4), b"\3\xff\xff\xff")]),
    )


def cases() -> Iterator[Case]:
    """Every AVIF and HEIC."""
    for format in _FORMATS:
        for name, make, reasons in _bombs(format):
            yield refused(f"{format} bomb: {name}", format, make, *reasons)
        for name, make in _puzzles(format):
            yield either(f"{format} with {name}", format, make, *_PUZZLING)
        yield harmless(f"{format} as it should be", format, partial(_single, format))
        yield harmless(
            f"{format} of many tiles",
            format,
            partial(_tiled, format, 15, 15, width=960, height=960),
        )
        yield either(
            f"{format} of all tiles that are allowed",
            format,
            partial(_tiled, format, 100, 100, width=6_400, height=6_400),
            *_PUZZLING,
        )


_METADATA: Final = (Reason.LIMIT_METADATA,)
_PUZZLING: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_FORMAT_UNSUPPORTED,
)
