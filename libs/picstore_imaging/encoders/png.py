"""PNG by libpng and zlib-ng, its palettes by libimagequant."""

from __future__ import annotations

from typing import Any, Final

from picstore_imaging.spec import OutputSpec


def options(spec: OutputSpec) -> dict[str, Any]:
    """The effort is zlib's level; a quality, or a number of colours, makes a palette.

    All row filters are tried where pixels are true colour: a photo shrinks by a third. Of a
    palette's indexes no filter can foresee the next.
    """
    if spec.lossless:
        return {"compression": spec.effort, "filter": "all"}
    options = spec.options
    return {
        "compression": spec.effort,
        "filter": "none",
        "palette": True,
        "Q": 100 if spec.quality is None else spec.quality,
        "bitdepth": _BITS[options.colours or 256],
        "dither": 1.0 if options.dithering is None else options.dithering,
    }


_BITS: Final = {2: 1, 4: 2, 16: 4, 256: 8}
