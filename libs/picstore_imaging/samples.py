"""The numbers that pixels are made of: a TIFF may have any kind, the pipeline takes two."""

from __future__ import annotations

import pyvips

_HIGH_HALF = 16


def in_integers(image: pyvips.Image) -> pyvips.Image:
    """Bring samples of any kind to 8 or 16 bits without a sign.

    Floats are light from 0 to 1, as everybody writes them who writes them into pictures. Raises
    `pyvips.Error` for complex numbers.
    """
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
