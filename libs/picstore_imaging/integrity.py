"""Whether a picture file is whole, told from its container alone, before a decoder sees it.

A file that ends too early is *truncated*: the sender broke off, and many decoders would fill the
rest with grey. Bytes after the picture's end are *trailing*: harmless, and common (phones append
previews and videos). The walk also counts the frames that a still decoder would pass over.

The file is mapped, not read, and only its structure is visited. Pure: no decoder is involved.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import InvalidArgument, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What the container says of itself."""

    truncated: bool
    """Whether the file ends before the picture does."""
    trailing_bytes: int = 0
    """Bytes after the end of the picture."""
    frames: int = 1
    """Frames of an animation, as its header announces them."""


def inspect(path: Path, source_format: SourceFormat) -> Integrity:
    """Walk the container of a file in one of the accepted formats.

    Raises `IMAGE_CORRUPT` where it has more than a million parts, `KeyError` for another format
    and `OSError` where the file cannot be read.
    """
    walk = _WALKS[source_format]
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return Integrity(truncated=True)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return walk(data)


_TRUNCATED: Final = Integrity(truncated=True)

_MAX_PARTS: Final = 1_000_000
"""Segments, chunks or boxes that a walk visits, about half a second; real files have thousands."""


def _parts() -> Iterator[None]:
    """Step through a walk, and end one that a hostile file would make endless."""
    for _ in range(_MAX_PARTS):
        yield
    raise InvalidArgument(Reason.IMAGE_CORRUPT, "the picture is made of too many parts")


# After FF: 00 is an escaped FF of the picture's data, D0 to D7 are restart markers within it,
# 01 is a marker without a length, and a further FF is padding.
_JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_JPEG_EOI: Final = 0xD9
_JPEG_SOI: Final = 0xD8


def _walk_jpeg(data: mmap.mmap) -> Integrity:
    """Go from marker to marker; a segment's length keeps a preview inside it out of sight."""
    at = 2
    for _ in _parts():
        if (found := _JPEG_MARKER.search(data, at)) is None:
            break
        marker = found[1][0]
        if marker == _JPEG_EOI:
            return Integrity(truncated=False, trailing_bytes=len(data) - found.end())
        at = found.end()
        if marker != _JPEG_SOI:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return _TRUNCATED


def _walk_png(data: mmap.mmap) -> Integrity:
    """Go from chunk to chunk, up to IEND; `acTL` announces the frames of an APNG."""
    at, frames = 8, 1
    for _ in _parts():
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        if kind == b"acTL":
            frames = max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
        if kind == b"IEND":
            return Integrity(truncated=False, trailing_bytes=len(data) - end, frames=frames)
        at = end
    return _TRUNCATED


def _walk_webp(data: mmap.mmap) -> Integrity:
    """Check the RIFF length and that every chunk lies within it; each `ANMF` is a frame."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        return _TRUNCATED
    at, frames = 12, 0
    for _ in _parts():
        if at + 8 > end:
            break
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        frames += data[at : at + 4] == b"ANMF"
        at += 8 + length + length % 2
    # The last chunk's byte of padding may be missing: libwebp accepts that as well.
    if at > end + 1:
        return _TRUNCATED
    return Integrity(truncated=False, trailing_bytes=len(data) - end, frames=max(1, frames))


class _Box(NamedTuple):
    """A box of ISO 14496-12: its type, where its payload begins, and where it ends."""

    kind: bytes
    start: int
    end: int


_PICTURE_BOXES: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})


def _walk_avif(data: mmap.mmap) -> Integrity:
    """Check that the boxes of the picture lie within the file; count the samples of a sequence."""
    frames, last = 1, 0
    kinds: set[bytes] = set()
    for box in _boxes(data, 0, len(data)):
        if box.end > len(data):
            if box.kind in _PICTURE_BOXES:
                return _TRUNCATED
            break  # No box of the picture, and perhaps none at all: it was appended to the file.
        if box.kind == b"moov":
            frames = max(1, _samples(data, box))
        if box.kind == b"meta" and any(
            child.kind == b"idat" for child in _boxes(data, box.start + 4, box.end)
        ):
            kinds.add(b"mdat")  # A small picture may lie inside `meta`.
        kinds.add(box.kind)
        last = box.end
    if not kinds >= {b"ftyp", b"meta", b"mdat"}:
        return _TRUNCATED
    return Integrity(truncated=False, trailing_bytes=len(data) - last, frames=frames)


def _boxes(data: mmap.mmap, start: int, end: int) -> Iterator[_Box]:
    for _ in _parts():
        if start + 8 > end:
            return
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        header = 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        yield _Box(kind, start + header, start + size)
        start += max(size, header)


def _samples(data: mmap.mmap, moov: _Box) -> int:
    """Count the samples of the longest track, from the `stsz` box of each."""
    most = 0
    for box, _ in zip(_descendants(data, moov), _parts(), strict=False):
        if box.kind == b"stsz":
            most = max(most, int.from_bytes(data[box.start + 8 : box.start + 12], "big"))
    return most


def _descendants(data: mmap.mmap, top: _Box) -> Iterator[_Box]:
    """Go through the boxes on the way to a track's sample table."""
    parents = [top]
    while parents:
        parent = parents.pop()
        for box in _boxes(data, parent.start, min(parent.end, top.end)):
            if box.kind in (b"trak", b"mdia", b"minf", b"stbl"):
                parents.append(box)
            yield box


_WALKS: Final[dict[SourceFormat, Callable[[mmap.mmap], Integrity]]] = {
    SourceFormat.JPEG: _walk_jpeg,
    SourceFormat.PNG: _walk_png,
    SourceFormat.WEBP: _walk_webp,
    SourceFormat.AVIF: _walk_avif,
}
