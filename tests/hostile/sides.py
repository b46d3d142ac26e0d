"""Pictures that are all there and of no ordinary shape: one pixel, one line, one column."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Final

import pyvips
from PIL import Image

from picstore_imaging.formats import SourceFormat
from picstore_kit.errors import Reason
from tests.hostile.case import Case, harmless, refused
from tests.pictures import heic

_LONGEST: Final = 20_000
"""The longest side that is taken."""
_END: Final = {SourceFormat.WEBP: 16_383, SourceFormat.AVIF: 16_384, SourceFormat.HEIC: 8_192}
"""Where formats, or the encoders at hand, end."""
_BEGIN: Final = {SourceFormat.HEIC: 64}
"""The shortest side that the encoder at hand takes; 1 where nothing is said."""
_PILLOW: Final = (SourceFormat.JPEG, SourceFormat.PNG, SourceFormat.GIF, SourceFormat.WEBP)


def cases() -> Iterator[Case]:
    """Every shape."""
    for format in (*_PILLOW, SourceFormat.TIFF, SourceFormat.AVIF, SourceFormat.HEIC):
        long = min(_LONGEST, _END.get(format, _LONGEST))
        one = _BEGIN.get(format, 1)
        for width, height in ((one, one), (2 * one, one), (one, 3 * one), (long, one), (one, long)):
            yield harmless(
                f"{format} of {width} by {height}",
                format,
                partial(_picture, format, width, height),
            )
    for format in (SourceFormat.JPEG, SourceFormat.PNG, SourceFormat.TIFF, SourceFormat.GIF):
        longest = 65_500 if format is SourceFormat.JPEG else 65_535
        for width, height in ((longest, 1), (1, longest)):
            yield refused(
                f"{format} of {width} by {height}",
                format,
                partial(_picture, format, width, height),
                Reason.LIMIT_SIDE,
            )


def _picture(format: SourceFormat, width: int, height: int) -> bytes:
    picture = Image.new("RGB", (width, height), (90, 140, 200))
    if format is SourceFormat.HEIC:
        return heic(picture)
    if format is SourceFormat.AVIF:
        data: bytes = (
            pyvips.Image.black(width, height, bands=3)
            .copy(interpretation="srgb")
            .heifsave_buffer(compression="av1", effort=0)
        )
        return data
    buffer = BytesIO()
    picture.save(buffer, format.value)
    return buffer.getvalue()
