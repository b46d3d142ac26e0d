"""Drop an alpha channel that hides nothing."""

from __future__ import annotations

from typing import Final

from picstore_imaging.context import SourceContext

_OPAQUE: Final = {"uchar": 255, "ushort": 65_535}


def drop_opaque_alpha(context: SourceContext) -> None:
    """Spare every later step and output a channel that is full everywhere, as screenshots have."""
    image = context.image
    if image.hasalpha() and image[image.bands - 1].min() == _OPAQUE[image.format]:
        context.image = image[: image.bands - 1].copy_memory()
        context.done.append("drop the alpha channel, which hides nothing")
