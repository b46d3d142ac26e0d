"""AVIF and HEIC: items, properties and places that there are not, and boxes of wrong lengths."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Final

from picstore_imaging.bmff import boxes, children
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, Make, either
from tests.hostile.heif import Item, box, grid, heif, ispe, reference, sound_tile
from tests.hostile.whole import whole

_FORMATS: Final = (SourceFormat.AVIF, SourceFormat.HEIC)
_SIDE: Final = 64
_MOST: Final = 2**32 - 1


@cache
def _single(
    format: SourceFormat, more: Sequence[bytes] = (), references: Sequence[bytes] = ()
) -> bytes:
    """One sound tile, with further properties."""
    item, (size, configuration) = sound_tile(format)
    used = tuple(range(1, 3 + len(more)))
    one = Item(kind=item.kind, data=item.data, properties=used)
    return heif(format, {1: one}, [size, configuration, *more], references)


def _overwritten(format: SourceFormat, kind: bytes, at: int, value: bytes) -> bytes:
    """Overwrite the payload of the first box of a kind; nothing moves."""
    data = bytearray(_single(format))
    start = data.index(kind) + 4 + at
    data[start : start + len(value)] = value
    return bytes(data)


def _sized(format: SourceFormat, kind: bytes, size: int) -> bytes:
    data = bytearray(_single(format))
    at = data.index(kind) - 4
    data[at : at + 4] = size.to_bytes(4, "big")
    return bytes(data)


def _renamed(format: SourceFormat, kind: bytes, other: bytes) -> bytes:
    return _single(format).replace(kind, other)


def _with_property(format: SourceFormat, kind: bytes, payload: bytes) -> bytes:
    return _single(format, (box(kind, payload),))


def _twice(format: SourceFormat, kind: bytes) -> bytes:
    """Repeat a box of the file behind it, and what is in `meta` behind that."""
    data = _single(format)
    for outer in boxes(data, 0, len(data)):
        inner = children(data, outer) if outer.kind == b"meta" else ()
        for found in (outer, *inner):
            if found.kind == kind:
                return data + data[found.start - 8 : found.end]
    raise KeyError(kind)


def _composed(format: SourceFormat, item: Item, references: Sequence[bytes]) -> bytes:
    """An item that is made of two sound tiles, numbers 2 and 3."""
    part, properties = sound_tile(format)
    whole_size = ispe(2 * _SIDE, _SIDE)
    return heif(format, {1: item, 2: part, 3: part}, [whole_size, *properties], references)


def _overlay(*places: int, canvas: tuple[int, int] = (2 * _SIDE, _SIDE), wide: bool = True) -> Item:
    form = ">BB4H2I" if wide else ">BB4H2H"
    data = struct.pack(form, 0, int(wide), 0, 0, 0, 65_535, *canvas)
    data += b"".join(struct.pack(">i" if wide else ">h", place) for place in places)
    return Item(kind=b"iovl", data=data, properties=(1,))


def _boxes(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    kinds = (b"ftyp", b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"infe", b"iprp", b"ipco")
    for kind in (*kinds, b"ispe", b"ipma", b"mdat"):
        name = kind.decode()
        for size in (0, 1, 7, 9, 2**31):
            yield f"a {name} of {size} bytes", partial(_sized, format, kind, size)
        yield f"no {name}", partial(_renamed, format, kind, b"free")
    for kind in (b"meta", b"ftyp", b"mdat", b"iloc", b"iprp"):
        yield f"a second {kind.decode()}", partial(_twice, format, kind)
    for brand in (b"mini", b"mif3", b"avis", b"hevc", b"msf1", b"\0\0\0\0"):
        at = f"a brand {brand.hex()}"
        yield at, partial(_overwritten, format, b"ftyp", 0, brand)
    yield "a mini box", lambda: box(b"ftyp", b"mif3", bytes(4), b"mif3") + box(b"mini", bytes(40))
    yield "a mini box beside its items", lambda: _single(format) + box(b"mini", b"\xff" * 40)
    yield "a user's box", lambda: box(b"uuid", bytes(16)) + whole(str(format))


def _properties(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    # The list begins behind version, flags, count, number of the item and number of uses.
    for value in (0x00, 0x7F, 0x80, 0xFF):
        for at in (11, 12):
            yield (
                f"property {value:02x} for {at}",
                partial(_overwritten, format, b"ipma", at, bytes([value])),
            )
    yield (
        "2^32 lists of properties",
        partial(_overwritten, format, b"ipma", 4, _MOST.to_bytes(4, "big")),
    )
    yield "255 properties", partial(_overwritten, format, b"ipma", 10, b"\xff")
    yield "properties of no item", partial(_overwritten, format, b"ipma", 8, b"\xff\xff")
    yield "wide numbers of properties", partial(_overwritten, format, b"ipma", 3, b"\1")
    yield "a list of version 9", partial(_overwritten, format, b"ipma", 0, b"\x09")
    coded = b"av1C" if format is SourceFormat.AVIF else b"hvcC"
    for given in (b"", b"\xff" * 4, bytes(23), b"\xff" * 23):
        yield (
            f"a configuration of {given.hex()[:9] or 'nothing'} and {len(given)}",
            partial(_overwritten, format, coded, 0, given),
        )
        yield (
            f"a second configuration of {given.hex()[:9]} and {len(given)}",
            partial(_with_property, format, coded, given),
        )
    yield "no configuration", partial(_renamed, format, coded, b"free")
    for name, kind, payload in (
        ("a turn of 255", b"irot", b"\xff"),
        ("a turn of nothing", b"irot", b""),
        ("a mirror of 255", b"imir", b"\xff"),
        ("a crop of nothing", b"clap", b""),
        ("a crop of less than nothing", b"clap", struct.pack(">8i", -9, 1, -9, 1, 0, 1, 0, 1)),
        ("a crop by 2^31", b"clap", b"\x80\0\0\0" * 8),
        ("a crop of half a pixel", b"clap", struct.pack(">8i", 1, 2, 1, 2, 1, 3, 1, 3)),
        ("another size", b"ispe", struct.pack(">III", 0, 9, 9)),
        ("a size cut short", b"ispe", bytes(6)),
        ("channels of no bits", b"pixi", bytes(4) + b"\3\0\0\0"),
        ("255 channels", b"pixi", bytes(4) + b"\xff" * 256),
        ("no channels", b"pixi", bytes(5)),
        ("an aspect of nothing", b"pasp", bytes(8)),
        ("colours of no number", b"colr", b"nclx" + b"\xff" * 7),
        ("colours cut short", b"colr", b"nclx\0"),
        ("colours of no kind", b"colr", b"none" + bytes(90)),
        ("a profile of nothing", b"colr", b"prof"),
        ("a profile that is restricted", b"colr", b"rICC" + b"\xff" * 300),
        ("light beyond measure", b"clli", b"\xff" * 4),
        ("a mastering display", b"mdcv", b"\xff" * 24),
        ("a plane of no kind", b"auxC", bytes(4) + b"urn:none\0"),
        ("a plane without end", b"auxC", bytes(4) + b"u" * 5_000),
        ("layers beyond all", b"lsel", b"\xff\xff"),
        ("an operating point", b"a1op", b"\xff"),
        ("layers of 2^32 bytes", b"a1lx", b"\1" + b"\xff" * 12),
        ("relations of layers", b"rloc", b"\xff" * 12),
    ):
        yield name, partial(_with_property, format, kind, payload)


def _places(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    for sizes in (b"\0\0", b"\x33\0", b"\xff\xf0", b"\x88\x80", b"\x44\x40", b"\x40\0", b"\x04\0"):
        yield f"places of sizes {sizes.hex()}", partial(_overwritten, format, b"iloc", 4, sizes)
    for version in (1, 2, 3, 255):
        yield (
            f"places of version {version}",
            partial(_overwritten, format, b"iloc", 0, bytes([version])),
        )
    yield "65,535 items", partial(_overwritten, format, b"iloc", 6, b"\xff\xff")
    yield "65,535 pieces", partial(_overwritten, format, b"iloc", 12, b"\xff\xff")
    yield "no pieces", partial(_overwritten, format, b"iloc", 12, b"\0\0")
    yield "a place of another item", partial(_overwritten, format, b"iloc", 8, b"\0\7")
    yield "bytes in another file", partial(_overwritten, format, b"iloc", 10, b"\xff\xff")
    yield "a place that turns over", partial(_overwritten, format, b"iloc", 14, b"\xff" * 8)
    yield "one byte", partial(_overwritten, format, b"iloc", 18, b"\0\0\0\1")
    yield "a primary item that is not there", partial(_overwritten, format, b"pitm", 4, b"\0\7")
    yield "a primary item of 32 bits", partial(_overwritten, format, b"pitm", 0, b"\1")
    for version in (0, 1, 3, 9):
        yield (
            f"an entry of version {version}",
            partial(_overwritten, format, b"infe", 0, bytes([version])),
        )
    yield "65,535 entries", partial(_overwritten, format, b"iinf", 4, b"\xff\xff")
    yield "no entries", partial(_overwritten, format, b"iinf", 4, b"\0\0")
    yield "a protected item", partial(_overwritten, format, b"infe", 6, b"\0\1")
    yield "a hidden item", partial(_overwritten, format, b"infe", 3, b"\1")
    for kind in (
        b"grid",
        b"iovl",
        b"iden",
        b"tmap",
        b"Exif",
        b"mime",
        b"jpeg",
        b"unci",
        b"\0\0\0\0",
    ):
        yield f"an item of kind {kind.hex()}", partial(_overwritten, format, b"infe", 8, kind)


def _composites(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    two = (reference(b"dimg", 1, 2, 3),)
    made = partial(_composed, format)
    for rows, columns in ((1, 2), (2, 1), (1, 1), (2, 2), (256, 256), (256, 1)):
        item = grid(rows, columns, 2 * _SIDE, _SIDE)
        yield f"{rows} by {columns} tiles, of which two are there", partial(made, item, two)
    for width, height in ((0, 0), (1, 1), (129, 65), (2**31, 2**31)):
        yield f"two tiles of {width} by {height}", partial(made, grid(1, 2, width, height), two)
    for length in (0, 1, 3, 4, 7):
        data = grid(1, 2, 2 * _SIDE, _SIDE).data[:length]
        item = Item(kind=b"grid", data=data, properties=(1,))
        yield f"a grid of {length} bytes", partial(made, item, two)
    wide = Item(kind=b"grid", data=b"\0\1\0\1" + bytes(8), properties=(1,))
    yield "a grid of version and flags", partial(made, wide, two)
    for name, references in (
        ("no references", ()),
        ("the same tile twice", (reference(b"dimg", 1, 2, 2),)),
        ("itself and a tile", (reference(b"dimg", 1, 1, 2),)),
        ("references twice", two * 2),
        ("tiles of which one is a plane", (*two, reference(b"auxl", 2, 3))),
        ("tiles that are thumbnails of it", (*two, reference(b"thmb", 2, 1))),
        ("tiles that refer to it", (*two, reference(b"dimg", 2, 1), reference(b"dimg", 3, 1))),
        ("tiles as bases of it", (*two, reference(b"base", 1, 2), reference(b"prem", 2, 1))),
        ("60,000 references", tuple(reference(b"cdsc", 2, 1) for _ in range(3_000))),
    ):
        yield f"a grid of {name}", partial(made, grid(1, 2, 2 * _SIDE, _SIDE), references)
        yield f"an overlay of {name}", partial(made, _overlay(0, 0, _SIDE, 0), references)
    for name, places in (
        ("far outside", (2**31 - 1, 2**31 - 1, -(2**31), -(2**31))),
        ("one on the other", (0, 0, 0, 0)),
        ("half outside", (-32, -32, 96, 32)),
        ("of which one has no place", (0, 0)),
        ("of no places", ()),
    ):
        yield f"parts {name}", partial(made, _overlay(*places), two)
    for canvas in ((0, 0), (1, 1), (_MOST, _MOST), (20_000, 20_000)):
        yield (
            f"an overlay of {canvas[0]} by {canvas[1]}",
            partial(made, _overlay(0, 0, 0, 0, canvas=canvas), two),
        )
    yield "an overlay of short numbers", partial(made, _overlay(0, 0, 9, 9, wide=False), two)
    alpha = (reference(b"auxl", 2, 1), reference(b"auxl", 3, 1), reference(b"auxl", 1, 2))
    yield "planes of planes", partial(made, grid(1, 2, 2 * _SIDE, _SIDE), (*two, *alpha))


def _sequences(format: SourceFormat) -> Iterator[tuple[str, Make]]:
    def moving(*inside: bytes) -> bytes:
        table = box(b"stbl", *inside)
        return _single(format) + box(b"moov", box(b"trak", box(b"mdia", box(b"minf", table))))

    for samples in (0, 1, 9):
        size = box(b"stsz", bytes(8), struct.pack(">I", samples))
        yield f"{samples} samples that are not there", partial(moving, size)
        yield f"{samples} samples in two tables", partial(moving, size, size)
    yield "a table cut short", partial(moving, box(b"stsz", bytes(3)))
    yield "an empty table", partial(moving)
    deep = b""
    for _ in range(3_000):
        deep = box(b"trak", deep)
    yield "tracks within tracks", lambda: _single(format) + box(b"moov", deep)
    yield "9,000 films", lambda: _single(format) + box(b"moov", box(b"trak")) * 9_000


def cases() -> Iterator[Case]:
    """Every AVIF and HEIC of wrong items."""
    for format in _FORMATS:
        for group in (_boxes, _properties, _places, _composites, _sequences):
            for name, make in group(format):
                yield either(f"{format} with {name}", format, make, *_WRONG)


_WRONG: Final = (
    Reason.IMAGE_CORRUPT,
    Reason.IMAGE_TRUNCATED,
    Reason.IMAGE_FORMAT_UNSUPPORTED,
    Reason.IMAGE_UNRECOGNISED,
    Reason.LIMIT_SIDE,
    Reason.LIMIT_PIXELS,
)
