"""Fill up the box of a `CONTAIN` with the background."""

from __future__ import annotations

from picstore_imaging.background import rgb
from picstore_imaging.context import OutputContext
from picstore_imaging.rules import Fit, Gravity


def pad(context: OutputContext) -> None:
    """Put the picture where the gravity says; the padding is opaque."""
    spec, image = context.spec, context.image
    if spec.fit is not Fit.CONTAIN:
        return
    gravity = Gravity.CENTRE if spec.gravity is Gravity.ATTENTION else spec.gravity
    # A deep image counts to 65,535, which is 257 times as far as a byte.
    scale = 257 if image.format == "ushort" else 1
    background = [value * scale for value in rgb(spec.background)]
    context.image = image.gravity(
        gravity.value.replace("_", "-"),
        spec.width,
        spec.height,
        extend="background",
        background=[*background, 255 * scale] if image.hasalpha() else background,
    )
