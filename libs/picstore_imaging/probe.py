"""Read a picture's header, and refuse what the limits or this version do not take.

Nothing is decoded here. The container is walked first, so a truncated file has its own reason;
the limits are checked on what the header says before any pixel is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging import icc, integrity, vips
from picstore_imaging.facts import Probe
from picstore_imaging.formats import SourceFormat
from picstore_imaging.limits import Limits, check, check_bytes, check_frames
from picstore_kit.errors import InvalidArgument, Reason

_GPS_FIELD: Final = "exif-ifd3-GPS"
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations that exchange width and height."""


def probe(path: Path, source_format: SourceFormat, limits: Limits) -> Probe:
    """Say what the header says of a file whose content was sniffed as `source_format`.

    Raises `LIMIT_*`, `IMAGE_TRUNCATED`, `IMAGE_CORRUPT`, or `IMAGE_ANIMATED` for more than one
    frame.
    """
    length = path.stat().st_size
    check_bytes(limits, length)
    container = integrity.inspect(path, source_format)
    if container.truncated:
        raise InvalidArgument(
            Reason.IMAGE_TRUNCATED, f"the {source_format} file ends before its picture does"
        )
    check_frames(limits, container.frames)
    if container.frames > 1:
        raise InvalidArgument(
            Reason.IMAGE_ANIMATED,
            f"the picture is an animation of {container.frames} frames, only stills are converted",
            metadata={"frames": str(container.frames)},
        )
    image = vips.open_image(path, source_format)
    probed = _read_header(image, source_format, length, container)
    check(limits, probed)
    return probed


def _read_header(
    image: pyvips.Image, source_format: SourceFormat, length: int, container: integrity.Integrity
) -> Probe:
    fields = frozenset(image.get_fields())

    def field(name: str, default: Any) -> Any:
        return image.get(name) if name in fields else default

    orientation = field("orientation", 1)
    width, height = image.width, image.height
    if orientation in _SIDEWAYS:
        width, height = height, width
    profile: bytes = field("icc-profile-data", b"")
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
        exif_bytes=len(field("exif-data", b"")),
        xmp_bytes=len(field("xmp-data", b"")),
        has_gps=any(name.startswith(_GPS_FIELD) for name in fields),
        trailing_bytes=container.trailing_bytes,
    )
