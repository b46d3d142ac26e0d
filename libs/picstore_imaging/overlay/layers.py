"""What each kind of layer looks like: a picture of bytes, and where its left top corner is."""

from __future__ import annotations

import math
from typing import NamedTuple

import pyvips

from picstore_imaging import vips
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.overlay.bounds import (
    MAX_BLUR,
    MAX_OUTLINE,
    MAX_SHADOW,
    MAX_SIZE,
    MIN_SIZE,
)
from picstore_imaging.overlay.boxes import PARTS, Rect, pixels
from picstore_imaging.overlay.colours import Colour
from picstore_imaging.overlay.cost import tile_size
from picstore_imaging.overlay.effects import Line, Shade, decorated
from picstore_imaging.overlay.fitting import Ink, Overflows, Setting, fit
from picstore_imaging.overlay.letters import Letters
from picstore_imaging.overlay.pictures import Picture
from picstore_imaging.overlay.surface import plain
from picstore_imaging.overlay.template import (
    FillLayer,
    Gravity,
    ImageLayer,
    Outline,
    Overflow,
    Shadow,
    TextLayer,
    VerticalAlignment,
)
from picstore_imaging.rules import Fit

_QUARTER = 0.25
_BLOCK = 512
"""Pixels of a side that tiles are first repeated to."""
_ROOM_BEFORE = {
    VerticalAlignment.TOP: 0.0,
    VerticalAlignment.MIDDLE: 0.5,
    VerticalAlignment.BOTTOM: 1.0,
}


class Placed(NamedTuple):
    """A picture and its place on the canvas."""

    picture: pyvips.Image
    left: int
    top: int


def of_text(layer: TextLayer, box: Rect, canvas: Size) -> Placed | None:
    """Set a text into its box; None where it has nothing to see, or not even room for an ellipsis.

    Letters and their outline stay in the box, a shadow may leave it. Raises `Overflows`, also where
    letters are too small to be seen.
    """
    line = _line(layer.outline, canvas)
    edge = 0 if line is None else math.ceil(line.width)
    room = Size(box.width - 2 * edge, box.height - 2 * edge)
    if min(room) < 1:
        if layer.overflow is Overflow.REFUSE:
            raise Overflows
        return None
    letters = Letters(layer, room)
    setting = _fitted(layer, letters, room, canvas)
    if setting is None:
        return None
    drawn = letters.draw(setting)
    if drawn[3].max() == 0:
        raise Overflows
    shade = _shade(layer.shadow, canvas)
    picture, around = decorated(drawn, Colour.of(layer.colour).alpha, line, shade)
    left, top = _corner(layer.vertical_alignment, setting.ink, room)
    return Placed(picture, box.left + edge + left - around, box.top + edge + top - around)


def of_image(
    layer: ImageLayer, picture: Picture, box: Rect, anchor: Gravity, canvas: Size
) -> Placed:
    """Fit a picture to its box, in which it stands at the anchor of that.

    It is enlarged where the box is larger. Raises what `Picture.decode` raises.
    """
    room = Size(box.width, box.height)
    if layer.tile:
        return Placed(_tiled(layer, picture, room, canvas), box.left, box.top)
    # Without a background, what CONTAIN puts around a picture is nothing.
    fit = Fit.CONTAIN if layer.fit is Fit.INSIDE else layer.fit
    whole = scaled_size(fit, room, picture.size)
    decoded = picture.decode(whole)
    across, down = room.width - whole.width, room.height - whole.height
    if fit is Fit.COVER:
        seen = decoded.part(Rect(-across // 2, -down // 2, *room))
        return Placed(seen, box.left, box.top)
    image = decoded.whole()
    horizontal, vertical = PARTS[anchor]
    return Placed(image, box.left + round(across * horizontal), box.top + round(down * vertical))


def of_fill(layer: FillLayer, box: Rect, canvas: Size) -> Placed:
    """Fill a box, whose corners may be round."""
    colour = Colour.of(layer.colour)
    radius = min(pixels(layer.radius, canvas.width), min(box.width, box.height) / 2)
    if radius <= 0:
        return Placed(plain(Size(box.width, box.height), colour), box.left, box.top)
    drawing = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{box.width}' height='{box.height}'>"
        f"<rect width='100%' height='100%' rx='{radius}'/></svg>"
    )
    mask = vips.open_svg(drawing.encode())[3].copy_memory()
    alpha = (mask * colour.alpha).rint().cast("uchar")
    rgb = plain(Size(box.width, box.height), colour)[:3]
    return Placed(rgb.bandjoin(alpha).copy(interpretation="srgb"), box.left, box.top)


def _fitted(layer: TextLayer, letters: Letters, room: Size, canvas: Size) -> Setting | None:
    size = min(max(layer.size.of(canvas.width), MIN_SIZE), MAX_SIZE)
    least = size * _QUARTER if layer.min_size is None else layer.min_size.of(canvas.width)
    return fit(
        layer.text,
        room,
        letters.measure,
        size=size,
        min_size=max(least, MIN_SIZE),
        max_lines=layer.max_lines,
        overflow=layer.overflow,
    )


def _corner(alignment: VerticalAlignment, ink: Ink, room: Size) -> tuple[int, int]:
    """Say where ink begins in its room: where its lines put it, but never outside."""
    before = (room.height - ink.lines * ink.pitch) * _ROOM_BEFORE[alignment]
    left = min(max(ink.left, 0), room.width - ink.width)
    top = min(max(round(before) + ink.top, 0), room.height - ink.height)
    return left, top


def _line(outline: Outline | None, canvas: Size) -> Line | None:
    if outline is None:
        return None
    width = min(pixels(outline.width, canvas.width), MAX_OUTLINE)
    return Line(colour=Colour.of(outline.colour), width=width)


def _shade(shadow: Shadow | None, canvas: Size) -> Shade | None:
    if shadow is None:
        return None
    x, y = pixels(shadow.x, canvas.width), pixels(shadow.y, canvas.height)
    return Shade(
        colour=Colour.of(shadow.colour),
        x=min(max(x, -MAX_SHADOW), MAX_SHADOW),
        y=min(max(y, -MAX_SHADOW), MAX_SHADOW),
        blur=min(pixels(shadow.blur, canvas.width), MAX_BLUR),
    )


def _tiled(layer: ImageLayer, picture: Picture, room: Size, canvas: Size) -> pyvips.Image:
    size = tile_size(layer, picture.size, canvas)
    gap = round(pixels(layer.tile_gap, canvas.width))
    seen = Size(min(size.width, room.width), min(size.height, room.height))
    tile = picture.decode(size).part(Rect(0, 0, *seen))
    if not tile.hasalpha():
        tile = tile.bandjoin(255)
    step = Size(min(size.width + gap, room.width), min(size.height + gap, room.height))
    cell = tile.embed(0, 0, *step).copy_memory()
    # Millions of tiny copies take seconds, thousands of larger ones nothing.
    block = _repeated(cell, Size(min(_BLOCK, room.width), min(_BLOCK, room.height)))
    return _repeated(block.copy_memory(), room).crop(0, 0, *room).copy(interpretation="srgb")


def _repeated(cell: pyvips.Image, least: Size) -> pyvips.Image:
    """Repeat a picture, always whole, until it is at least so large."""
    return cell.replicate(
        math.ceil(least.width / cell.width), math.ceil(least.height / cell.height)
    )
