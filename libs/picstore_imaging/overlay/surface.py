"""The canvas in memory, onto which one layer after the other is laid."""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging.geometry import Size
from picstore_imaging.overlay.boxes import Rect
from picstore_imaging.overlay.colours import Colour
from picstore_imaging.overlay.template import Blend

_MODES: Final = {
    Blend.OVER: "over",
    Blend.MULTIPLY: "multiply",
    Blend.SCREEN: "screen",
    Blend.OVERLAY: "overlay",
    Blend.DARKEN: "darken",
    Blend.LIGHTEN: "lighten",
    Blend.SOFT_LIGHT: "soft-light",
}
_OPAQUE: Final = 255


class Surface:
    """A picture of RGB, or of RGBA where it may be transparent."""

    def __init__(self, image: pyvips.Image) -> None:
        """Begin with a picture of bytes."""
        self._image = image

    @classmethod
    def blank(cls, size: Size, colour: Colour) -> Surface:
        """Begin with a colour, which may be transparent."""
        return cls(plain(size, colour).copy_memory())

    @property
    def size(self) -> Size:
        """In pixels."""
        return Size(self._image.width, self._image.height)

    def lay(
        self,
        picture: pyvips.Image,
        left: int,
        top: int,
        *,
        opacity: float = 1.0,
        blend: Blend = Blend.OVER,
    ) -> None:
        """Lay a picture over what is there, as much of it as is on the canvas."""
        rect = Rect(left, top, picture.width, picture.height)
        seen = rect.within(self.size)
        if seen is None or opacity == 0:
            return
        above = picture.crop(seen.left - left, seen.top - top, seen.width, seen.height)
        if opacity < 1:
            above = _faded(above, opacity)
        below = self._image.crop(*seen)
        joined = below.composite2(above, _MODES[blend]).rint().cast("uchar")
        if not self._image.hasalpha():
            joined = joined[:3]
        # Only what is below a layer is computed anew, and nothing waits for a later layer.
        self._image = self._image.insert(joined, seen.left, seen.top).copy_memory()

    def finished(self) -> pyvips.Image:
        """Return the picture, without alpha where nothing is transparent."""
        image = self._image
        if image.hasalpha() and image[3].min() == _OPAQUE:
            return image[:3].copy_memory()
        return image


def plain(size: Size, colour: Colour) -> pyvips.Image:
    """Return a plain surface of RGBA."""
    return (
        (pyvips.Image.black(size.width, size.height) + colour.rgba)
        .cast("uchar")
        .copy(interpretation="srgb")
    )


def _faded(picture: pyvips.Image, opacity: float) -> pyvips.Image:
    if not picture.hasalpha():
        return picture.bandjoin(round(opacity * _OPAQUE))
    alpha = (picture[3] * opacity).rint().cast("uchar")
    return picture[:3].bandjoin(alpha).copy(interpretation="srgb")
