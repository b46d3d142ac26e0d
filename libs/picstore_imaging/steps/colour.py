"""Bring any colour space, depth and profile to sRGB, which no browser gets wrong."""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging import icc, vips
from picstore_imaging.context import SourceContext

_MIN_BANDS: Final = 3
_MAX_BANDS: Final = 4
_CMYK: Final = "cmyk"
_SHALLOW: Final = "uchar"
_DEEP: Final = "ushort"


def colour(context: SourceContext) -> None:
    """Apply the embedded profile; expand grey; take 16 bits to 8 unless an output is deeper.

    CMYK without a usable profile is read by libvips's built-in one, and anything else as sRGB.
    It comes after the scaling, so it costs by the pixel of the largest output and not of the
    source. Raises `IMAGE_CORRUPT` where that makes no picture.
    """
    image = context.image
    deep = context.deep and image.format == _DEEP
    tagged = context.probe.icc_name is not None and not icc.is_srgb(context.probe.icc_name)
    if tagged or image.interpretation == _CMYK:
        context.image = _by_profile(image, deep=deep)
    else:
        context.image = image.colourspace(_space(deep=deep))
    if context.image.bands > _MAX_BANDS:
        # What a TIFF has beyond its alpha channel is no colour.
        context.image = context.image[:_MAX_BANDS]
    if context.image.format not in (_SHALLOW, _DEEP) or context.image.bands < _MIN_BANDS:
        raise vips.undecodable()


def _by_profile(image: pyvips.Image, *, deep: bool) -> pyvips.Image:
    # Relative colorimetric with black point compensation, the default of Photoshop and of browsers.
    try:
        return image.icc_transform(
            "srgb",
            embedded=True,
            input_profile=_CMYK if image.interpretation == _CMYK else "srgb",
            intent="relative",
            black_point_compensation=True,
            depth=16 if deep else 8,
        )
    except pyvips.Error:
        # A damaged profile is no reason to refuse the picture: its colours are only less right.
        return image.colourspace(_space(deep=deep))


def _space(*, deep: bool) -> str:
    return "rgb16" if deep else "srgb"
