"""The names that TrueType and OpenType files give the families of their fonts.

Read from the header and the `name` table alone, for a collection may have 30 MB. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})

_COLLECTION: Final = b"ttcf"
_FONTS: Final = (b"\0\1\0\0", b"OTTO", b"true")
_FAMILY: Final = 1
_TYPOGRAPHIC_FAMILY: Final = 16
"""Numbers of names: what a family of four styles is called, and one of more."""
_MACINTOSH: Final = 1
_MAX_FONTS: Final = 256
_MAX_TABLES: Final = 256
_MAX_NAMES_BYTES: Final = 1024 * 1024


def families_of(path: Path) -> frozenset[str]:
    """Name the families of a file; none where it can't be read or is no such file."""
    try:
        with path.open("rb") as file:
            return frozenset(name for name in _families(file) if name)
    except (OSError, struct.error, UnicodeDecodeError):
        return frozenset()


def _families(file: BinaryIO) -> Iterator[str]:
    for start in _starts(file):
        table = _name_table(file, start)
        if table is None:
            continue
        _, count, strings = struct.unpack_from(">3H", table)
        for index in range(count):
            platform, _, _, number, length, offset = struct.unpack_from(
                ">6H", table, 6 + 12 * index
            )
            if number in (_FAMILY, _TYPOGRAPHIC_FAMILY):
                text = table[strings + offset : strings + offset + length]
                yield text.decode("mac-roman" if platform == _MACINTOSH else "utf-16-be").strip()


def _starts(file: BinaryIO) -> list[int]:
    """Say where fonts begin in the file: one, or those of a collection."""
    tag = file.read(4)
    if tag in _FONTS:
        return [0]
    if tag != _COLLECTION:
        return []
    _, count = struct.unpack(">2I", file.read(8))
    count = min(count, _MAX_FONTS)
    return list(struct.unpack(f">{count}I", file.read(4 * count)))


def _name_table(file: BinaryIO, start: int) -> bytes | None:
    file.seek(start)
    _, count, *_ = struct.unpack(">4s4H", file.read(12))
    for _ in range(min(count, _MAX_TABLES)):
        tag, _, offset, length = struct.unpack(">4s3I", file.read(16))
        if tag == b"name":
            file.seek(offset)
            return file.read(min(length, _MAX_NAMES_BYTES))
    return None
