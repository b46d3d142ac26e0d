"""TIFF and BigTIFF, of either byte order: from directory to directory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, damaged, parts
from picstore_imaging.tiff import Directory, EndsEarly, Layout
from picstore_kit.errors import InvalidArgument, Reason

_SUBFILE_TYPE: Final = 254
_REDUCED_OR_MASK: Final = 0b101
_PARTS_OF_PIXELS: Final = ((273, 279), (324, 325))
"""Tags of the offsets and the lengths of strips, and of tiles."""
_BITS_PER_SAMPLE: Final = 258
_MAX_BITS: Final = 32
_BYTE: Final = 8
_COMPRESSION: Final = 259
_COMPRESSIONS: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 32_773, 32_946})
"""None, CCITT, LZW, JPEG, Deflate by its two numbers, and PackBits."""
_SAMPLE_FORMAT: Final = 339
_SAMPLE_FORMATS: Final = frozenset({1, 2, 3, 4})
"""Whole numbers, with a sign or without, floats, and what is not said."""
_PHOTOMETRIC: Final = 262
_RGB: Final = 2
_LAB: Final = 8
_SPACES: Final = frozenset({0, 1, _RGB, 3, 4, 5, 6, _LAB})
"""White or black at zero, RGB, a palette, a mask, inks, YCbCr and CIE L*a*b*."""
_SPACE_NAMES: Final = {
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a sensor's colours",
    32844: "LogL",
    32845: "LogLuv",
    34892: "a sensor's colours",
}
_EXTRA_SAMPLES: Final = 338
_ALPHAS: Final = (1, 2)
"""Whether or not the colours are multiplied by it."""
_EXIF: Final = 34665
_GPS: Final = 34853


def walk(data: mmap.mmap) -> Integrity:
    """Visit each directory, what its entries point at, its strips and tiles, and count the pages.

    A reduced version of another page and a mask count for no page. Raises `IMAGE_CORRUPT` where
    the directories form a circle, and where there is none, and `IMAGE_FORMAT_UNSUPPORTED` for
    pixels that nobody here decodes.
    """
    try:
        layout = Layout.of(data)
    except EndsEarly:
        return TRUNCATED
    end = pages = 0
    has_gps = False
    extra: tuple[int, ...] = ()
    seen: set[int] = set()
    at = layout.first
    steps = parts()
    while at:
        next(steps)
        if at in seen:
            raise damaged("the pages of the TIFF form a circle")
        seen.add(at)
        try:
            directory = Directory.read(data, layout, at)
            if len(seen) == 1:
                _check_decodable(directory)
                extra = directory.numbers(_EXTRA_SAMPLES)
            end = max(end, directory.end, *_ends(directory, steps))
            for tag in (_EXIF, _GPS):
                if (inner := _inner(data, layout, directory, tag)) is not None:
                    end = max(end, min(inner.end, len(data)))
                    has_gps |= tag == _GPS and inner.tells_a_place()
            pages += not directory.number(_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK
        except EndsEarly:
            return TRUNCATED
        at = directory.next
    if end > len(data):
        return TRUNCATED
    if not seen:
        raise damaged("the TIFF has no picture in it")
    return Integrity(
        truncated=False,
        trailing_bytes=len(data) - end,
        frames=max(1, pages),
        has_gps=has_gps,
        extra_samples=len(extra),
        alpha_sample=next((i for i, kind in enumerate(extra) if kind in _ALPHAS), None),
    )


def _check_decodable(directory: Directory) -> None:
    """Refuse a first page that no decoder at hand reads, before it is stored in vain."""
    compression = directory.number(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise _unsupported(f"compressed by method {compression}")
    if directory.number(_SAMPLE_FORMAT, 1) not in _SAMPLE_FORMATS:
        raise _unsupported("of complex numbers")
    if directory.number(_BITS_PER_SAMPLE, 1) > _MAX_BITS:
        raise _unsupported(f"of more than {_MAX_BITS} bits for each sample")
    space = directory.number(_PHOTOMETRIC, _RGB)
    if space not in _SPACES:
        # libvips would take their numbers for those of RGB.
        raise _unsupported(f"in {_SPACE_NAMES.get(space, f'colour space {space}')}")
    if space == _LAB and directory.number(_BITS_PER_SAMPLE, 1) <= _BYTE:
        raise _unsupported(f"in CIE L*a*b* of {_BYTE} bits")


def _unsupported(what: str) -> InvalidArgument:
    return InvalidArgument(
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        f"a TIFF {what} is not accepted",
        metadata={"format": "tiff", "found": what},
    )


def _ends(directory: Directory, steps: Iterator[None]) -> Iterator[int]:
    """Say where each strip and tile ends; one without a length is only known to begin."""
    for _ in zip(directory.entries, steps, strict=False):
        pass  # Directories may overlap, so their entries count as parts of the file as well.
    for offsets_tag, lengths_tag in _PARTS_OF_PIXELS:
        offsets = directory.numbers(offsets_tag)
        lengths = directory.numbers(lengths_tag, at_most=len(offsets)) or (0,) * len(offsets)
        for offset, length, _ in zip(offsets, lengths, steps, strict=False):
            yield offset + length


def _inner(data: mmap.mmap, layout: Layout, directory: Directory, tag: int) -> Directory | None:
    at = directory.number(tag, 0)
    return Directory.read(data, layout, at) if at else None
