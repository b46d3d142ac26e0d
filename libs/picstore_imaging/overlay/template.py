"""What an overlay template says, field by field as in `picstore.catalog.v1.Overlay`.

What the contract calls unspecified or absent is here its meaning, so a value that was read and
written again may say more than before, but nothing else. `validate` says what makes sense.
Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from picstore_imaging.overlay import records
from picstore_imaging.rules import Fit, Gravity

__all__ = [
    "Blend",
    "Box",
    "Canvas",
    "FillLayer",
    "Fit",
    "Gravity",
    "ImageLayer",
    "Layer",
    "Length",
    "Outline",
    "Overflow",
    "Overlay",
    "Shadow",
    "TextAlignment",
    "TextLayer",
    "Variable",
    "VerticalAlignment",
]

REGULAR: Final = 400
"""The weight of letters where none is said."""
MAX_LENGTH: Final = 2_000
"""Characters of a variable's value where nothing else is said, and at most."""


class Blend(StrEnum):
    """How a layer is combined with what is below it."""

    OVER = "over"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    DARKEN = "darken"
    LIGHTEN = "lighten"
    SOFT_LIGHT = "soft_light"


class TextAlignment(StrEnum):
    """Where lines begin or end; text that runs from right to left begins at the right."""

    START = "start"
    CENTRE = "centre"
    END = "end"


class VerticalAlignment(StrEnum):
    """Where the lines stand in a box that is higher."""

    TOP = "top"
    MIDDLE = "middle"
    BOTTOM = "bottom"


class Overflow(StrEnum):
    """What happens with more text than the box takes."""

    SHRINK = "shrink"
    """Smaller letters, down to `min_size`; then as `ELLIPSIS`."""
    ELLIPSIS = "ellipsis"
    """Cut off at a word, with an ellipsis."""
    REFUSE = "refuse"
    """`TEXT_OVERFLOWS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Exactly one of pixels, and percent of a side of the canvas."""

    px: float | None = None
    percent: float | None = None

    def of(self, side: int) -> float:
        """In pixels, where `side` is the canvas's that a percentage is of."""
        return self.px if self.px is not None else (self.percent or 0.0) * side / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The surface that everything is drawn on; of the base picture's size where none is given."""

    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.COVER
    gravity: Gravity | None = None
    """None for the base picture's focal point, or the centre where it has none."""
    background: str = ""
    """`#rrggbb` or `#rrggbbaa`; empty for transparent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Something that is filled in when a picture is derived."""

    name: str
    default_value: str | None = None
    """None where the caller must give one."""
    max_length: int = MAX_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a layer is on the canvas; it is never larger than that."""

    anchor: Gravity = Gravity.CENTRE
    x: Length | None = None
    """From the anchor inwards; to the right where it is in the middle."""
    y: Length | None = None
    """From the anchor inwards; down where it is in the middle."""
    width: Length | None = None
    """None for the canvas's."""
    height: Length | None = None
    """None for the canvas's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A line around letters, outside of them."""

    colour: str
    width: Length | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A shadow behind letters."""

    colour: str
    x: Length | None = None
    """To the right."""
    y: Length | None = None
    """Down."""
    blur: Length | None = None
    """Standard deviation; None for a sharp one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """Letters in a box."""

    text: str
    """`{{name}}` stands for a variable; markup has no meaning."""
    font: str
    size: Length
    """Height of the letters (the em), of which a percentage is one of the canvas's width; the
    largest, where they are made to fit."""
    weight: int = REGULAR
    italic: bool = False
    colour: str = ""
    """`#rrggbb` or `#rrggbbaa`; empty for black."""
    alignment: TextAlignment = TextAlignment.START
    vertical_alignment: VerticalAlignment = VerticalAlignment.TOP
    line_height: float | None = None
    """Of the size; None for the font's own distance."""
    overflow: Overflow = Overflow.SHRINK
    min_size: Length | None = None
    """None for a quarter of `size`."""
    max_lines: int | None = None
    """None for as many as the box takes."""
    outline: Outline | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayer:
    """Another picture."""

    image_id: str
    """Its id, or `{{name}}`."""
    fit: Fit = Fit.INSIDE
    tile: bool = False
    """Whether it is repeated over the whole box."""
    tile_width: Length | None = None
    """None for the picture's own."""
    tile_gap: Length | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLayer:
    """A plain surface."""

    colour: str
    radius: Length | None = None
    """Of its corners; a percentage is one of the canvas's width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Exactly one of text, image and fill, and where and how it is drawn."""

    text: TextLayer | None = None
    image: ImageLayer | None = None
    fill: FillLayer | None = None
    box: Box = Box()
    opacity: float = 1.0
    blend: Blend = Blend.OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What a derived picture is drawn from: the base picture on a canvas, and layers over it."""

    canvas: Canvas = Canvas()
    layers: tuple[Layer, ...]
    """From the lowest to the topmost."""
    variables: tuple[Variable, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For JSONB columns and the requests to a sandboxed child; defaults are left out."""
        return records.to_json(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Overlay:
        """Read what `to_json` wrote."""
        return records.from_json(cls, document)
