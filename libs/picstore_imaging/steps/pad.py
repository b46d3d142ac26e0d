"""Fill up the box of a `CONTAIN` with the background."""

from __future__ import annotations

from picstore_imaging.background import pixel
from picstore_imaging.context import OutputContext
from picstore_imaging.geometry import Size, corner_by_focus
from picstore_imaging.rules import Fit, Gravity


def pad(context: OutputContext) -> None:
    """Put the picture where the focal point or the gravity says; the padding is opaque."""
    spec, image = context.spec, context.image
    if spec.fit is not Fit.CONTAIN:
        return
    background = pixel(spec.background, image)
    context.done.append(f"pad to {spec.width}x{spec.height}")
    if spec.focal_point is not None:
        whole, box = Size(image.width, image.height), Size(spec.width, spec.height)
        left, top = corner_by_focus(spec.focal_point, whole, box)
        context.image = image.embed(
            -left, -top, spec.width, spec.height, extend="background", background=background
        )
        return
    gravity = Gravity.CENTRE if spec.gravity is Gravity.ATTENTION else spec.gravity
    context.image = image.gravity(
        gravity.value.replace("_", "-"),
        spec.width,
        spec.height,
        extend="background",
        background=background,
    )
