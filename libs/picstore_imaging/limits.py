"""How large a picture may be, checked from its header before one pixel is decoded.

Pixels are not what a decoder holds in memory: a baseline JPEG of 256 MP takes 45 MB, an AVIF of
144 MP takes 1.7 GB from a file of 2 KiB. So formats that must be decoded whole have a lower limit.
Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import InvalidArgument, Reason

_MAX_CHANNELS: Final = 8
"""CMYK, alpha, and three saved selections; satellites see more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one original may measure; a project may have tighter ones."""

    bytes: int = 100_000_000
    """Length of the file."""
    pixels: int = 100_000_000
    """Width x height, summed over the frames."""
    pixels_whole_decode: int = 50_000_000
    """The same for WebP, AVIF, GIF, HEIC, TIFF, progressive JPEG and interlaced PNG."""
    side: int = 20_000
    """Longest side, in pixels."""
    frames: int = 300
    """Frames of an animation, pages of a TIFF."""
    icc_bytes: int = 4 * 1024 * 1024
    """Length of the embedded colour profile."""
    exif_bytes: int = 1024 * 1024
    """Length of the EXIF block."""
    xmp_bytes: int = 1024 * 1024
    """Length of the XMP packet."""
    svg_bytes: int = 10_000_000
    """Length of an SVG, whose every byte is parsed; librsvg takes no more."""
    embedded_pixels: int = 50_000_000
    """Width x height of the pictures in an SVG, all together: each is decoded whole."""
    allow_svg: bool = False
    """Whether drawings are pictures at all; they are refused by name where not."""

    def to_json(self) -> dict[str, int]:
        """For the request to a sandboxed child."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, int]) -> Limits:
        """Read what `to_json` wrote; a missing field has its default."""
        numbers = {name: number for name, number in fields.items() if name != "allow_svg"}
        return cls(**numbers, allow_svg=bool(fields.get("allow_svg", False)))


def check_bytes(limits: Limits, length: int, source_format: SourceFormat | None = None) -> None:
    """Raise `LIMIT_BYTES` where a file of `length` bytes is too long."""
    drawing = source_format is SourceFormat.SVG
    _check(
        Reason.LIMIT_BYTES,
        "the file has {actual} bytes, {limit} are allowed",
        length,
        min(limits.bytes, limits.svg_bytes) if drawing else limits.bytes,
    )


def check_side(limits: Limits, side: int) -> None:
    """Raise `LIMIT_SIDE` where the longest side of a picture is too long."""
    _check(
        Reason.LIMIT_SIDE,
        "the picture's longest side is {actual} px, {limit} px are allowed",
        side,
        limits.side,
    )


def check_frames(limits: Limits, frames: int) -> None:
    """Raise `LIMIT_FRAMES` where an animation has too many frames."""
    _check(
        Reason.LIMIT_FRAMES,
        "the picture has {actual} frames, {limit} are allowed",
        frames,
        limits.frames,
    )


def check_pixels(
    limits: Limits, pixels: int, source_format: SourceFormat, *, decoded_whole: bool
) -> None:
    """Raise `LIMIT_PIXELS` where a picture has too many, all frames together."""
    _check(
        Reason.LIMIT_PIXELS,
        f"the picture has {{actual}} pixels, {{limit}} are allowed for {source_format}"
        if decoded_whole
        else "the picture has {actual} pixels, {limit} are allowed",
        pixels,
        min(limits.pixels, limits.pixels_whole_decode) if decoded_whole else limits.pixels,
    )


def check_embedded(limits: Limits, pixels: int) -> None:
    """Raise `LIMIT_PIXELS` where the pictures in a drawing have too many, all together."""
    _check(
        Reason.LIMIT_PIXELS,
        "the pictures in the drawing have {actual} pixels, {limit} are allowed",
        pixels,
        limits.embedded_pixels,
    )


def check_channels(channels: int) -> None:
    """Raise `IMAGE_FORMAT_UNSUPPORTED` for what is no picture of colours but one of measurements.

    Each channel is decoded, so they cost what as many pixels do.
    """
    _check(
        Reason.IMAGE_FORMAT_UNSUPPORTED,
        "the picture has {actual} channels, at most {limit} are read",
        channels,
        _MAX_CHANNELS,
    )


def check(limits: Limits, probe: Probe) -> None:
    """Raise a `LIMIT_*` reason, with `actual` and `limit` in its metadata, where one is passed."""
    check_bytes(limits, probe.bytes, probe.format)
    check_frames(limits, probe.frames)
    check_side(limits, max(probe.width, probe.height))
    facts = probe.facts()
    check_pixels(limits, facts.pixels, probe.format, decoded_whole=facts.decoded_whole)
    for name, actual, limit in (
        ("colour profile", probe.icc_bytes, limits.icc_bytes),
        ("EXIF block", probe.exif_bytes, limits.exif_bytes),
        ("XMP packet", probe.xmp_bytes, limits.xmp_bytes),
    ):
        _check(
            Reason.LIMIT_METADATA,
            f"the picture's {name} has {{actual}} bytes, {{limit}} are allowed",
            actual,
            limit,
        )


def _check(reason: Reason, template: str, actual: int, limit: int) -> None:
    if actual > limit:
        raise InvalidArgument(
            reason,
            template.format(actual=actual, limit=limit),
            metadata={"actual": str(actual), "limit": str(limit)},
        )
