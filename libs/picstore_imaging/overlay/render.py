"""Draws a filled template over a base picture."""

from __future__ import annotations

from collections.abc import Sequence

import pyvips

from picstore_imaging import vips
from picstore_imaging.geometry import Point, Size
from picstore_imaging.overlay import base, layers
from picstore_imaging.overlay.boxes import place
from picstore_imaging.overlay.fitting import Overflows
from picstore_imaging.overlay.fonts import check_known
from picstore_imaging.overlay.layers import Placed
from picstore_imaging.overlay.pictures import Open, Picture
from picstore_imaging.overlay.template import Layer, Overlay
from picstore_kit.errors import FailedPrecondition, Reason


def render(
    overlay: Overlay,
    picture: Picture,
    images: Open,
    *,
    focal_point: Point | None,
    families: Sequence[str],
) -> pyvips.Image:
    """Return the finished picture: sRGB of bytes, with alpha where something is transparent.

    Raises `FONT_UNKNOWN`, `TEXT_OVERFLOWS`, and what decoding a picture raises.
    """
    for layer in overlay.layers:
        if layer.text is not None:
            check_known(layer.text.font, families)
    with vips.encode_failed_on_error():
        surface = base.begin(overlay.canvas, picture, focal_point)
        for index, layer in enumerate(overlay.layers):
            try:
                placed = _placed(layer, surface.size, images)
            except Overflows:
                raise FailedPrecondition(
                    Reason.TEXT_OVERFLOWS,
                    f"the text of layer {index} does not fit its box",
                    metadata={"layer": str(index)},
                ) from None
            if placed is not None:
                surface.lay(*placed, opacity=layer.opacity, blend=layer.blend)
        return surface.finished()


def _placed(layer: Layer, canvas: Size, images: Open) -> Placed | None:
    box = place(layer.box, canvas)
    if layer.text is not None:
        return layers.of_text(layer.text, box, canvas)
    if layer.image is not None:
        picture = images(layer.image.image_id)
        return layers.of_image(layer.image, picture, box, layer.box.anchor, canvas)
    if layer.fill is not None:
        return layers.of_fill(layer.fill, box, canvas)
    return None
