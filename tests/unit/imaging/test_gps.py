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

from picstore_imaging.facts import Probe
from picstore_imaging.gps import exif_tells_a_place, xmp_tells_a_place
from tests.pictures import heic

RunProbe = Callable[..., Probe]
Photo = Callable[[int, int], Image.Image]

FORMATS: Final = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"]


def xmp_packet(*, place: bool) -> bytes:
    text = '<exif:GPSLatitude>48,51.5N</exif:GPSLatitude><e:GPSLongitude a="2"/>' if place else ""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:ColorSpace="1" GPSed="no">'
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
