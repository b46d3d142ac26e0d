"""The base picture on its canvas."""

from __future__ import annotations

import pyvips

from picstore_imaging.geometry import Point, Size, corner_by_focus, round_side, scaled_size
from picstore_imaging.overlay.boxes import PARTS, Rect, canvas_size
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
    whole = scaled_size(fit, size, picture.size)
    decoded = picture.decode(whole)
    if canvas.gravity is None and focal_point is not None:
        left, top = corner_by_focus(focal_point, whole, size)
    elif canvas.gravity is Gravity.ATTENTION and fit is Fit.COVER:
        left, top = _corner_by_attention(decoded.image, whole, size)
    else:
        horizontal, vertical = PARTS[canvas.gravity or Gravity.CENTRE]
        left = int((whole.width - size.width) * horizontal)
        top = int((whole.height - size.height) * vertical)
    if fit is Fit.COVER:
        image = decoded.part(Rect(left, top, *size))
        left, top = 0, 0
    else:
        image = decoded.whole()
    if not image.hasalpha() and (image.width, image.height) == size:
        return Surface(image)
    background = Colour.of(canvas.background) if canvas.background else _TRANSPARENT
    surface = Surface.blank(size, background)
    surface.lay(image, -left, -top)
    return surface


def _corner_by_attention(image: pyvips.Image, whole: Size, box: Size) -> tuple[int, int]:
    """Say where what draws the eye is in a picture that is to be scaled to `whole`.

    It is looked for in the picture as it was decoded, which is smaller where it is enlarged later.
    """
    horizontal, vertical = image.width / whole.width, image.height / whole.height
    width = min(image.width, round_side(box.width * horizontal))
    height = min(image.height, round_side(box.height * vertical))
    found = image.smartcrop(width, height, interesting="attention")
    left = min(round(-found.xoffset / horizontal), whole.width - box.width)
    top = min(round(-found.yoffset / vertical), whole.height - box.height)
    return left, top
