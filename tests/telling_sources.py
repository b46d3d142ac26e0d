"""Sources of every format that tell all that the format has a place for: owner, camera, place."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any, Final

from PIL import ExifTags, Image, PngImagePlugin

from tests.pictures import heic
from tests.source_kinds import turned

SECRETS: Final = (b"somebody", b"Box 3000", b"52,30.5N", b"Berlin", b"a remark")
"""What stands in the metadata, each in more than one block."""
OWNER: Final = "somebody"

PACKET: Final = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-"
    b"syntax-ns#'><rdf:Description rdf:about='' xmlns:tiff='http://ns.adobe.com/tiff/1.0/' "
    b"xmlns:exif='http://ns.adobe.com/exif/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/' "
    b"xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' xmlns:dji='http://www.dji.com/drone-dji/"
    b"1.0/' tiff:Orientation='6' tiff:Model='Box 3000' photoshop:City='Berlin' dji:GpsLatitude="
    b"'52,30.5N' exif:GPSLatitude='52,30.5N'><dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>"
    b"somebody</rdf:li></rdf:Alt></dc:rights><dc:description><rdf:Alt><rdf:li xml:lang='x-default'>"
    b"a remark</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = OWNER
    exif[ExifTags.Base.Model] = "Box 3000"
    camera: dict[int, Any] = {
        ExifTags.Base.ISOSpeedRatings: 400,
        ExifTags.Base.UserComment: b"ASCII\0\0\0a remark",
    }
    place: dict[int, Any] = {
        1: "N",
        2: (52.0, 30.5, 0.0),
        3: "E",
        4: (13.0, 24.0, 0.0),
        29: "52,30.5N",
    }
    # A TIFF has of Pillow what stands in both.
    for directory, entries in ((ExifTags.IFD.Exif, camera), (ExifTags.IFD.GPSInfo, place)):
        exif.get_ifd(directory).update(entries)
        exif[directory] = entries
    return exif


def _records() -> bytes:
    """By-line, city and caption, as IPTC has them."""
    texts = {80: b"somebody", 90: b"Berlin", 120: b"a remark"}
    return b"".join(struct.pack(">BBBH", 28, 2, n, len(t)) + t for n, t in texts.items())


def _saved(format: str, orientation: int, **options: Any) -> bytes:
    buffer = io.BytesIO()
    turned(orientation).save(buffer, format, exif=_exif(orientation).tobytes(), **options)
    return buffer.getvalue()


def _jpeg(orientation: int) -> bytes:
    data = _saved("JPEG", orientation, quality=95, xmp=PACKET, comment=b"a remark of somebody")
    records = _records()
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(records)) + records
    block = b"Photoshop 3.0\0" + resource + b"\0" * (len(records) % 2)
    return data[:2] + b"\xff\xed" + struct.pack(">H", 2 + len(block)) + block + data[2:]


def _texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", PACKET.decode())
    info.add_text("Author", "somebody")
    info.add_text("Comment", "a remark from Berlin", zip=True)
    return info


def _png(orientation: int) -> bytes:
    return _saved("PNG", orientation, pnginfo=_texts())


def _apng(orientation: int) -> bytes:
    frames = {"save_all": True, "append_images": [Image.new("RGB", turned(orientation).size)]}
    return _saved("PNG", orientation, pnginfo=_texts(), **frames)


def _webp(orientation: int) -> bytes:
    return _saved("WEBP", orientation, quality=95, xmp=PACKET)


def _is_turned(heif: bytes) -> bool:
    """Whether it says itself, not in EXIF alone, that it is to be turned or mirrored."""
    return b"irot" in heif or b"imir" in heif


def _avif(orientation: int) -> bytes:
    data = _saved("AVIF", orientation, quality=95, subsampling="4:4:4", speed=10, xmp=PACKET)
    assert _is_turned(data) is (orientation != 1)
    return data


def _heic(orientation: int) -> bytes:
    block = _exif(orientation).tobytes()
    data = heic(turned(orientation), quality=95, chroma=444, exif=block, xmp=PACKET)
    assert _is_turned(data) is (orientation != 1)
    return data


def _tiff(orientation: int) -> bytes:
    tags = _exif(orientation)
    tags[700], tags[33723] = PACKET, _records()
    buffer = io.BytesIO()
    turned(orientation).save(buffer, "TIFF", exif=tags)
    return buffer.getvalue()


def _gif(orientation: int) -> bytes:
    buffer = io.BytesIO()
    picture = turned(1).quantize(8, method=Image.Quantize.FASTOCTREE)
    picture.save(buffer, "GIF", comment=b"a remark of somebody")
    trailer = bytes([1, *range(255, -1, -1), 0])
    return buffer.getvalue()[:-1] + b"!\xff\x0bXMP DataXMP" + PACKET + trailer + b";"


TELLING: Final[dict[str, Callable[[int], bytes]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "apng": _apng,
    "webp": _webp,
    "avif": _avif,
    "heic": _heic,
    "tiff": _tiff,
    "gif": _gif,
}
"""By format: the patches, stored so that the EXIF orientation puts them upright; a GIF has none."""
