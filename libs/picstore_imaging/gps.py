"""Whether the metadata of a picture says where it was taken.

Pure: importable by every process; nothing is believed of the metadata, for it is the sender's.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from picstore_imaging.tiff import Directory, EndsEarly, Layout

_GPS: Final = 34853
_LONG: Final = 4
_EXIF_PREFIX: Final = b"Exif\0\0"
_HEIF_OFFSET_BYTES: Final = 4
_TIFF_STARTS: Final = (b"II*\0", b"MM\0*")

_XMP_PLACE: Final = re.compile(
    rb"\bGPS(?:Dest)?(?:Latitude|Longitude|Coordinates|AreaInformation)\b"
)
"""Properties of the `exif` namespace, whatever prefix it was given."""


def tiff_of(block: bytes) -> bytes | None:
    """Return what follows the prefixes of an EXIF block; None where that is not a TIFF."""
    tiff = block.removeprefix(_EXIF_PREFIX)
    if not tiff.startswith(_TIFF_STARTS):
        # HEIF puts before it how far away it is, and some writers the prefix of JPEG as well.
        skip = _HEIF_OFFSET_BYTES + int.from_bytes(tiff[:_HEIF_OFFSET_BYTES], "big")
        tiff = tiff[skip:].removeprefix(_EXIF_PREFIX)
    return tiff if tiff.startswith(_TIFF_STARTS) else None


def exif_tells_a_place(block: bytes) -> bool:
    """Whether an EXIF block, as JPEG, PNG, WebP or HEIF carry it, has a GPS directory."""
    tiff = tiff_of(block)
    if tiff is None:
        return False
    try:
        layout = Layout.of(tiff)
        at = Directory.read(tiff, layout, layout.first).number(_GPS, 0)
        return at > 0 and Directory.read(tiff, layout, at).tells_a_place()
    except EndsEarly:
        return _mentions(tiff)


def xmp_tells_a_place(packet: bytes) -> bool:
    """Whether an XMP packet has the coordinates of a place; UTF-16 is read as well."""
    return _XMP_PLACE.search(packet.replace(b"\0", b"")) is not None


def _mentions(tiff: bytes) -> bool:
    """Whether the first directory of a damaged block has the entry: better warned once too often.

    Programs cut thumbnails and maker notes off and leave what points at them.
    """
    return struct.pack("<HH" if tiff.startswith(b"II") else ">HH", _GPS, _LONG) in tiff
