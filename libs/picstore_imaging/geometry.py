"""The arithmetic of boxes: which size a rule gives for a source, and what is scaled on the way.

Sides are rounded half up and are at least 1 px. Pure: importable by every process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from picstore_imaging.rules import Fit, SizeRule

MAX_OUTPUT_PIXELS: Final = 100_000_000
"""The largest output, as the largest source: width x height."""


class Point(NamedTuple):
    """A place in a picture: 0 to 1 from the left, and from the top."""

    x: float
    y: float


class Size(NamedTuple):
    """Width and height in whole pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a size rule comes to at one density for one source."""

    size: Size
    asked_scale: float
    """How much the rule would scale the source: over 1 it asks to enlarge."""
    scale: float
    """The same after the box was scaled down to a source that is too small."""


def round_side(length: float) -> int:
    """Round half up, to at least one pixel."""
    return max(1, math.floor(length + 0.5))


def scale_box(width: int | None, height: int | None, ratio: float) -> tuple[int | None, int | None]:
    """Multiply the given sides of a box by a density."""
    return (
        None if width is None else round_side(width * ratio),
        None if height is None else round_side(height * ratio),
    )


def resolve(rule: SizeRule, source: Size, *, ratio: float, drawn: bool = False) -> Target:
    """Resolve a rule: without `enlarge` the box shrinks, in its own aspect ratio, to the source.

    A box of 800x800 over a source of 600x400 becomes 400x400 with `COVER` and 600x600 with
    `CONTAIN`: in neither is a source pixel enlarged. What is `drawn` has none, and is as sharp at
    any size.
    """
    width, height = scale_box(rule.width, rule.height, ratio)
    scales = [
        box / side
        for box, side in ((width, source.width), (height, source.height))
        if box is not None
    ]
    if not scales:
        return Target(size=source, asked_scale=1.0, scale=1.0)
    asked = min(scales) if rule.fit in (Fit.INSIDE, Fit.CONTAIN) else max(scales)
    scale = asked if rule.enlarge or drawn else min(asked, 1.0)
    if rule.fit is Fit.INSIDE or width is None or height is None:
        size = Size(round_side(source.width * scale), round_side(source.height * scale))
    else:
        shrink = scale / asked
        size = Size(round_side(width * shrink), round_side(height * shrink))
    return Target(size=size, asked_scale=asked, scale=scale)


def scaled_size(fit: Fit, target: Size, source: Size) -> Size:
    """Say to which size the whole source is scaled before it is cropped or padded to `target`."""
    horizontal, vertical = target.width / source.width, target.height / source.height
    if fit is Fit.COVER:
        scale = max(horizontal, vertical)
        return Size(
            max(target.width, round_side(source.width * scale)),
            max(target.height, round_side(source.height * scale)),
        )
    if fit is Fit.CONTAIN:
        scale = min(horizontal, vertical)
        return Size(
            min(target.width, round_side(source.width * scale)),
            min(target.height, round_side(source.height * scale)),
        )
    return target


def corner_by_focus(point: Point, whole: Size, box: Size) -> tuple[int, int]:
    """Say where a box begins in a picture that is scaled to `whole`, from its left and its top.

    The focal point comes as near to the middle of the box as can be without leaving the picture. A
    side of the picture that is the shorter one begins in the box instead, and the number is not
    positive: it is the padding before it.
    """
    (x, y), (width, height) = point, whole
    return _begin(x, width, box.width), _begin(y, height, box.height)


def _begin(part: float, length: int, box: int) -> int:
    ideal = math.floor(part * length - box / 2 + 0.5)
    spare = length - box
    return min(max(ideal, min(spare, 0)), max(spare, 0))


def plain_fit(fit: Fit, target: Size, source: Size) -> Fit:
    """Call a fit `INSIDE` where it crops, pads and stretches nothing, so that equals are equal."""
    untouched = scaled_size(Fit.COVER if fit is Fit.COVER else Fit.CONTAIN, target, source)
    return Fit.INSIDE if untouched == target else fit
