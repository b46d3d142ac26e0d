"""Tell a picture's format by its first bytes, never by its name or by what the sender says.

The libvips loader is then called by the name found here: libvips is never left to guess, for a
file that calls itself PNG and is TIFF would reach the decoder with the most holes (PostHog's
post-mortem of 2026). Pure: importable by every process.
"""

from __future__ import annotations

import re
from typing import Final

from picstore_imaging.formats import SourceFormat, accepted, source_format_of
from picstore_kit.errors import InvalidArgument, Reason

HEAD_BYTES: Final = 4096
"""How much of the file `sniff` wants; most formats show in 32 bytes, SVG and bare HEIF later."""

_SIGNATURES: Final[tuple[tuple[bytes, SourceFormat], ...]] = (
    (b"\xff\xd8\xff", SourceFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", SourceFormat.PNG),
    (b"GIF87a", SourceFormat.GIF),
    (b"GIF89a", SourceFormat.GIF),
    (b"II*\0", SourceFormat.TIFF),
    (b"MM\0*", SourceFormat.TIFF),
    (b"II+\0", SourceFormat.TIFF),
    (b"MM\0+", SourceFormat.TIFF),
    (b"\xff\x0a", SourceFormat.JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", SourceFormat.JXL),
    (b"\0\0\0\x0cjP  \r\n\x87\n", SourceFormat.JP2),
    (b"\xff\x4f\xff\x51", SourceFormat.JP2),
    (b"8BPS\0", SourceFormat.PSD),
    (b"%PDF-", SourceFormat.PDF),
    (b"\0\0\x01\0", SourceFormat.ICO),
)

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
)
_HEIF_BRANDS: Final = frozenset({b"mif1", b"msf1", b"mif2"})

_SVG: Final = re.compile(
    rb"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*+(?:\[.*?\])?+\s*+>)*+"
    rb"<(?:[A-Za-z_][\w.-]*+:)?svg[\s/>]",
    re.DOTALL,
)
"""What may precede the first element, never read twice, and its name: HTML with an SVG is none."""
_BMP_HEADER_SIZES: Final = frozenset({12, 40, 52, 56, 64, 108, 124})


def sniff(head: bytes) -> SourceFormat | None:
    """Name the format of a file that begins with `head`; None where it is none that we know.

    Give it `HEAD_BYTES` bytes, or the whole file where it is shorter.
    """
    for signature, source_format in _SIGNATURES:
        if head.startswith(signature):
            return source_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return SourceFormat.WEBP
    if head[4:8] == b"ftyp":
        return _sniff_heif(head)
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return SourceFormat.BMP
    if _is_svg(head):
        return SourceFormat.SVG
    return None


def recognise(
    head: bytes, declared_type: str | None = None, *, allow_svg: bool = False
) -> SourceFormat:
    """Name the accepted format of a file that begins with `head`.

    Raises `UPLOAD_EMPTY`, `IMAGE_UNRECOGNISED`, `IMAGE_FORMAT_UNSUPPORTED`, or
    `IMAGE_TYPE_MISMATCH` where the sender declared the content type of another picture format. A
    type that names no picture format, such as `application/octet-stream`, declares nothing.
    """
    if not head:
        raise InvalidArgument(Reason.UPLOAD_EMPTY, "the file is empty")
    found = sniff(head)
    if found is None:
        raise InvalidArgument(Reason.IMAGE_UNRECOGNISED, "the file is no picture that we know")
    formats = accepted(allow_svg=allow_svg)
    if found not in formats:
        names = ", ".join(sorted(formats))
        raise InvalidArgument(
            Reason.IMAGE_FORMAT_UNSUPPORTED,
            f"{found} pictures are not accepted, only {names}",
            metadata={"format": found, "accepted": names},
        )
    declared = source_format_of(declared_type or "")
    if declared is not None and declared is not found:
        raise InvalidArgument(
            Reason.IMAGE_TYPE_MISMATCH,
            f"the file is declared as {declared.mime_type} and is {found.mime_type}",
            metadata={"declared": declared.mime_type, "found": found.mime_type},
        )
    return found


def _sniff_heif(head: bytes) -> SourceFormat | None:
    """Read the brands of a `ftyp` box: the major one, then the compatible ones."""
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4)}
    if brands & _AVIF_BRANDS:
        return SourceFormat.AVIF
    if brands & _HEIC_BRANDS:
        return SourceFormat.HEIC
    if brands & _HEIF_BRANDS:
        # Some encoders name only the container; the item's type (`infe`) then tells the codec.
        return SourceFormat.AVIF if b"av01" in head else SourceFormat.HEIC
    return None


def _is_svg(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\0", b"")[2:]
    return _SVG.match(head.removeprefix(b"\xef\xbb\xbf")) is not None
