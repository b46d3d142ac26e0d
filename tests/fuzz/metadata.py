"""What reads the metadata that senders put into their pictures, and writes some of it again."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from picstore_imaging import exif, gps, icc, iptc, ultra_hdr, xmp
from picstore_imaging.rules import MetadataPolicy
from picstore_imaging.ultra_hdr import Gain
from tests.fuzz.target import Target

_POLICIES: Final = [(policy, keep) for policy in MetadataPolicy for keep in (False, True)]
_JPEG: Final = b"\xff\xd8\xff\xe0\0\x04JF\xff\xd9"
_NUMBERS: Final = struct.Struct("<12f")


def _exif(data: bytes) -> None:
    gps.exif_tells_a_place(data)
    for policy, keep in _POLICIES:
        written = exif.rewritten(data, policy, keep_gps=keep)
        if written is not None:
            assert len(written) <= exif.MAX_BYTES
            assert keep or not gps.exif_tells_a_place(written)
            # What was kept once is kept again.
            assert exif.rewritten(written, policy, keep_gps=keep) is not None


def _xmp(data: bytes) -> None:
    gps.xmp_tells_a_place(data)
    for policy, keep in _POLICIES:
        written = xmp.rewritten(data, policy, keep_gps=keep)
        if written is not None:
            assert len(written) <= xmp.MAX_BYTES
            assert keep or not gps.xmp_tells_a_place(written)
            assert xmp.rewritten(written, policy, keep_gps=keep) is not None


def _iptc(data: bytes) -> None:
    for policy in MetadataPolicy:
        written = iptc.rewritten(data, policy)
        if written is not None:
            assert len(written) <= iptc.MAX_BYTES
            assert iptc.rewritten(written, policy) == written


def _icc(data: bytes) -> None:
    icc.describe(data)
    icc.is_srgb(data)
    icc.is_wide(data)


def _gain(data: bytes) -> None:
    """Write any sound gain map behind a picture, with numbers as libultrahdr has them."""
    numbers = _NUMBERS.unpack(data[: _NUMBERS.size].ljust(_NUMBERS.size, b"\0"))
    channels = 3 if len(data) % 2 else 1
    gain = Gain(
        min_boost=(numbers[0], *numbers[0:2])[:channels],
        max_boost=(numbers[2], *numbers[2:4])[:channels],
        gamma=(numbers[4], *numbers[4:6])[:channels],
        offset_sdr=(numbers[6], *numbers[6:8])[:channels],
        offset_hdr=(numbers[8], *numbers[8:10])[:channels],
        capacity_min=numbers[10],
        capacity_max=numbers[11],
    )
    if gain.is_sound:
        ultra_hdr.joined(_JPEG, _JPEG, gain, channels=channels)


def _exif_seeds() -> Iterable[bytes]:
    for order, mark in (("<", b"II"), (">", b"MM")):
        gps_at = 8 + 2 + 3 * 12 + 4
        first = struct.pack(
            order + "HHHI4sHHIIHHIII",
            *(3, 0x8298, 2, 3, b"me\0\0"),
            *(0x8769, 4, 1, gps_at),
            *(0x8825, 4, 1, gps_at),
            0,
        )
        gps_directory = struct.pack(order + "HHHI4sI", 1, 1, 2, 2, b"N\0\0\0", 0)
        tiff = mark + struct.pack(order + "HI", 42, 8) + first + gps_directory
        yield b"Exif\0\0" + tiff
        yield b"\0\0\0\6Exif\0\0" + tiff


def _xmp_seeds() -> Iterable[bytes]:
    head = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="1,2N">'
        "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>me</rdf:li></rdf:Alt></dc:rights>"
    )
    text = head + "</rdf:Description></rdf:RDF></x:xmpmeta>"
    yield text.encode()
    yield text.encode("utf-16")
    yield b"<?xml version='1.0' encoding='shift_jis'?>" + text.encode()


def _iptc_seeds() -> Iterable[bytes]:
    records = b"\x1c\x01\x5a\0\3\x1b%G" + b"\x1c\2\x74\0\2me" + b"\x1c\2\x05\0\5title"
    yield records
    yield b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", len(records)) + records


def _icc_seeds() -> Iterable[bytes]:
    corner = struct.pack(">8s3i", b"XYZ ", 28_000, 14_000, 900)
    new = b"mluc" + struct.pack(">6I", 0, 1, 12, 0, 4, 28) + "P3".encode("utf-16-be")
    old = b"desc" + struct.pack(">II", 0, 5) + b"sRGB\0"
    for description in (new, old):
        tags = {b"rXYZ": corner, b"gXYZ": corner, b"bXYZ": corner, b"desc": description}
        table, body = struct.pack(">I", len(tags)), b""
        for name, data in tags.items():
            table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
            body += data
        yield bytes(16) + b"RGB XYZ " + bytes(104) + table + body


TARGETS: Final = {
    "exif": Target(read=_exif, seeds=_exif_seeds),
    "xmp": Target(read=_xmp, seeds=_xmp_seeds),
    "iptc": Target(read=_iptc, seeds=_iptc_seeds),
    "icc": Target(read=_icc, seeds=_icc_seeds),
    "gain-map": Target(read=_gain, seeds=lambda: [_NUMBERS.pack(*[1.5] * 12)]),
}
"""By name."""
