"""Bring what is decoded in Display P3 to sRGB, for an output that is to have that."""

from __future__ import annotations

from picstore_imaging.blocks import ICC
from picstore_imaging.context import OutputContext
from picstore_imaging.steps.colour import to_srgb


def gamut(context: OutputContext) -> None:
    """Convert only where outputs of one decode differ in it."""
    if not context.spec.wide_gamut and context.image.get_typeof(ICC):
        context.image = to_srgb(context.image)
        context.done.append("icc Display P3 → sRGB")
