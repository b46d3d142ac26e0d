"""Formats are told by content, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picstore_imaging.formats import ACCEPTED, Format, SourceFormat, source_format_of
from picstore_imaging.sniff import recognise, sniff
from picstore_kit.errors import InvalidArgument, Reason


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    payload = major + b"\0\0\0\0" + b"".join(compatible)
    return (8 + len(payload)).to_bytes(4, "big") + b"ftyp" + payload


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", SourceFormat.JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", SourceFormat.PNG),
        (b"RIFF\x10\0\0\0WEBPVP8 ", SourceFormat.WEBP),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (ftyp(b"avif", b"mif1", b"miaf"), SourceFormat.AVIF),
        (ftyp(b"mif1", b"avif", b"miaf"), SourceFormat.AVIF),
        (ftyp(b"avis", b"msf1"), SourceFormat.AVIF),
        (ftyp(b"heic", b"mif1"), SourceFormat.HEIC),
        (ftyp(b"mif1", b"heic"), SourceFormat.HEIC),
        (ftyp(b"mif1") + b"\0\0\0\x15infe\x02\0\0\0\0\x01\0\0av01\0", SourceFormat.AVIF),
        (ftyp(b"mif1") + b"\0\0\0\x15infe\x02\0\0\0\0\x01\0\0hvc1\0", SourceFormat.HEIC),
        (ftyp(b"isom", b"mp42"), None),
        (b"GIF89a\x01\0\x01\0", SourceFormat.GIF),
        (b"II*\0\x08\0\0\0", SourceFormat.TIFF),
        (b"MM\0+\0\x08\0\0", SourceFormat.TIFF),
        (b"BM" + b"\0" * 12 + b"\x28\0\0\0", SourceFormat.BMP),
        (b"BM, a car maker's letter to its customers", None),
        (b"\xff\x0a\xfa\x1f", SourceFormat.JXL),
        (b"\0\0\0\x0cjP  \r\n\x87\n", SourceFormat.JP2),
        (b"\0\0\x01\0\x01\0\x10\x10", SourceFormat.ICO),
        (b"8BPS\0\x01", SourceFormat.PSD),
        (b"%PDF-1.7", SourceFormat.PDF),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", SourceFormat.SVG),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg\n>", SourceFormat.SVG),
        ("<?xml version='1.0'?><svg>".encode("utf-16"), SourceFormat.SVG),
        (b"<html><body>Not found</body></html>", None),
        (b"<html><body><svg></svg></body></html>", None),
        (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>\n<svg:svg>", SourceFormat.SVG),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", SourceFormat.SVG),
        (b"<!---->" * 580 + b"<sv", None),
        (b"", None),
        (b"\xff\xd8", None),
    ],
)
def test_content_tells_the_format(head: bytes, expected: SourceFormat | None) -> None:
    assert sniff(head) is expected


@given(st.binary(max_size=128))
def test_any_bytes_are_sniffed_without_an_error(head: bytes) -> None:
    sniff(head)


@given(st.binary(max_size=64))
def test_any_brand_list_is_sniffed_without_an_error(rest: bytes) -> None:
    sniff(b"\0\0\0\x20ftyp" + rest)


def test_every_output_format_can_be_read_again() -> None:
    assert {SourceFormat(format) for format in Format} < ACCEPTED


def test_drawings_are_accepted_only_where_they_are_allowed() -> None:
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    assert recognise(drawing, "image/svg+xml", allow_svg=True) is SourceFormat.SVG
    with pytest.raises(InvalidArgument) as caught:
        recognise(drawing)
    assert caught.value.reason is Reason.IMAGE_FORMAT_UNSUPPORTED
    assert caught.value.metadata["format"] == "svg"
    assert "svg" not in caught.value.metadata["accepted"]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/jpeg", SourceFormat.JPEG),
        ("Image/JPG; charset=binary", SourceFormat.JPEG),
        ("image/svg+xml", SourceFormat.SVG),
        ("application/octet-stream", None),
        ("", None),
    ],
)
def test_content_types_name_formats(content_type: str, expected: SourceFormat | None) -> None:
    assert source_format_of(content_type) is expected


def test_outputs_have_registered_names() -> None:
    assert [(f.mime_type, f.extension) for f in Format] == [
        ("image/jpeg", "jpg"),
        ("image/png", "png"),
        ("image/webp", "webp"),
        ("image/avif", "avif"),
    ]
