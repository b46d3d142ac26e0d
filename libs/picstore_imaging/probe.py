"""Read a picture's header, and refuse what the limits or this version do not take.

Nothing is decoded here. The container is walked first, so a truncated file has its own reason;
the limits are checked on what the header says before any pixel is asked for.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging import heic, icc, integrity, vips
from picstore_imaging.drawing import open_drawing
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.gps import exif_tells_a_place, xmp_tells_a_place
from picstore_imaging.limits import (
    Limits,
    check,
    check_bytes,
    check_channels,
    check_embedded,
    check_frames,
    check_pixels,
    check_side,
)
from picstore_imaging.samples import told
from picstore_kit.errors import InvalidArgument, Reason

_MAX_INT32: Final = 2**31 - 1

_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations that exchange width and height."""

_UPRIGHT: Final = frozenset({SourceFormat.HEIC, SourceFormat.SVG})
"""Formats whose pixels come as they are to be seen, whatever EXIF says."""


def probe(path: Path, source_format: SourceFormat, limits: Limits) -> Probe:
    """Say what the header says of a file whose content was sniffed as `source_format`.

    Raises `LIMIT_*`, `IMAGE_TRUNCATED`, `IMAGE_CORRUPT` or `IMAGE_FORMAT_UNSUPPORTED`.
    """
    length = path.stat().st_size
    check_bytes(limits, length, source_format)
    container = integrity.inspect(path, source_format)
    if container.truncated:
        raise InvalidArgument(
            Reason.IMAGE_TRUNCATED, f"the {source_format} file ends before its picture does"
        )
    check_frames(limits, container.frames)
    if container.drawn_size is not None:
        # librsvg counts in 32 bits and wraps around; what it rounds to is checked below.
        check_side(limits, math.floor(min(max(container.drawn_size), _MAX_INT32)))
        check_embedded(limits, container.embedded_pixels)
    if container.canvas_pixels is not None:
        pixels = container.canvas_pixels * container.frames
        check_pixels(limits, pixels, source_format, decoded_whole=True)
    image = _open(path, source_format, container)
    probed = _read_header(image, source_format, length, container)
    check(limits, probed)
    return probed


def _open(path: Path, source_format: SourceFormat, container: integrity.Integrity) -> pyvips.Image:
    match source_format:
        case SourceFormat.HEIC:
            return heic.read_header(path)
        case SourceFormat.SVG:
            return open_drawing(path, trailing_bytes=container.trailing_bytes)
        case _:
            image = vips.open_image(path, source_format)
            check_channels(image.bands)  # those that are left out as well, for all are decoded
            return told(image, container.extra_samples, container.alpha_sample)


def _read_header(
    image: pyvips.Image, source_format: SourceFormat, length: int, container: integrity.Integrity
) -> Probe:
    fields = frozenset(image.get_fields())

    def field(name: str, default: Any) -> Any:
        return image.get(name) if name in fields else default

    orientation = 1 if source_format in _UPRIGHT else field("orientation", 1)
    width, height = image.width, image.height
    if orientation in _SIDEWAYS:
        width, height = height, width
    profile: bytes = field("icc-profile-data", b"")
    exif: bytes = field("exif-data", b"")
    xmp: bytes = field("xmp-data", b"")
    return Probe(
        format=source_format,
        width=width,
        height=height,
        bytes=length,
        orientation=orientation,
        bands=image.bands,
        bit_depth=field("bits-per-sample", 16 if image.format == "ushort" else 8),
        has_alpha=bool(image.hasalpha()),
        frames=container.frames,
        interlaced=bool(field("interlaced", 0)),
        icc_name=icc.describe(profile) if profile else None,
        icc_bytes=len(profile),
        exif_bytes=len(exif),
        xmp_bytes=len(xmp),
        has_gps=container.has_gps or exif_tells_a_place(exif) or xmp_tells_a_place(xmp),
        trailing_bytes=container.trailing_bytes,
        # Only in a PNG does anything go before a profile, and there it was weighed up already.
        signal=None if profile and source_format is not SourceFormat.PNG else container.signal,
        extra_samples=container.extra_samples,
        alpha_sample=container.alpha_sample,
    )
