"""Bring any colour space, depth and profile to sRGB, which no browser gets wrong.

Or to Display P3, where an output is to keep colours that sRGB has not; such an image, and no other,
carries the profile.
"""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging import icc, vips
from picstore_imaging.blocks import ICC
from picstore_imaging.colour_signal import ColourSignal
from picstore_imaging.context import SourceContext
from picstore_imaging.facts import Probe
from picstore_imaging.matrix_profile import matrix_profile
from picstore_imaging.recipe import printable

_MIN_BANDS: Final = 3
_MAX_BANDS: Final = 4
_CMYK: Final = "cmyk"
_SHALLOW: Final = "uchar"
_DEEP: Final = "ushort"


def colour(context: SourceContext) -> None:
    """Apply the embedded profile, or what the file says in its place; expand grey.

    No profile is left but that of P3.

    16 bits become 8 unless an output is deeper.

    CMYK without a usable profile is read by libvips's built-in one, and anything else as sRGB.
    It comes after the scaling, so it costs by the pixel of the largest output and not of the
    source. Raises `IMAGE_CORRUPT` where that makes no picture.
    """
    image = context.image = _signalled(context.image, context.probe.signal)
    deep = context.deep and image.format == _DEEP
    profile = bytes(image.get(ICC)) if ICC in image.get_fields() else b""
    tagged = profile != b"" and not icc.is_srgb(profile)
    wide = tagged and context.wide_gamut and icc.is_wide(profile)
    if tagged or image.interpretation == _CMYK:
        context.image, by_profile = _by_profile(image, "p3" if wide else "srgb", deep=deep)
        name = _name(context.probe) or f"icc {image.interpretation}"
        target = "Display P3" if wide else "sRGB"
        context.done.append(f"{name}{'' if by_profile else ', unusable'} → {target}")
    elif (image.interpretation, image.format) != (_space(deep=deep), _DEEP if deep else _SHALLOW):
        context.image = image.colourspace(_space(deep=deep))
        if image.interpretation not in (_space(deep=deep), "srgb", "rgb16"):
            context.done.append(f"{image.interpretation} → sRGB")
    if image.format == _DEEP and not deep:
        context.done.append("16 → 8 bits")
    if not wide and ICC in context.image.get_fields():
        context.image = context.image.copy()
        context.image.remove(ICC)
    if context.image.bands > _MAX_BANDS:
        # What a TIFF has beyond its alpha channel is no colour.
        context.image = context.image[:_MAX_BANDS]
    if context.image.format not in (_SHALLOW, _DEEP) or context.image.bands < _MIN_BANDS:
        raise vips.undecodable()


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Bring a picture in Display P3 back to sRGB; one without a profile is there already."""
    if ICC not in image.get_fields():
        return image
    depth = 16 if image.format == _DEEP else 8
    image = image.icc_transform("srgb", input_profile="p3", intent="relative", depth=depth).copy()
    image.remove(ICC)
    return image


def _signalled(image: pyvips.Image, signal: ColourSignal | None) -> pyvips.Image:
    """Give an image the profile that a file's numbers stand for, in place of any other."""
    if signal is None:
        return image
    if image.bands < _MIN_BANDS:
        # A profile of primaries is for three channels, and the curve is to reach grey as well.
        image = image.colourspace(_space(deep=image.format == _DEEP))
    image = image.copy()
    if ICC in image.get_fields():
        image.remove(ICC)
    if not signal.is_srgb:
        image.set_type(pyvips.GValue.blob_type, ICC, matrix_profile(signal))
    return image


def _name(probe: Probe) -> str:
    """How the recipe calls the colours of a file; empty where it does not name them."""
    if probe.signal is not None:
        return probe.signal.name
    name = printable(probe.icc_name or "")
    return f"icc {name}" if name else ""


def _by_profile(image: pyvips.Image, space: str, *, deep: bool) -> tuple[pyvips.Image, bool]:
    """Convert, and say whether the profile was of use."""
    # Relative colorimetric with black point compensation, the default of Photoshop and of browsers.
    try:
        converted = image.icc_transform(
            space,
            embedded=True,
            input_profile=_CMYK if image.interpretation == _CMYK else "srgb",
            intent="relative",
            black_point_compensation=True,
            depth=16 if deep else 8,
        )
    except pyvips.Error:
        # A damaged profile is no reason to refuse the picture: its colours are only less right.
        image = image.colourspace(_space(deep=deep)).copy()
        if ICC in image.get_fields():
            image.remove(ICC)
        return image, False
    return converted, True


def _space(*, deep: bool) -> str:
    return "rgb16" if deep else "srgb"
