"""Open the source, shrunk by its own decoder as far as costs no quality."""

from __future__ import annotations

from typing import Final

from picstore_imaging import heic, vips
from picstore_imaging.context import SourceContext
from picstore_imaging.drawing import open_drawing
from picstore_imaging.formats import SourceFormat
from picstore_imaging.samples import in_integers

_JPEG_SHRINKS: Final = (8, 4, 2)

_MARGIN: Final = 1.25
"""How much larger than needed a shrunk JPEG must be, for the decoder's filter is a coarse one. A
20 MP photo for 2,560 px keeps an SSIM of 0.989 at a margin of 1.2 and of 0.998 unshrunk, for 86 and
118 CPU-ms; at 1.4 it keeps 0.992. sharp takes no margin, libvips's `thumbnail` one of 2."""


def load(context: SourceContext) -> None:
    """Let a JPEG decode at 1/2, 1/4 or 1/8, which saves a third of the CPU.

    libwebp could scale as well, but with a box filter, and it decodes everything all the same. A
    drawing is drawn at the size that is needed.
    """
    probed = context.probe
    context.done.append(f"load {probed.format.value} {probed.width}x{probed.height}")
    match probed.format:
        case SourceFormat.SVG:
            scale = _drawing_scale(context)
            context.image = open_drawing(
                context.path, trailing_bytes=probed.trailing_bytes, scale=scale
            )
            context.done.append(f"draw at {scale:.4g} times its size")
        case SourceFormat.HEIC:
            context.image = heic.decode(context.path)
        case SourceFormat.JPEG:
            shrink = _jpeg_shrink(context)
            if shrink > 1:
                context.done.append(f"shrink-on-load 1/{shrink}")
            context.image = vips.open_image(context.path, probed.format, shrink=shrink)
        case SourceFormat.TIFF:
            context.image = in_integers(vips.open_image(context.path, probed.format))
        case _:
            context.image = vips.open_image(context.path, probed.format)


def _drawing_scale(context: SourceContext) -> float:
    """At least as large as needed on either side; the scaling makes it exact."""
    across = context.size.width / context.probe.width
    down = context.size.height / context.probe.height
    return max(across, down)


def _jpeg_shrink(context: SourceContext) -> int:
    """Choose by the upright sizes, which compare as the stored ones do."""
    across = context.probe.width / context.size.width
    down = context.probe.height / context.size.height
    for shrink in _JPEG_SHRINKS:
        if min(across, down) >= shrink * _MARGIN:
            return shrink
    return 1
