"""What outputs keep of a picture's metadata, read back by another library."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
import tifffile
from PIL import ExifTags, Image, IptcImagePlugin

from picstore_imaging import exif as exif_blocks
from picstore_imaging import iptc, xmp
from picstore_imaging.encoders import svt
from picstore_imaging.formats import Format
from picstore_imaging.gps import exif_tells_a_place, xmp_tells_a_place
from picstore_imaging.rules import (
    Chroma,
    EncoderOptions,
    FormatRule,
    MetadataPolicy,
)
from tests.unit.imaging.conftest import Convert

ALL = tuple(FormatRule(format=format) for format in Format)
Pixel = npt.NDArray[np.int_]
STRIP, COPYRIGHT, EVERYTHING = MetadataPolicy
GPS = ExifTags.IFD.GPSInfo
CAMERA = ExifTags.IFD.Exif
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" tiff:Orientation="6" xmp:Rating="4"
 exif:GPSLatitude="51,28.6N"><exif:GPSLongitude>0,0.0E</exif:GPSLongitude>
 <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Ann</rdf:li></rdf:Alt></dc:rights>
 <xmpRights:WebStatement>https://ann.example</xmpRights:WebStatement></rdf:Description>
</rdf:RDF></x:xmpmeta>"""


def iptc_block(**texts: str) -> bytes:
    numbers = {"city": 90, "copyright": 116, "caption": 120}
    records = b"".join(
        struct.pack(">BBBH", 0x1C, 2, numbers[name], len(text)) + text.encode()
        for name, text in texts.items()
    )
    resource = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(records)) + records
    return b"Photoshop 3.0\0" + resource + b"\0" * (len(records) % 2)


def packet_of(image: Image.Image) -> bytes:
    """The XMP packet; a PNG has it compressed."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return packet.encode() if isinstance(packet, str) else packet


def described(orientation: int = 1) -> Image.Exif:
    """An EXIF block with an owner, a place, a camera, its notes and a comment."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ann"
    exif[ExifTags.Base.Copyright] = "(c) Ann"
    exif[ExifTags.Base.Model] = "Box"
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(CAMERA).update({ExifTags.Base.ISOSpeedRatings: 400, 0x927C: b"notes"})
    exif.get_ifd(GPS).update({1: "N", 2: (51.0, 28.0, 40.0)})
    return exif


@pytest.fixture
def source(photo: Callable[[int, int], Image.Image], tmp_path: Path) -> Callable[[int], Path]:
    """Store a JPEG with all three blocks."""

    def store(orientation: int) -> Path:
        path = tmp_path / "source.jpg"
        photo(96, 64).save(path, exif=described(orientation), xmp=XMP)
        data = path.read_bytes()
        block = iptc_block(city="Paris", copyright="(c) Ann", caption="A hill")
        app13 = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
        path.write_bytes(data[:2] + app13 + data[2:])
        return path

    return store


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("policy", MetadataPolicy)
def test_no_output_is_turned_twice_or_says_where_it_was_taken(
    orientation: int, policy: MetadataPolicy, source: Callable[[int], Path], convert: Convert
) -> None:
    made = convert(source(orientation), formats=ALL, metadata=policy)
    assert len(made.paths) == 4
    for path in made.paths:
        with Image.open(path) as image:
            packet = packet_of(image)
            assert image.size == ((64, 96) if orientation >= 5 else (96, 64))
            exif = image.getexif()
            assert exif.get(ExifTags.Base.Orientation, 1) == 1
            assert not exif.get_ifd(GPS)
            assert not exif_tells_a_place(image.info.get("exif", b""))
        assert bool(packet) is (policy is not STRIP)
        assert not xmp_tells_a_place(packet)
        assert b"Orientation" not in packet
        if policy is STRIP:
            assert not exif
            assert not {"exif", "xmp", "icc_profile", "photoshop"} & set(image.info)


def test_copyright_is_kept_alone(source: Callable[[int], Path], convert: Convert) -> None:
    for path in convert(source(6), formats=ALL, metadata=COPYRIGHT).paths:
        with Image.open(path) as image:
            exif = image.getexif()
            assert exif[ExifTags.Base.Artist] == "Ann"
            assert exif[ExifTags.Base.Copyright] == "(c) Ann"
            assert ExifTags.Base.Model not in exif
            assert ExifTags.Base.ISOSpeedRatings not in exif.get_ifd(CAMERA)
            if path.suffix == ".jpg":
                records = IptcImagePlugin.getiptcinfo(image)
                assert records == {(2, 116): b"(c) Ann"}
            packet = packet_of(image)
        assert b"https://ann.example" in packet
        assert b"(c) Ann" in packet
        assert b"Rating" not in packet


@pytest.mark.parametrize("keep_gps", [False, True])
def test_all_is_kept_and_the_place_only_on_request(
    keep_gps: bool, source: Callable[[int], Path], convert: Convert
) -> None:
    made = convert(source(8), formats=ALL, metadata=EVERYTHING, keep_gps=keep_gps)
    for path in made.paths:
        with Image.open(path) as image:
            exif = image.getexif()
            assert exif[ExifTags.Base.Model] == "Box"
            assert exif.get_ifd(CAMERA)[ExifTags.Base.ISOSpeedRatings] == 400
            assert 0x927C not in exif.get_ifd(CAMERA)
            assert (exif.get_ifd(GPS).get(2) == (51.0, 28.0, 40.0)) is keep_gps
            assert exif.get(ExifTags.Base.Orientation, 1) == 1
            if path.suffix == ".jpg":
                records = IptcImagePlugin.getiptcinfo(image)
                assert records is not None
                assert records[2, 120] == b"A hill"
            packet = packet_of(image)
        assert b'Rating="4"' in packet
        assert xmp_tells_a_place(packet) is keep_gps


@pytest.mark.parametrize("chroma", Chroma)
def test_either_encoder_of_avif_keeps_the_blocks(
    chroma: Chroma, source: Callable[[int], Path], convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, by_svt = svt.encode, []

    def spy(image: pyvips.Image, **options: int) -> bytes:
        by_svt.append(image)
        return encode(image, **options)

    monkeypatch.setattr(svt, "encode", spy)
    rule = FormatRule(format=Format.AVIF, options=EncoderOptions(chroma=chroma))
    (out,) = convert(source(6), formats=(rule,), metadata=EVERYTHING).paths
    assert len(by_svt) == (chroma is Chroma.SUBSAMPLED)
    read = pyvips.Image.new_from_file(str(out))
    assert (read.width, read.height) == (64, 96)
    with Image.open(out) as image:
        exif = image.getexif()
        assert exif[ExifTags.Base.Artist] == "Ann"
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
        assert b"(c) Ann" in packet_of(image)
        assert not exif_tells_a_place(image.info["exif"])


def tiff_tags() -> list[tuple[int, str, int, object, bool]]:
    """What Pillow and tifffile alike write into the first directory."""
    iptc_records = iptc_block(copyright="(c) Ann", caption="A hill")[26:]
    return [
        (0x013B, "s", 0, "Ann", True),
        (0x8298, "s", 0, "(c) Ann", True),
        (0x0110, "s", 0, "Box", True),
        (700, "B", len(XMP), XMP, True),
        (33723, "B", len(iptc_records), iptc_records, True),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_what_a_tiff_says_in_its_own_directory_is_kept(
    big: bool, order: Literal["<", ">"], convert: Convert, tmp_path: Path
) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    path = tmp_path / "a"
    tifffile.imwrite(
        path, pixels, bigtiff=big, byteorder=order, extratags=tiff_tags(), metadata=None
    )
    for policy in (COPYRIGHT, EVERYTHING):
        for out in convert(path, formats=ALL, metadata=policy).paths:
            with Image.open(out) as image:
                exif, packet = image.getexif(), packet_of(image)
                assert exif[ExifTags.Base.Artist] == "Ann"
                assert exif[ExifTags.Base.Copyright] == "(c) Ann"
                assert exif.get(ExifTags.Base.Model) == ("Box" if policy is EVERYTHING else None)
                assert b"https://ann.example" in packet
                assert not xmp_tells_a_place(packet)
                if out.suffix == ".jpg":
                    records = IptcImagePlugin.getiptcinfo(image) or {}
                    assert records[2, 116] == b"(c) Ann"
                    assert ((2, 120) in records) is (policy is EVERYTHING)
    (out,) = convert(path, formats=(FormatRule(format=Format.JPEG),)).paths
    with Image.open(out) as image:
        assert not image.getexif()


@pytest.mark.parametrize("keep_gps", [False, True])
def test_the_directories_of_a_tiff_are_kept_as_those_of_a_jpeg(
    keep_gps: bool, convert: Convert, tmp_path: Path
) -> None:
    exif = described()
    # Pillow writes only those that it finds as a value, too.
    for directory in (CAMERA, GPS):
        exif[directory] = dict(exif.get_ifd(directory))
    (path := tmp_path / "a.tif").write_bytes(b"")
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    for out in convert(path, formats=ALL, metadata=EVERYTHING, keep_gps=keep_gps).paths:
        with Image.open(out) as image:
            found = image.getexif()
            assert found[ExifTags.Base.Model] == "Box"
            assert found.get_ifd(CAMERA)[ExifTags.Base.ISOSpeedRatings] == 400
            assert 0x927C not in found.get_ifd(CAMERA)
            assert (found.get_ifd(GPS).get(2) == (51.0, 28.0, 40.0)) is keep_gps


def test_a_value_of_a_tiff_that_is_too_long_is_left_out_alone() -> None:
    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, kind, count, value)

    long, owner = b"x" * 20_000, b"Ann!!\0"
    at = 8 + 2 + 2 * 12 + 4
    directory = struct.pack("<H", 2) + entry(0x010E, 2, len(long), at + len(owner))
    directory += entry(0x013B, 2, len(owner), at) + bytes(4)
    block = exif_blocks.of_tiff(b"II*\0\x08\0\0\0" + directory + owner + long)
    read = Image.Exif()
    read.load(block)
    assert dict(read) == {0x013B: "Ann!!"}
    assert exif_blocks.of_tiff(b"II*\0") == b""


def test_properties_are_found_in_every_description_of_a_packet() -> None:
    two = XMP.replace(
        b"</rdf:RDF>",
        b"""<rdf:Description xmlns:p="http://ns.adobe.com/photoshop/1.0/" rdf:about=""
        p:Credit="Ann's"/></rdf:RDF>""",
    )
    kept = xmp.rewritten(two, COPYRIGHT, keep_gps=False)
    assert kept is not None
    assert b"Ann's" in kept
    assert b"https://ann.example" in kept


def test_a_place_in_a_structure_is_left_out_with_it() -> None:
    nested = XMP.replace(
        b"<dc:rights>",
        b"""<xmp:Shown rdf:parseType="Resource"><exif:GPSLatitude>1,2N</exif:GPSLatitude>
        <xmp:Label>here</xmp:Label></xmp:Shown><dc:rights>""",
    )
    kept = xmp.rewritten(nested, EVERYTHING, keep_gps=False)
    assert kept is not None
    assert b"here" in kept
    assert not xmp_tells_a_place(kept)
    deep = XMP.replace(b"<dc:rights>", b"<xmp:a>" * 5000 + b"</xmp:a>" * 5000 + b"<dc:rights>")
    shallow = xmp.rewritten(deep, EVERYTHING, keep_gps=False)
    assert shallow is not None
    assert 0 < shallow.count(b"xmp:a") < 100


def test_damaged_blocks_are_not_kept() -> None:
    block = described().tobytes()
    for length in range(len(block)):
        kept = exif_blocks.rewritten(block[:length], EVERYTHING, keep_gps=False)
        assert kept is None or not exif_tells_a_place(kept)
    entity = b'<!DOCTYPE a [<!ENTITY b "c">]>' + XMP
    assert xmp.rewritten(entity, EVERYTHING, keep_gps=True) is None
    for length in range(0, len(XMP), 7):
        kept = xmp.rewritten(XMP[:length], EVERYTHING, keep_gps=False)
        assert kept is None or not xmp_tells_a_place(kept)
    records = iptc_block(caption="A hill")
    for length in range(len(records)):
        iptc.rewritten(records[:length], EVERYTHING)
    assert iptc.rewritten(records, COPYRIGHT) is None
