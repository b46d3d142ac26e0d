"""Decode an ordinary JPEG by libjpeg-turbo, to the very pixels that libvips makes of it.

libvips has mozjpeg in it, whose decoder is an older libjpeg-turbo's. The present one, out of
`simplejpeg`, takes 0.85 of its CPU time. Both decode exactly alike (the integer DCT, the triangle
filter for chroma), and a test holds them to that.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging.geometry import Size
from picstore_imaging.shrink import at_once

_COLOUR_MODELS: Final = {"srgb": ("RGB", 3), "b-w": ("GRAY", 1)}
"""By how libvips calls them: what is decoded, with how many channels. Not CMYK."""
_CARRIED: Final = ("exif-data", "icc-profile-data", "iptc-data", "orientation", "xmp-data")
"""What later steps read of a picture beside its pixels."""


def decode(path: Path, header: pyvips.Image, *, shrink: int) -> pyvips.Image | None:
    """Decode the file at 1/`shrink` of its size, a power of two up to 8, into memory.

    `header` is the same picture as libvips opened it, of the size that it will have. Returns None
    for what is better left to libvips: large, progressive (it limits the number of scans) and CMYK
    pictures, and whatever the decoder complains of, for libvips tells a slight fault from damage.
    """
    if not at_once(Size(header.width, header.height)) or header.get("jpeg-multiscan"):
        return None
    model = _COLOUR_MODELS.get(header.interpretation)
    if model is None or header.bands != model[1]:
        return None
    pixels = _pixels(path, header, colour_space=model[0], shrink=shrink)
    if pixels is None:
        return None
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.data, width, height, bands, "uchar")
    if (width, height) != (header.width, header.height):
        # Where a size is no multiple, libjpeg makes a last row or column of what there is of it,
        # which libvips leaves out.
        image = image.crop(0, 0, header.width, header.height)
    image = image.copy(interpretation=header.interpretation)
    for name in _CARRIED:
        if kind := header.get_typeof(name):
            image.set_type(kind, name, header.get(name))
    return image


def exercise() -> None:
    """Load the decoder, and what it needs, before the process is confined."""
    import simplejpeg  # brings NumPy, which is for children alone

    grey = pyvips.Image.black(8, 8).jpegsave_buffer(keep="none")
    simplejpeg.decode_jpeg(grey, "GRAY")


def _pixels(path: Path, header: pyvips.Image, *, colour_space: str, shrink: int) -> Any:
    import simplejpeg  # brings NumPy, which is for children alone

    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            height, width = -(-height // shrink), -(-width // shrink)
            pixels = simplejpeg.decode_jpeg(
                data, colour_space, min_width=width, min_height=height, min_factor=1
            )
        except ValueError:
            return None
    fits = width >= header.width and height >= header.height
    return pixels if fits and pixels.shape[:2] == (height, width) else None
