"""Open the source, shrunk by its own decoder as far as costs no quality."""

from __future__ import annotations

from picstore_imaging import heic, jpeg, vips
from picstore_imaging.context import SourceContext
from picstore_imaging.drawing import open_drawing
from picstore_imaging.formats import SourceFormat
from picstore_imaging.geometry import Size
from picstore_imaging.samples import LAB, in_integers, told
from picstore_imaging.shrink import jpeg_shrink


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
            shrink = jpeg_shrink(Size(probed.width, probed.height), context.size)
            if shrink > 1:
                context.done.append(f"shrink-on-load 1/{shrink}")
            opened = vips.open_image(context.path, probed.format, shrink=shrink)
            decoded = jpeg.decode(context.path, opened, shrink=shrink)
            if decoded is not None:
                context.done.append("decode by libjpeg-turbo")
            context.image = opened if decoded is None else decoded
        case SourceFormat.TIFF:
            opened = vips.open_image(context.path, probed.format)
            opened = told(opened, probed.extra_samples, probed.alpha_sample)
            if opened.interpretation in LAB:
                context.done.append("Lab → sRGB")
            context.image = in_integers(opened)
        case _:
            context.image = vips.open_image(context.path, probed.format)


def _drawing_scale(context: SourceContext) -> float:
    """At least as large as needed on either side; the scaling makes it exact."""
    across = context.size.width / context.probe.width
    down = context.size.height / context.probe.height
    return max(across, down)
