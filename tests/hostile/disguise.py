"""Files that say that they are something else, or are two things at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import Final

from picstore_imaging.formats import ACCEPTED, SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, either, harmless, refused
from tests.hostile.png import chunk
from tests.hostile.whole import of_format, whole

_HTML: Final = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
_FORMATS: Final = sorted({*ACCEPTED, SourceFormat.SVG})

_OTHERS: Final[dict[str, tuple[bytes, SourceFormat, Reason]]] = {
    "a zip": (b"PK\3\4" + bytes(60), SourceFormat.PNG, Reason.IMAGE_UNRECOGNISED),
    "a program": (b"\x7fELF\2\1\1" + bytes(60), SourceFormat.PNG, Reason.IMAGE_UNRECOGNISED),
    "a page": (_HTML, SourceFormat.SVG, Reason.IMAGE_UNRECOGNISED),
    "a script": (b"push graphic-context\n", SourceFormat.SVG, Reason.IMAGE_UNRECOGNISED),
    "a postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", SourceFormat.PDF, Reason.IMAGE_UNRECOGNISED),
    "a pdf": (b"%PDF-1.7\n" + bytes(60), SourceFormat.PDF, Reason.IMAGE_FORMAT_UNSUPPORTED),
    "a psd": (b"8BPS\0\1" + bytes(60), SourceFormat.PSD, Reason.IMAGE_FORMAT_UNSUPPORTED),
    "an icon": (b"\0\0\1\0\1\0" + bytes(60), SourceFormat.ICO, Reason.IMAGE_FORMAT_UNSUPPORTED),
    "a bitmap": (
        b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(60),
        SourceFormat.BMP,
        Reason.IMAGE_FORMAT_UNSUPPORTED,
    ),
    "a codestream": (
        b"\xff\x4f\xff\x51" + bytes(60),
        SourceFormat.JP2,
        Reason("IMAGE_FORMAT_UNSUPPORTED"),
    ),
    "a newer codestream": (
        b"\xff\x0a" + bytes(60),
        SourceFormat.JXL,
        Reason.IMAGE_FORMAT_UNSUPPORTED,
    ),
    "nothing": (b"", SourceFormat.PNG, Reason.UPLOAD_EMPTY),
    "zeros": (bytes(4096), SourceFormat.PNG, Reason.IMAGE_UNRECOGNISED),
    "one byte": (b"\xff", SourceFormat.JPEG, Reason.IMAGE_UNRECOGNISED),
}


def mismatched() -> Iterator[Case]:
    """Declare each format as every other, and swap the first bytes of two formats."""
    for format in _FORMATS:
        for declared in _FORMATS:
            if declared is not format:
                yield refused(
                    f"{format} declared as {declared}",
                    format,
                    partial(whole, of_format(format)),
                    Reason.IMAGE_TYPE_MISMATCH,
                    declared_type=declared.mime_type,
                )
    for format in _FORMATS:
        other = _FORMATS[(_FORMATS.index(format) + 1) % len(_FORMATS)]
        yield refused(
            f"{other} that begins as {format}",
            format,
            partial(_begins_as, format, other),
            Reason.IMAGE_CORRUPT,
            Reason.IMAGE_TRUNCATED,
            Reason.IMAGE_UNRECOGNISED,
        )
    for name, (data, format, reason) in _OTHERS.items():
        yield refused(f"{name} in place of a picture", format, partial(bytes, data), reason)
    yield refused(
        "svg where drawings are not allowed",
        SourceFormat.SVG,
        partial(whole, "svg"),
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        allow_svg=False,
    )


def polyglots() -> Iterator[Case]:
    """Sound pictures that are archives, scripts or pages as well: no output carries it on."""
    for name in ("jpeg", "png", "animated gif", "webp", "avif", "heic", "tiff"):
        format = SourceFormat(name.rpartition(" ")[2])
        yield harmless(f"{name} that is a zip as well", format, partial(_with_zip, name))
        yield harmless(f"{name} with a page after it", format, partial(_with_page, name))
    yield harmless("png with a page in its text", SourceFormat.PNG, _png_with_page)
    yield harmless("jpeg with a page in its comment", SourceFormat.JPEG, _jpeg_with_page)
    yield either("gif that is a script", SourceFormat.GIF, _gif_that_is_a_script)


def _begins_as(format: SourceFormat, other: SourceFormat) -> bytes:
    return whole(of_format(format))[:12] + whole(of_format(other))[12:]


def _with_zip(name: str) -> bytes:
    buffer = io.BytesIO()
    buffer.write(whole(name))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo("index.html"), _HTML)
    return buffer.getvalue()


def _with_page(name: str) -> bytes:
    return whole(name) + _HTML


def _png_with_page() -> bytes:
    data = whole("png")
    return data[:33] + chunk(b"tEXt", b"Comment\0" + _HTML) + data[33:]


def _jpeg_with_page() -> bytes:
    comment = b"\xff\xfe" + (2 + len(_HTML)).to_bytes(2, "big") + _HTML
    return whole("jpeg")[:2] + comment + whole("jpeg")[2:]


def _gif_that_is_a_script() -> bytes:
    """`GIF89a/*…*/=1;alert(1)`: its width opens the comment that hides the picture."""
    data = bytearray(whole("gif"))
    data[6:10] = b"/*\0\0"
    data[8:10] = (64).to_bytes(2, "little")
    return bytes(data) + b"*/=1;alert(1);"
