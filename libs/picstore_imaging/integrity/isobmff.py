"""AVIF and HEIC: the boxes of ISO 14496-12, and the items of ISO 23008-12 in them."""

from __future__ import annotations

import mmap
from typing import Final

from picstore_imaging import heif_colour
from picstore_imaging.bmff import Box, boxes, children, extents, item_type
from picstore_imaging.integrity.verdict import TRUNCATED, Integrity, parts
from picstore_kit.errors import InvalidArgument, Reason

_PICTURE_BOXES: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})
_HEVC_ITEMS: Final = frozenset({b"hvc1", b"hev1", b"grid", b"iden", b"iovl"})


def walk_avif(data: mmap.mmap) -> Integrity:
    """Check that boxes and items lie within the file; count the samples of a sequence.

    Raises `IMAGE_FORMAT_UNSUPPORTED` for a sequence that no still stands for.
    """
    frames, last, steps = 1, 0, parts()
    kinds: set[bytes] = set()
    for box in boxes(data, 0, len(data), steps):
        if box.end > len(data):
            if box.kind in _PICTURE_BOXES:
                return TRUNCATED
            break  # No box of the picture, and perhaps none at all: it was appended to the file.
        if box.kind == b"moov":
            frames = max(1, _samples(data, box))
        if box.kind == b"meta":
            for child in children(data, box, steps):
                if child.kind == b"idat":
                    kinds.add(b"mdat")  # A small picture may lie inside `meta`.
                if child.kind == b"iloc" and any(
                    extent.end > len(data) for extent in extents(data, child, steps)
                ):
                    return TRUNCATED
        kinds.add(box.kind)
        last = box.end
    if kinds >= {b"ftyp", b"moov", b"mdat"} and b"meta" not in kinds:
        raise _unsupported("that is a sequence without a still", codec="")
    if not kinds >= {b"ftyp", b"meta", b"mdat"}:
        return TRUNCATED
    return Integrity(
        truncated=False,
        trailing_bytes=len(data) - last,
        frames=frames,
        signal=heif_colour.signal(data, parts()),
    )


def walk_heic(data: mmap.mmap) -> Integrity:
    """The same; raises `IMAGE_FORMAT_UNSUPPORTED` for a HEIF that is coded otherwise than as HEVC.

    `mif1` alone names the container, and it may hold JPEG, JPEG 2000, VVC or raw pixels.
    """
    found = walk_avif(data)
    kind = None if found.truncated else item_type(data, parts())
    if kind is not None and kind not in _HEVC_ITEMS:
        name = "".join(c for c in kind.decode("latin-1") if c.isprintable() and c.isascii())
        raise _unsupported(f"that is coded as {name}", codec=name)
    return found


def _unsupported(what: str, *, codec: str) -> InvalidArgument:
    return InvalidArgument(
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        f"a HEIF file {what} is not accepted, only HEIC and AVIF stills are",
        metadata={"format": "heif", "codec": codec},
    )


def _samples(data: mmap.mmap, moov: Box) -> int:
    """Count the samples of the longest track, from the `stsz` box of each."""
    most, steps = 0, parts()
    parents = [moov]
    while parents:
        parent = parents.pop()
        for box in boxes(data, parent.start, min(parent.end, moov.end), steps):
            if box.kind in (b"trak", b"mdia", b"minf", b"stbl"):
                parents.append(box)
            if box.kind == b"stsz":
                most = max(most, int.from_bytes(data[box.start + 8 : box.start + 12], "big"))
    return most
