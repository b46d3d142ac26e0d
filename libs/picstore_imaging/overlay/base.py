"""The base picture on its canvas."""

from __future__ import annotations

from picstore_imaging.geometry import Point, Size, corner_by_focus, scaled_size
from picstore_imaging.overlay.boxes import PARTS, canvas_size
from picstore_imaging.overlay.colours import Colour
from picstore_imaging.overlay.pictures import Picture
from picstore_imaging.overlay.surface import Surface
from picstore_imaging.overlay.template import Canvas, Gravity
from picstore_imaging.rules import Fit

_TRANSPARENT = Colour(0, 0, 0, 0.0)


def begin(canvas: Canvas, picture: Picture, focal_point: Point | None) -> Surface:
    """Fit the base picture to the canvas; raises what `Picture.decode` raises."""
    size = canvas_size(canvas, picture.size)
    fit = Fit.FILL if size == picture.size else canvas.fit
    image = picture.decode(scaled_size(fit, size, picture.size))
    whole = Size(image.width, image.height)
    if fit is Fit.COVER and canvas.gravity is Gravity.ATTENTION and whole != size:
        image = image.smartcrop(*size, interesting="attention").copy_memory()
        whole = size
    if canvas.gravity is None and focal_point is not None:
        left, top = corner_by_focus(focal_point, whole, size)
    else:
        horizontal, vertical = PARTS[canvas.gravity or Gravity.CENTRE]
        left = int((whole.width - size.width) * horizontal)
        top = int((whole.height - size.height) * vertical)
    if not image.hasalpha() and whole.width >= size.width and whole.height >= size.height:
        return Surface(image.crop(left, top, *size).copy_memory())
    background = Colour.of(canvas.background) if canvas.background else _TRANSPARENT
    surface = Surface.blank(size, background)
    surface.lay(image, -left, -top)
    return surface
