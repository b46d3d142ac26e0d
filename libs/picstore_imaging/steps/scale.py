"""Scale a picture; a transparent pixel has no say in the colour of its neighbours."""

from __future__ import annotations

from typing import TypeAlias

import pyvips

from picstore_imaging.context import SourceContext
from picstore_imaging.geometry import Size

Part: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height, in pixels."""


def scale(context: SourceContext) -> None:
    """Bring the source to the size of the ladder's top, before anything that costs by the pixel."""
    image, size = context.image, context.stored_size
    if (image.width, image.height) != size:
        context.done.append(described(Size(image.width, image.height), size))
    context.image = scaled(image, size)


def described(size: Size, wanted: Size) -> str:
    """Say what `scaled` does to a picture that has not the size that is wanted already."""
    filters = (["lanczos3"] if wanted.width < size.width or wanted.height < size.height else []) + (
        ["catmull-rom"] if wanted.width > size.width or wanted.height > size.height else []
    )
    return (
        f"scale {size.width}x{size.height} → {wanted.width}x{wanted.height} {' and '.join(filters)}"
    )


def scaled(image: pyvips.Image, size: Size, part: Part | None = None) -> pyvips.Image:
    """Scale to exactly `size`, each axis by its own factor; the same image where it has it.

    With `part` only that of the result is returned, and what is outside is never computed: so a
    crop of a picture that would be scaled to more pixels than there can be is one like any other.
    """
    if (image.width, image.height) == size:
        return image if part is None else image.crop(*part)
    part = part or (0, 0, *size)
    if not image.hasalpha():
        return _enlarged(_reduced(image, size), size, part)
    # Resizing in the image's own integers instead of premultiply's floats takes half the time.
    premultiplied = _rounded(image.premultiply(), image)
    return _rounded(_enlarged(_reduced(premultiplied, size), size, part).unpremultiply(), image)


def _reduced(image: pyvips.Image, size: Size) -> pyvips.Image:
    """Reduce the axes that are too long, with Lanczos3."""
    horizontal = min(1.0, size.width / image.width)
    vertical = min(1.0, size.height / image.height)
    return image.resize(horizontal, vscale=vertical)


def _enlarged(image: pyvips.Image, size: Size, part: Part) -> pyvips.Image:
    """Enlarge the axes that are too short, with Catmull-Rom, and return a part.

    `resize` would as well, but it moves the picture by half a pixel (libvips issue 943), which
    shows beside its 1x sibling. With these offsets the centre of a pixel stays where it is.
    """
    if (image.width, image.height) == size:
        return image if part == (0, 0, *size) else image.crop(*part)
    horizontal, vertical = size.width / image.width, size.height / image.height
    return image.affine(
        [horizontal, 0, 0, vertical],
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=list(part),
        idx=0.5,
        idy=0.5,
        odx=-0.5,
        ody=-0.5,
        extend="copy",
    )


def _rounded(image: pyvips.Image, like: pyvips.Image) -> pyvips.Image:
    return image.rint().cast(like.format)
