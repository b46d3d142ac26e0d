"""Put a background under what is transparent, for a format that cannot be."""

from __future__ import annotations

from picstore_imaging.background import WHITE, pixel
from picstore_imaging.context import OutputContext


def flatten(context: OutputContext) -> None:
    """Flatten only where the format has no alpha channel."""
    if context.image.hasalpha() and not context.spec.format.has_alpha:
        background = pixel(context.spec.background, context.image)
        context.image = context.image.flatten(background=background[:3])
        context.done.append(f"flatten {context.spec.background or WHITE}")
