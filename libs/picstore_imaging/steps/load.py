"""Open the source, shrunk by its own decoder as far as costs no quality."""

from __future__ import annotations

from typing import Final

from picstore_imaging import vips
from picstore_imaging.context import SourceContext
from picstore_imaging.formats import SourceFormat

_JPEG_SHRINKS: Final = (8, 4, 2)


def load(context: SourceContext) -> None:
    """Let a JPEG decode at 1/2, 1/4 or 1/8 where that is no smaller than what is needed.

    This is sharp's policy, and halves the CPU of a baseline JPEG; `thumbnail` keeps a margin of
    two and so decodes a quarter more. libwebp could scale as well, but with a box filter that
    shows, and it decodes everything all the same.
    """
    options = {"shrink": _jpeg_shrink(context)} if _is_jpeg(context) else {}
    context.image = vips.open_image(context.path, context.probe.format, **options)


def _is_jpeg(context: SourceContext) -> bool:
    return context.probe.format is SourceFormat.JPEG


def _jpeg_shrink(context: SourceContext) -> int:
    width, height = context.probe.width, context.probe.height
    for shrink in _JPEG_SHRINKS:
        if width >= context.size.width * shrink and height >= context.size.height * shrink:
            return shrink
    return 1
