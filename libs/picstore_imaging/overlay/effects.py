"""What is drawn around and behind letters: outlines and shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import pyvips

from picstore_imaging.overlay.bounds import BLUR_REACH
from picstore_imaging.overlay.colours import Colour

_DIRECTIONS: Final = 16
_FIRST_STEP: Final = 1.5
_WHOLE: Final = 4.0
"""Pixels from which on a step is rounded to whole ones."""
_FINEST: Final = 5.0
"""Standard deviation in means of pixels, at the least, of a blur that is made of means."""
_FAINTEST: Final = 0.01
"""Where the Gauss function is cut off, as a part of its peak."""
_SHARES: Final = 16
"""Into how many parts of a pixel a mask may be moved, on either axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An outline, in pixels."""

    colour: Colour
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shade:
    """A shadow, in pixels."""

    colour: Colour
    x: float
    y: float
    blur: float


def decorated(
    letters: pyvips.Image, opacity: float, line: Line | None, shade: Shade | None
) -> tuple[pyvips.Image, int]:
    """Draw letters of RGBA, made less opaque, with what is around them.

    Returns the picture, and by how much it is larger on each side.
    """
    edge = 0 if line is None else math.ceil(line.width)
    if shade is not None:
        edge += math.ceil(max(abs(shade.x), abs(shade.y)) + BLUR_REACH * shade.blur)
    if edge:
        letters = letters.embed(
            edge, edge, letters.width + 2 * edge, letters.height + 2 * edge
        ).copy_memory()
    covered = letters[3] / 255
    # Colours are premultiplied until the end, so that whatever lies beside another just adds up.
    picture = _with_alpha(letters[:3], covered * opacity)
    silhouette = covered
    if line is not None and line.width > 0:
        silhouette = dilated(letters[3], line.width) / 255
        picture += line.colour.over((silhouette - covered) * line.colour.alpha)
    if shade is not None:
        shadow = _moved(silhouette, shade.x, shade.y)
        if shade.blur > 0:
            shadow = blurred(shadow, shade.blur)
        picture += shade.colour.over(shadow * shade.colour.alpha) * (1 - picture[3])
    return _plain(picture), edge


def blurred(mask: pyvips.Image, deviation: float) -> pyvips.Image:
    """Blur a mask of 0 to 1 by a Gauss function of that standard deviation, in pixels.

    A wide blur leaves nothing that needs every pixel: the means of squares are blurred instead,
    and what is between them interpolated. Both blur a little themselves, so that much less is left
    to do. 100 pixels take a fiftieth of the time so.
    """
    side = int(deviation / _FINEST)
    if side < 2:
        return mask.copy_memory().gaussblur(deviation, min_ampl=_FAINTEST)
    across, down = math.ceil(mask.width / side), math.ceil(mask.height / side)
    means = mask.embed(0, 0, across * side, down * side).shrink(side, side).copy_memory()
    left = deviation**2 - (side**2 - 1) / 12 - side**2 / 6
    soft = means.gaussblur(math.sqrt(left) / side, min_ampl=_FAINTEST).copy_memory()
    return soft.affine(
        [side, 0, 0, side],
        oarea=[0, 0, mask.width, mask.height],
        idx=0.5,
        idy=0.5,
        odx=-0.5,
        ody=-0.5,
        interpolate=pyvips.Interpolate.new("bilinear"),
        extend="copy",
    )


def dilated(mask: pyvips.Image, radius: float) -> pyvips.Image:
    """Let a mask of bytes grow by a disc, which must have room around it.

    A disc is a sum of smaller ones, and one as large as what is there already is all but a circle
    of few points: so the number of steps is a logarithm.
    """
    reached, turned = 0.0, False
    while reached < radius:
        step = min(radius - reached, max(reached, _FIRST_STEP))
        mask = _grown(mask, step, math.pi / _DIRECTIONS if turned else 0.0).copy_memory()
        reached, turned = reached + step, not turned
    return mask


def _grown(mask: pyvips.Image, step: float, turn: float) -> pyvips.Image:
    grown = mask
    for index in range(_DIRECTIONS):
        angle = turn + 2 * math.pi * index / _DIRECTIONS
        x, y = step * math.cos(angle), step * math.sin(angle)
        if step >= _WHOLE:
            x, y = round(x), round(y)
        grown = grown.maxpair(_moved(mask, x, y))
    return grown


def _moved(mask: pyvips.Image, x: float, y: float) -> pyvips.Image:
    left, top = math.floor(x), math.floor(y)
    if (x, y) != (left, top):
        # Linear interpolation as a convolution takes a tenth of what `affine` does.
        right, down = round((x - left) * _SHARES), round((y - top) * _SHARES)
        kernel = pyvips.Image.new_from_array(
            [
                [right * down, (_SHARES - right) * down],
                [right * (_SHARES - down), (_SHARES - right) * (_SHARES - down)],
            ],
            scale=_SHARES**2,
        )
        mask = mask.conv(kernel, precision="integer")
    return mask.embed(left, top, mask.width, mask.height)


def _with_alpha(rgb: pyvips.Image, alpha: pyvips.Image) -> pyvips.Image:
    return (rgb * alpha).bandjoin(alpha)


def _plain(picture: pyvips.Image) -> pyvips.Image:
    """Bring premultiplied floats to RGBA of bytes."""
    alpha = picture[3]
    rgb = (alpha > 0).ifthenelse(picture[:3] / alpha, 0)
    return rgb.bandjoin(alpha * 255).rint().cast("uchar").copy(interpretation="srgb")
