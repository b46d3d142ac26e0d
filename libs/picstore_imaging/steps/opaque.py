"""Drop an alpha channel that hides nothing."""

from __future__ import annotations

from typing import Final

from picstore_imaging.context import SourceContext

_OPAQUE: Final = 255


def drop_opaque_alpha(context: SourceContext) -> None:
    """Spare every later step and every output a channel of constant 255, as screenshots have."""
    image = context.image
    if image.hasalpha() and image[image.bands - 1].min() == _OPAQUE:
        context.image = image[: image.bands - 1].copy_memory()
