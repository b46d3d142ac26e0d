"""Cut the scaled picture to the box of a `COVER`."""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging.context import OutputContext
from picstore_imaging.geometry import Size, corner_by_focus
from picstore_imaging.rules import Fit, Gravity
from picstore_imaging.spec import OutputSpec

_ANCHORS: Final[dict[Gravity, tuple[float, float]]] = {
    Gravity.CENTRE: (0.5, 0.5),
    Gravity.NORTH: (0.5, 0),
    Gravity.NORTH_EAST: (1, 0),
    Gravity.EAST: (1, 0.5),
    Gravity.SOUTH_EAST: (1, 1),
    Gravity.SOUTH: (0.5, 1),
    Gravity.SOUTH_WEST: (0, 1),
    Gravity.WEST: (0, 0.5),
    Gravity.NORTH_WEST: (0, 0),
}
"""How much of what is cut off is cut on the left, and at the top."""


def crop(context: OutputContext) -> None:
    """Keep the part that the focal point or the gravity asks for, the same of every frame."""
    spec = context.spec
    if spec.fit is not Fit.COVER:
        return
    if context.corner is None:
        context.corner = _corner(context.image, spec)
    by = "focal point" if spec.focal_point is not None else spec.gravity.value
    left, top = context.corner
    context.done.append(f"crop {spec.width}x{spec.height}+{left}+{top} by {by}")
    context.image = context.image.crop(*context.corner, spec.width, spec.height)


def _corner(image: pyvips.Image, spec: OutputSpec) -> tuple[int, int]:
    if spec.focal_point is not None:
        whole, box = Size(image.width, image.height), Size(spec.width, spec.height)
        return corner_by_focus(spec.focal_point, whole, box)
    if spec.gravity is Gravity.ATTENTION:
        cropped = image.smartcrop(spec.width, spec.height, interesting="attention")
        return -cropped.xoffset, -cropped.yoffset
    left, top = _ANCHORS[spec.gravity]
    return int((image.width - spec.width) * left), int((image.height - spec.height) * top)
