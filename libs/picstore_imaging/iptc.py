"""What an output may keep of IPTC records, as JPEG and TIFF carry them.

Layout after the Information Interchange Model 4.2 and Adobe's image resource blocks. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from picstore_imaging.rules import MetadataPolicy

_PHOTOSHOP: Final = b"Photoshop 3.0\0"
_RESOURCE: Final = b"8BIM"
_RECORDS: Final = 0x0404
_MARK: Final = 0x1C
_APPLICATION: Final = 2
_OWNERS: Final = frozenset({80, 85, 110, 115, 116})
"""By-line and its title, credit, source, copyright notice."""
_ENCODING: Final = (1, 90)
"""Says in which character set the texts are."""
_CAPTIONS: Final = frozenset(range(256)) - {200, 201, 202}
"""All but the preview."""

MAX_BYTES: Final = 60_000
"""Of new records: a JPEG's segment ends at 64 KiB."""


def rewritten(block: bytes, policy: MetadataPolicy) -> bytes | None:
    """Return new records, as a JPEG carries them, of what the policy keeps; None for nothing."""
    if policy is MetadataPolicy.STRIP:
        return None
    wanted = _OWNERS if policy is MetadataPolicy.KEEP_COPYRIGHT else _CAPTIONS
    sets = list(_data_sets(_records(block)))
    kept = [(r, n, data) for r, n, data in sets if r == _APPLICATION and n in wanted]
    if not kept:
        return None
    kept = [each for each in sets if each[:2] == _ENCODING] + kept
    records = b"".join(
        struct.pack(">BBBH", _MARK, record, number, len(data)) + data
        for record, number, data in kept
    )
    header = _RESOURCE + struct.pack(">HHI", _RECORDS, 0, len(records))
    written = _PHOTOSHOP + header + records + b"\0" * (len(records) % 2)
    return written if len(written) <= MAX_BYTES else None


def _records(block: bytes) -> bytes:
    """Find the records among the resources of Photoshop; a TIFF has them bare."""
    if not block.startswith(_PHOTOSHOP):
        return block
    at = len(_PHOTOSHOP)
    while block[at : at + 4] == _RESOURCE and at + 12 <= len(block):
        (kind,) = struct.unpack_from(">H", block, at + 4)
        name = block[at + 6] + 1
        at += 6 + name + name % 2
        if at + 4 > len(block):
            break
        (length,) = struct.unpack_from(">I", block, at)
        at += 4
        if kind == _RECORDS:
            return block[at : at + length]
        at += length + length % 2
    return b""


def _data_sets(records: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + 5 <= len(records) and records[at] == _MARK:
        _, record, number, length = struct.unpack_from(">BBBH", records, at)
        at += 5
        if length & 0x8000 or at + length > len(records):
            return  # an extended length is of more bytes than a text has
        yield record, number, records[at : at + length]
        at += length
