"""Run the decoder: the one place where the source's pixels are read."""

from __future__ import annotations

from picstore_imaging.context import SourceContext


def settle(context: SourceContext) -> None:
    """Put the pixels into memory, where several encoders may read them, in any order."""
    context.image = context.image.copy_memory()
