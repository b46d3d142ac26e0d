"""The canvas of an APNG: each of its frames as it is to be seen, after those before it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

import pyvips

from picstore_imaging import apng, vips
from picstore_imaging.apng import Animation, Blend, Disposal, Frame
from picstore_imaging.samples import in_bytes

_OPAQUE: Final = {"uchar": 255, "ushort": 65_535}
_GREY_BANDS: Final = 2


def painted(data: bytes | mmap.mmap, animation: Animation) -> Iterator[pyvips.Image]:
    """Decode frame by frame, and yield the canvas after each, in 8 bits and with alpha.

    It lies in memory, and its grey is still grey. Raises `pyvips.Error`.
    """
    canvas: pyvips.Image = None
    for frame, file in zip(animation.frames, apng.files(data, animation), strict=True):
        image = vips.open_png(file)
        if not image.hasalpha():
            image = image.bandjoin(_OPAQUE[image.format])
        image = _in_bytes(image).copy_memory()
        if canvas is None:
            canvas = _clear(image, animation.width, animation.height)
        shown = _put(canvas, frame, image).copy_memory()
        yield shown
        match frame.disposal:
            case Disposal.NONE:
                canvas = shown
            case Disposal.BACKGROUND:
                cleared = _clear(image, frame.width, frame.height)
                canvas = shown.insert(cleared, frame.left, frame.top).copy_memory()
            case Disposal.PREVIOUS:
                pass


def _put(canvas: pyvips.Image, frame: Frame, image: pyvips.Image) -> pyvips.Image:
    if frame.blend is Blend.OVER:
        below = canvas.crop(frame.left, frame.top, frame.width, frame.height)
        space = image.interpretation
        image = below.composite2(image, "over", compositing_space=space).cast("uchar")
    return canvas.insert(image, frame.left, frame.top)


def _in_bytes(image: pyvips.Image) -> pyvips.Image:
    if image.format == "ushort" and image.bands == _GREY_BANDS:
        return image.colourspace("b-w")
    return in_bytes(image)


def _clear(like: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """Return what is transparent everywhere, in the colours of another picture."""
    clear = pyvips.Image.black(width, height, bands=like.bands)
    return clear.copy(interpretation=like.interpretation)
