"""Where boxes are on a canvas, and pictures in boxes. Pure: importable by every process."""

from __future__ import annotations

from typing import Final, NamedTuple

from picstore_imaging.geometry import Size, round_side
from picstore_imaging.overlay.template import Box, Canvas, Gravity, Length
from picstore_imaging.rules import Fit

PARTS: Final[dict[Gravity, tuple[float, float]]] = {
    Gravity.CENTRE: (0.5, 0.5),
    Gravity.NORTH: (0.5, 0),
    Gravity.NORTH_EAST: (1, 0),
    Gravity.EAST: (1, 0.5),
    Gravity.SOUTH_EAST: (1, 1),
    Gravity.SOUTH: (0.5, 1),
    Gravity.SOUTH_WEST: (0, 1),
    Gravity.WEST: (0, 0.5),
    Gravity.NORTH_WEST: (0, 0),
    Gravity.ATTENTION: (0.5, 0.5),
}
"""How much of the room is left before what is placed in it, horizontally and vertically."""


class Rect(NamedTuple):
    """A rectangle in whole pixels; it may reach beyond the canvas."""

    left: int
    top: int
    width: int
    height: int

    def within(self, canvas: Size) -> Rect | None:
        """Return the part that is on the canvas; None where there is none."""
        left, top = max(self.left, 0), max(self.top, 0)
        right = min(self.left + self.width, canvas.width)
        bottom = min(self.top + self.height, canvas.height)
        return (
            Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None
        )


def canvas_size(canvas: Canvas, base: Size) -> Size:
    """Say how large the canvas is for a base picture.

    With `INSIDE` it is as large as the base picture comes out, which is not enlarged.
    """
    if canvas.width is None or canvas.height is None:
        return base
    if canvas.fit is not Fit.INSIDE:
        return Size(canvas.width, canvas.height)
    scale = min(canvas.width / base.width, canvas.height / base.height, 1.0)
    return Size(round_side(base.width * scale), round_side(base.height * scale))


def place(box: Box, canvas: Size) -> Rect:
    """Say where a box is; it is never larger than the canvas, and at least one pixel."""
    width = _side(box.width, canvas.width)
    height = _side(box.height, canvas.height)
    horizontal, vertical = PARTS[box.anchor]
    left = _begin(horizontal, canvas.width - width, pixels(box.x, canvas.width))
    top = _begin(vertical, canvas.height - height, pixels(box.y, canvas.height))
    return Rect(left, top, width, height)


def pixels(length: Length | None, side: int) -> float:
    """Return a length in pixels; zero where none is given."""
    return 0.0 if length is None else length.of(side)


def _side(length: Length | None, side: int) -> int:
    return side if length is None else min(side, round_side(length.of(side)))


def _begin(part: float, room: int, inwards: float) -> int:
    if part == 1:
        return round(room - inwards)
    return round(room * part + inwards)
