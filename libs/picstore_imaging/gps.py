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

_PLACE: Final = re.compile("gps|latitude|longitude", re.IGNORECASE)
_ABOUT_PLACE: Final = re.compile("gps|latitude|longitude|altitude", re.IGNORECASE)
"""In names of properties: of `exif`, of drones (`drone-dji:GpsLatitude`), of Darwin Core."""
_TELL_NOTHING: Final = frozenset({"gpsversionid", "gpsmapdatum"})
_GEOGRAPHIES: Final = (
    "http://www.w3.org/2003/01/geo/",
    "http://www.georss.org/georss",
    "http://www.opengis.net/gml",
)
"""How namespaces begin whose properties are places, whatever their names: `geo:lat`, `gml:pos`."""
_GEOGRAPHY: Final = re.compile(
    rb"""=\s*["'](?:%s)""" % b"|".join(re.escape(each.encode()) for each in _GEOGRAPHIES)
)
_NAMES: Final = re.compile(rb"""<([^\s/>=<"']++)|[\s"']([^\s/>=<"']++)\s*+=""")
"""Of elements and of attributes, their prefixes with them."""


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
    """Whether an XMP packet has the coordinates of a place; UTF-16 is read as well.

    It need not be one that can be parsed, since others may read more of it than we do.
    """
    packet = packet.replace(b"\0", b"")
    return _GEOGRAPHY.search(packet) is not None or any(
        _PLACE.search(name) and name.rpartition(":")[2].lower() not in _TELL_NOTHING
        for name in ((a or b).decode("latin-1") for a, b in _NAMES.findall(packet))
    )


def property_is_about_a_place(name: str) -> bool:
    """Whether a property of XMP says where something was, or how high; `name` is `{uri}local`."""
    namespace, _, local = name.lstrip("{").rpartition("}")
    return namespace.startswith(_GEOGRAPHIES) or _ABOUT_PLACE.search(local) is not None


def _mentions(tiff: bytes) -> bool:
    """Whether the first directory of a damaged block has the entry: better warned once too often.

    Programs cut thumbnails and maker notes off and leave what points at them.
    """
    return struct.pack("<HH" if tiff.startswith(b"II") else ">HH", _GPS, _LONG) in tiff
