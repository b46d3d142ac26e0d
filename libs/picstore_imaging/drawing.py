"""SVG: the bytes of a drawing that librsvg is to see, and at which scale."""

from __future__ import annotations

from pathlib import Path

import pyvips

from picstore_imaging import vips


def open_drawing(path: Path, *, trailing_bytes: int, scale: float = 1.0) -> pyvips.Image:
    """Open a drawing whose container was found whole; raises `IMAGE_CORRUPT`.

    What follows the drawing is kept from the parser, which would refuse all of it.
    """
    data = path.read_bytes()
    return vips.open_svg(data[: len(data) - trailing_bytes], scale=scale)
