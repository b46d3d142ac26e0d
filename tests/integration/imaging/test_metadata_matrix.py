"""What every kind of source tells in every format of output, read back by Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import pytest
from PIL import ExifTags, Image, IptcImagePlugin

from picstore_imaging.formats import Format
from picstore_imaging.gps import exif_tells_a_place, xmp_tells_a_place
from picstore_imaging.rules import MetadataPolicy
from tests.integration.imaging.patches import HEIGHT, LOSS, WIDTH, distance, opened, patches
from tests.patches import PATCHES
from tests.pictures import heic
from tests.source_kinds import turned
from tests.telling_sources import OWNER, SECRETS, TELLING

Convert = Callable[..., dict[Format, bytes]]

UNTOLD: Final = {"loop", "background", "duration", "timestamp", "bbox", "dpi"} | {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"),
    *("disposal", "blend", "default_image"),
}
"""What Pillow says of a file that has nothing but pixels."""
COPYRIGHT, EVERYTHING = MetadataPolicy.KEEP_COPYRIGHT, MetadataPolicy.KEEP_ALL


def described(data: bytes) -> tuple[dict[Any, Any], Image.Exif, bytes, dict[Any, Any]]:
    """Read the fields, the EXIF block, the XMP packet and the IPTC records of a file."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        # That of a PNG, which has it deflated, is a text like others to Pillow.
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp", "").encode()
        records = IptcImagePlugin.getiptcinfo(image) or {}
        return image.info, image.getexif(), packet, records


@pytest.mark.parametrize(
    ("source", "orientation"),
    [(source, turn) for source in TELLING for turn in (range(1, 9) if source != "gif" else [1])],
)
def test_pictures_are_upright_and_tell_nothing(
    source: str, orientation: int, convert: Convert
) -> None:
    original = TELLING[source](orientation)
    assert all(secret in original for secret in SECRETS[3:])
    for format, data in convert(original).items():
        pixels = opened(data)
        assert pixels.shape == (HEIGHT, WIDTH, 3), format
        assert distance(patches(pixels), PATCHES) <= 1.5 + LOSS[format], format
        info, exif, packet, records = described(data)
        assert not set(info) - UNTOLD, format
        assert not exif, format
        assert not packet
        assert not records
        for secret in (*SECRETS, b"Exif", b"xmpmeta", b"Photoshop", b"eXIf", b"iTXt", b"zTXt"):
            assert secret not in data, (format, secret)


@pytest.mark.parametrize("source", TELLING)
def test_owners_are_kept_and_nothing_else(source: str, convert: Convert) -> None:
    for format, data in convert(TELLING[source](6), metadata=COPYRIGHT).items():
        info, exif, packet, records = described(data)
        if source == "gif":
            assert not exif
            assert not packet
            continue
        assert exif[ExifTags.Base.Artist] == OWNER, format
        assert OWNER.encode() in packet, format
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        if format is Format.JPEG and source in ("jpeg", "tiff"):
            assert records == {(2, 80): OWNER.encode()}
        told = b"".join((info["exif"], packet, data, *map(str.encode, map(str, info.values()))))
        for secret in SECRETS:
            assert (secret in told) is (secret == OWNER.encode()), (format, secret)


@pytest.mark.parametrize("keep_gps", [False, True])
@pytest.mark.parametrize("source", [source for source in TELLING if source != "gif"])
def test_all_is_kept_but_the_place(source: str, keep_gps: bool, convert: Convert) -> None:
    made = convert(TELLING[source](6), metadata=EVERYTHING, keep_gps=keep_gps)
    for format, data in made.items():
        info, exif, packet, records = described(data)
        assert exif[ExifTags.Base.Model] == "Box 3000", format
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        camera = exif.get_ifd(ExifTags.IFD.Exif)
        assert camera[ExifTags.Base.ISOSpeedRatings] == 400
        assert camera[ExifTags.Base.UserComment].endswith(b"a remark")
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        assert (place.get(2) == (52.0, 30.5, 0.0)) is keep_gps, format
        assert exif_tells_a_place(info["exif"]) is keep_gps
        assert b"a remark" in packet
        assert b"Orientation" not in packet
        assert xmp_tells_a_place(packet) is keep_gps
        assert (b"52,30.5N" in packet + info["exif"] + data) is keep_gps
        if format is Format.JPEG and source in ("jpeg", "tiff"):
            assert records[2, 120] == b"a remark"


@pytest.mark.parametrize("source", ["AVIF", "HEIC"])
def test_what_exif_says_of_a_heif_turns_nothing(source: str, convert: Convert) -> None:
    """The boxes of the file turn it, and have done so where a program forgot the block."""
    # Writers take an orientation out of a block and turn by it, so it is put in afterwards.
    tag, rest = b"\x15\x01", b"\x03\0\x01\0\0\0\x06\0\0\0"
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + tag + rest + bytes(4)
    upright, buffer = turned(1), io.BytesIO()
    if source == "HEIC":
        data = heic(upright, quality=95, chroma=444, exif=exif)
    else:
        upright.save(buffer, source, quality=95, subsampling="4:4:4", exif=exif)
        data = buffer.getvalue()
    assert data.count(tag + rest) == 1
    assert b"irot" not in data
    data = data.replace(tag + rest, b"\x12\x01" + rest)
    for format, made in convert(data).items():
        pixels = opened(made)
        assert pixels.shape == (HEIGHT, WIDTH, 3), format
        assert distance(patches(pixels), PATCHES) <= 1.5 + LOSS[format], format
