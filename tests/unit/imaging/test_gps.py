"""Where a picture was taken is found in everything that can carry it, and told to the uploader."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from picstore_imaging import exif as exif_blocks
from picstore_imaging import xmp
from picstore_imaging.facts import Probe
from picstore_imaging.gps import exif_tells_a_place, xmp_tells_a_place
from picstore_imaging.rules import MetadataPolicy
from tests.pictures import heic

RunProbe = Callable[..., Probe]
Photo = Callable[[int, int], Image.Image]

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
FORMATS: Final = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"]


def xmp_packet(*, place: bool) -> bytes:
    text = '<exif:GPSLatitude>48,51.5N</exif:GPSLatitude><e:GPSLongitude a="2"/>' if place else ""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:ColorSpace="1" by="GPSLatitude">'
        f'{text}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def exif_block(*, place: bool, order: str = "<", entries: tuple[int, ...] = (0, 1, 2)) -> bytes:
    """An EXIF block with a GPS directory of these entries, or with an orientation alone."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    first = struct.pack(order + "HHIHH", 0x0112, 3, 1, 1, 0)
    if place:
        first += struct.pack(order + "HHII", 0x8825, 4, 1, 8 + 2 + 24 + 4)
    head = start + struct.pack(order + "IH", 8, 1 + place) + first + bytes(4)
    if not place:
        return b"Exif\0\0" + head
    gps = struct.pack(order + "H", len(entries))
    gps += b"".join(struct.pack(order + "HHI4s", tag, 1, 1, b"N\0\0\0") for tag in entries)
    return b"Exif\0\0" + head + gps + bytes(4)


def with_exif(format: str, image: Image.Image, exif: bytes, *, place: bool) -> bytes:
    if format == "HEIC":
        return heic(image, exif=exif)
    if format == "AVIF":
        picture = pyvips.Image.new_from_array(np.asarray(image)).copy()
        picture.set_type(pyvips.GValue.blob_type, "exif-data", exif)
        data: bytes = picture.heifsave_buffer(compression="av1", effort=0)
        return data
    buffer = io.BytesIO()
    if format == "TIFF":
        tags = Image.Exif()
        tags[0x0112] = 1
        if place:
            place_tags = {1: "N", 2: (48.0, 51.0, 30.0)}
            tags.get_ifd(0x8825).update(place_tags)
            tags[0x8825] = place_tags
        image.save(buffer, format, exif=tags)
    else:
        image.save(buffer, format, exif=exif)
    return buffer.getvalue()


def with_xmp(format: str, image: Image.Image, packet: bytes) -> bytes:
    if format == "HEIC":
        return heic(image, xmp=packet)
    if format in ("AVIF", "TIFF"):
        picture = pyvips.Image.new_from_array(np.asarray(image)).copy()
        picture.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
        saved: bytes = (
            picture.tiffsave_buffer()
            if format == "TIFF"
            else picture.heifsave_buffer(compression="av1", effort=0)
        )
        return saved
    buffer = io.BytesIO()
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        image.save(buffer, format, pnginfo=info)
    elif format == "GIF":
        image.save(buffer, format)
        trailer = bytes([1, *range(255, -1, -1), 0])
        block = b"!\xff\x0bXMP DataXMP" + packet + trailer
        return buffer.getvalue()[:-1] + block + b";"
    else:
        image.save(buffer, format, xmp=packet)
    return buffer.getvalue()


@pytest.mark.parametrize("place", [True, False])
@pytest.mark.parametrize("format", FORMATS)
def test_a_place_in_exif_is_found(
    format: str, place: bool, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    data = with_exif(format, photo(64, 48), exif_block(place=place), place=place)
    (path := tmp_path / "a").write_bytes(data)
    assert probe(path).has_gps is place


@pytest.mark.parametrize("place", [True, False])
@pytest.mark.parametrize("format", [*FORMATS, "GIF"])
def test_a_place_in_xmp_is_found(
    format: str, place: bool, photo: Photo, probe: RunProbe, tmp_path: Path
) -> None:
    data = with_xmp(format, photo(64, 48), xmp_packet(place=place))
    (path := tmp_path / "a").write_bytes(data)
    assert probe(path).has_gps is place


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("prefix", [b"", b"\0\0\0\0", b"\0\0\0\x06Exif\0\0", b"\0\0\0\0Exif\0\0"])
def test_both_byte_orders_and_every_wrapping_are_read(order: str, prefix: bytes) -> None:
    block = exif_block(place=True, order=order).removeprefix(b"Exif\0\0")
    assert exif_tells_a_place(prefix + block)
    assert not exif_tells_a_place(prefix + exif_block(place=False, order=order)[6:])


def test_a_directory_that_says_only_its_version_tells_no_place() -> None:
    assert not exif_tells_a_place(exif_block(place=True, entries=(0,)))
    assert exif_tells_a_place(exif_block(place=True, entries=(2,)))


def test_a_block_that_was_cut_off_before_the_place_is_taken_to_have_one() -> None:
    assert exif_tells_a_place(exif_block(place=True)[:46])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    exif_tells_a_place(data)
    exif_tells_a_place(b"II*\0\x08\0\0\0" + data)
    exif_tells_a_place(b"MM\0*\0\0\0\x08" + data)
    xmp_tells_a_place(data)


PLACES: Final = {
    "of a drone, in attributes": "<rdf:Description xmlns:drone-dji='http://www.dji.com/drone-dji/1"
    ".0/' drone-dji:GpsLatitude='+52.5' drone-dji:GpsLongitude='+13.4'/>",
    "of an older drone": "<rdf:Description xmlns:drone-dji='http://www.dji.com/drone-dji/1.0/'>"
    "<drone-dji:Latitude>52.5</drone-dji:Latitude></rdf:Description>",
    "of W3C, in attributes": "<rdf:Description xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#'"
    " geo:lat='52.5' geo:long='13.4'/>",
    "of W3C, by another prefix": "<rdf:Description xmlns:w='http://www.w3.org/2003/01/geo/wgs84_pos"
    "#'><w:lat>52.5</w:lat></rdf:Description>",
    "of GeoRSS": "<rdf:Description xmlns:g='http://www.georss.org/georss'>"
    "<g:point>52.5 13.4</g:point></rdf:Description>",
    "in a structure": "<rdf:Description xmlns:i='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' "
    "xmlns:exif='http://ns.adobe.com/exif/1.0/'><i:LocationShown><rdf:Bag><rdf:li "
    "rdf:parseType='Resource'><i:City>Berlin</i:City><exif:GPSLatitude>52,52.5N</exif:GPSLatitude>"
    "</rdf:li></rdf:Bag></i:LocationShown></rdf:Description>",
    "in an attribute of a structure": "<rdf:Description xmlns:i='http://iptc.org/std/Iptc4xmpExt/"
    "2008-02-29/' xmlns:e='http://ns.adobe.com/exif/1.0/'><i:LocationShown><rdf:Bag><rdf:li><rdf:"
    "Description i:City='Berlin' e:GPSLatitude='52.5'/></rdf:li></rdf:Bag></i:LocationShown>"
    "</rdf:Description>",
    "in an owner's property": "<rdf:Description xmlns:r='http://ns.adobe.com/xap/1.0/rights/' "
    "xmlns:n='urn:n'><r:Owner rdf:parseType='Resource'><n:longitude>52.5</n:longitude></r:Owner>"
    "</rdf:Description>",
}
"""Descriptions in RDF, each with a number that is nowhere to be found afterwards."""


def packet_of(description: str) -> bytes:
    rating = "<rdf:Description xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/>"
    rdf = f"<rdf:RDF xmlns:rdf='{RDF}'>{rating}{description}</rdf:RDF>"
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{rdf}</x:xmpmeta>".encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", PLACES)
def test_every_way_of_xmp_to_tell_a_place_is_seen_and_left_out(name: str, encoding: str) -> None:
    packet = packet_of(PLACES[name]).decode().encode(encoding)
    assert xmp_tells_a_place(packet)
    kept = xmp.rewritten(packet, MetadataPolicy.KEEP_ALL, keep_gps=False)
    assert kept is not None
    assert b'Rating="4"' in kept
    assert b"52.5" not in kept
    assert b"13.4" not in kept
    assert (b"Berlin" in kept) is ("Berlin" in PLACES[name])
    assert not xmp_tells_a_place(kept)
    asked_for = xmp.rewritten(packet, MetadataPolicy.KEEP_ALL, keep_gps=True)
    assert asked_for is not None
    assert b"52.5" in asked_for
    assert xmp_tells_a_place(asked_for)
    owners = xmp.rewritten(packet, MetadataPolicy.KEEP_COPYRIGHT, keep_gps=True)
    assert owners is None or b"52.5" not in owners


def test_a_height_and_a_receiver_are_left_out_and_alone_are_no_place() -> None:
    packet = packet_of(
        "<rdf:Description xmlns:d='http://www.dji.com/drone-dji/1.0/' d:AbsoluteAltitude='+77'"
        " xmlns:exif='http://ns.adobe.com/exif/1.0/' exif:GPSVersionID='2.2.0.0'/>"
    )
    assert not xmp_tells_a_place(packet)
    kept = xmp.rewritten(packet, MetadataPolicy.KEEP_ALL, keep_gps=False)
    assert kept is not None
    assert b"77" not in kept
    assert b"2.2.0.0" not in kept


def test_a_text_that_speaks_of_gps_is_no_place() -> None:
    about = "my GPS says: latitude, longitude; geo:lat"
    packet = packet_of(
        "<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/'>"
        f"<dc:source>{about}</dc:source></rdf:Description>"
    )
    assert not xmp_tells_a_place(packet)
    kept = xmp.rewritten(packet, MetadataPolicy.KEEP_ALL, keep_gps=False)
    assert kept is not None
    assert about.encode() in kept


@pytest.mark.parametrize("damaged", [b"", b"</rdf:oops>", b"\xff"])
def test_a_place_is_seen_in_a_packet_that_cannot_be_parsed(damaged: bytes) -> None:
    for description in PLACES.values():
        assert xmp_tells_a_place(packet_of(description)[:-20] + damaged)


def test_only_entries_that_describe_the_shot_are_kept() -> None:
    """A packet of XMP, coordinates of a map, or a maker's own entry may be in any directory."""
    exif = Image.Exif()
    exif[0x010F] = "Box"
    hiding = {0x02BC: b"<GPS 52.5/>", 0x83BB: b"Berlin", 0xC634: b"52.5", 0xEA1C: b"52.5"}
    on_a_map = {0x8482: (52.5,), 0x87AF: (1, 52)}
    kept_ones = {0x8830: 2, 0x9286: b"ASCII\0\0\0hi"}
    exif.get_ifd(0x8769).update({**hiding, **on_a_map, **kept_ones})
    kept = exif_blocks.rewritten(exif.tobytes(), MetadataPolicy.KEEP_ALL, keep_gps=False)
    assert kept is not None
    read = Image.Exif()
    read.load(kept)
    assert read.get_ifd(0x8769) == kept_ones
