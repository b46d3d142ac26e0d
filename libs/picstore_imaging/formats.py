"""The picture formats: what we read, what we write, and what we know well enough to refuse by name.

Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """A format that outputs are written in."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def mime_type(self) -> str:
        """The media type to send and to put into `<source type>`, such as `image/jpeg`."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """The customary file extension, without its dot."""
        return "jpg" if self is Format.JPEG else self.value

    @property
    def has_alpha(self) -> bool:
        """Whether the format can be transparent; where not, alpha is flattened on a background."""
        return self is not Format.JPEG

    @property
    def moves(self) -> bool:
        """Whether an animation becomes one; where not, its first frame is shown."""
        return self in (Format.WEBP, Format.AVIF)

    @property
    def deep(self) -> bool:
        """Whether an output keeps more than 8 bits of a source that has them."""
        return self is Format.AVIF

    @property
    def max_side(self) -> int:
        """The longest side that we write, in pixels."""
        return _LONGEST[self]


BEST_FIRST: Final = (Format.AVIF, Format.WEBP, Format.JPEG, Format.PNG)
"""The order in which a page offers formats to browsers."""


def most_widely_known(formats: Iterable[Format], *, has_alpha: bool) -> Format:
    """Choose the format that the most browsers know and that shows the picture as it is."""
    order = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF)
    if has_alpha:
        order = (Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF)
    return min(formats, key=order.index)


class SourceFormat(StrEnum):
    """A format that `sniff` recognises; only those of `accepted` are converted."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    HEIC = "heic"
    TIFF = "tiff"
    SVG = "svg"
    JXL = "jxl"
    JP2 = "jp2"
    BMP = "bmp"
    ICO = "ico"
    PSD = "psd"
    PDF = "pdf"

    @property
    def mime_type(self) -> str:
        """The registered media type."""
        return _SOURCE_MIME_TYPES.get(self, f"image/{self.value}")


MAX_SIDE: Final = 16_384
"""The longest side that may be asked for, in pixels."""

_LONGEST: Final = {
    Format.JPEG: 65_500,
    Format.PNG: 65_500,
    Format.WEBP: 16_383,
    Format.AVIF: MAX_SIDE,
}
"""WebP ends there, and libjpeg. A picture that is longer still becomes a JPEG or PNG: so every
picture has something to show."""

ACCEPTED: Final[frozenset[SourceFormat]] = frozenset(
    {
        SourceFormat.JPEG,
        SourceFormat.PNG,
        SourceFormat.WEBP,
        SourceFormat.AVIF,
        SourceFormat.GIF,
        SourceFormat.HEIC,
        SourceFormat.TIFF,
    }
)
"""The formats that may be uploaded wherever nothing else is said."""

WHOLE_DECODE: Final[frozenset[SourceFormat]] = frozenset(
    {
        SourceFormat.WEBP,
        SourceFormat.AVIF,
        SourceFormat.GIF,
        SourceFormat.HEIC,
        SourceFormat.TIFF,
    }
)
"""Formats whose decoder holds the whole picture in memory, whatever is asked of it.

A TIFF may be a single strip, which is inflated at once. A progressive JPEG and an interlaced PNG
are held whole as well, which only their header tells.
"""

PAGED: Final[frozenset[SourceFormat]] = frozenset({SourceFormat.TIFF})
"""Formats whose frames are pages of which only the first is decoded."""

ANIMATED: Final[frozenset[SourceFormat]] = frozenset(
    {SourceFormat.GIF, SourceFormat.WEBP, SourceFormat.PNG}
)
"""Formats of which every frame is decoded, for an output that can move; of others, the first."""


def accepted(*, allow_svg: bool = False) -> frozenset[SourceFormat]:
    """The formats that may be uploaded; drawings only where the installation allows them."""
    return ACCEPTED | {SourceFormat.SVG} if allow_svg else ACCEPTED


_SOURCE_MIME_TYPES: Final = {
    SourceFormat.SVG: "image/svg+xml",
    SourceFormat.ICO: "image/vnd.microsoft.icon",
    SourceFormat.PSD: "image/vnd.adobe.photoshop",
    SourceFormat.PDF: "application/pdf",
}

_ALIASES: Final = {
    "image/jpg": SourceFormat.JPEG,
    "image/pjpeg": SourceFormat.JPEG,
    "image/x-png": SourceFormat.PNG,
    "image/heif": SourceFormat.HEIC,
    "image/heic-sequence": SourceFormat.HEIC,
    "image/heif-sequence": SourceFormat.HEIC,
    "image/apng": SourceFormat.PNG,
    "image/tif": SourceFormat.TIFF,
    "image/svg": SourceFormat.SVG,
    "image/x-ms-bmp": SourceFormat.BMP,
    "image/x-icon": SourceFormat.ICO,
}

_BY_MIME_TYPE: Final = {f.mime_type: f for f in SourceFormat} | _ALIASES


def source_format_of(mime_type: str) -> SourceFormat | None:
    """Read a `Content-Type`, whatever its parameters and case; None where it names no format.

    So `application/octet-stream` is None: it says nothing about the picture.
    """
    return _BY_MIME_TYPE.get(mime_type.partition(";")[0].strip().lower())
