"""The multi-picture format (CIPA DC-007): which further JPEGs follow the first one in its file.

Pure: importable by every process.
"""

from __future__ import annotations

import mmap
import struct
from typing import Final, Literal

MARK: Final = b"MPF\0"
_VERSION: Final = 0xB000
_COUNT: Final = 0xB001
_ENTRIES: Final = 0xB002
_ENTRY_BYTES: Final = 16
_FIELD_BYTES: Final = 12
_MAX_FIELDS: Final = 16
_MAX_PICTURES: Final = 64
_PRIMARY: Final = 0x030000
_HEADER_BYTES: Final = 8
_DIRECTORY_BYTES: Final = 2 + 3 * _FIELD_BYTES + 4

Data = bytes | mmap.mmap


def pictures_end(data: Data, start: int) -> int:
    """Say where the last of the pictures ends that an index names; 0 where it names none.

    `start` is where the index begins, after its mark; from there it counts. A picture that would
    end after the file does is none.
    """
    order: Literal["little", "big"] = "little" if data[start : start + 2] == b"II" else "big"

    def number(at: int, size: int = 4) -> int:
        return int.from_bytes(data[at : at + size], order)

    directory = start + number(start + 4)
    fields = min(number(directory, 2), _MAX_FIELDS)
    for at in range(directory + 2, directory + 2 + fields * _FIELD_BYTES, _FIELD_BYTES):
        if number(at, 2) == _ENTRIES:
            count = min(number(at + 4) // _ENTRY_BYTES, _MAX_PICTURES)
            first = start + number(at + 8)
            # The first one's place is 0, for it begins the file.
            entries = (first + index * _ENTRY_BYTES for index in range(1, count))
            ends = (start + number(e + 8) + number(e + 4) for e in entries)
            return max((end for end in ends if end <= len(data)), default=0)
    return 0


def index(*, primary_bytes: int, start: int, second_bytes: int) -> bytes:
    """Write the index of two pictures, of which the second follows the first.

    `start` is where, in the file, the index will begin, after its mark.
    """
    fields = (
        struct.pack(">HHI4s", _VERSION, 7, 4, b"0100"),
        struct.pack(">HHII", _COUNT, 4, 1, 2),
        struct.pack(">HHII", _ENTRIES, 7, 2 * _ENTRY_BYTES, _HEADER_BYTES + _DIRECTORY_BYTES),
    )
    return b"".join(
        (
            b"MM\0*",
            struct.pack(">IH", _HEADER_BYTES, len(fields)),
            *fields,
            bytes(4),
            struct.pack(">IIIHH", _PRIMARY, primary_bytes, 0, 0, 0),
            struct.pack(">IIIHH", 0, second_bytes, primary_bytes - start, 0, 0),
        )
    )


INDEX_BYTES: Final = _HEADER_BYTES + _DIRECTORY_BYTES + 2 * _ENTRY_BYTES
"""Length of what `index` writes."""
