"""The numbers that pixels are made of: a TIFF may have any kind, the pipeline takes two."""

from __future__ import annotations

from typing import Final

import pyvips

from picstore_imaging.blocks import ICC

LAB: Final = frozenset({"lab", "labs"})
"""How libvips calls CIE L*a*b* in floats and in 16 bits."""
_HIGH_HALF: Final = 16
_COLOURS: Final = 3
_MOST: Final = 65_535


def told(image: pyvips.Image, extra: int, alpha: int | None) -> pyvips.Image:
    """Leave out the samples of a TIFF that nothing is known of.

    libvips takes the fourth for transparency whatever it is. Of `extra` samples behind the
    colour, the one that is `alpha` stays.
    """
    colours = image.bands - extra
    if extra == 0 or colours < 1:
        return image
    kept = image[:colours]
    return kept if alpha is None else kept.bandjoin(image[colours + alpha])


def in_integers(image: pyvips.Image) -> pyvips.Image:
    """Bring samples of any kind to 8 or 16 bits without a sign.

    Floats are light from 0 to 1, as everybody writes them who writes them into pictures, unless
    they are Lab. Raises `pyvips.Error` for complex numbers.
    """
    if image.interpretation in LAB:
        return _from_lab(image)
    match image.format:
        case "uchar" | "ushort":
            return image
        case "char":
            return image.cast("uchar")
        case "short":
            return _deep(image)
        case "int" | "uint":
            return _deep(image >> _HIGH_HALF)
        case "float" | "double":
            return _light(image.cast("float")).colourspace("rgb16")
        case _:
            raise pyvips.Error("the samples are no light")


def _from_lab(image: pyvips.Image) -> pyvips.Image:
    """Bring CIE L*a*b* to sRGB in 16 bits.

    Its white is D50, as the TIFF notes of Adobe say and libtiff takes it, and not libvips's D65.
    """
    colours = image[:_COLOURS].copy(interpretation=image.interpretation)
    if image.interpretation == "labs":
        colours = colours.colourspace("lab")
    converted = colours.icc_export(output_profile="srgb", pcs="lab", intent="relative", depth=16)
    converted = converted.copy(interpretation="rgb16")
    converted.remove(ICC)
    if image.bands == _COLOURS:
        return converted
    alpha = image[_COLOURS]
    # libvips reads the samples of 16 bits with a sign, which only a* and b* have.
    alpha = alpha.cast("int") & _MOST if image.format == "short" else alpha * _MOST
    return converted.bandjoin(alpha.cast("ushort"))


def _deep(image: pyvips.Image) -> pyvips.Image:
    interpretation = "grey16" if image.bands <= 2 else "rgb16"
    return image.cast("ushort").copy(interpretation=interpretation)


def _light(image: pyvips.Image) -> pyvips.Image:
    if image.bands <= 2:
        image = image[0].bandjoin([image[0], *image])
    return image.copy(interpretation="scrgb")


def in_bytes(image: pyvips.Image) -> pyvips.Image:
    """Bring sRGB of 16 bits to 8; the same image where it has them."""
    return image.colourspace("srgb") if image.format == "ushort" else image
