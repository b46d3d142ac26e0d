"""The encoders, one to a file: each makes the file that a spec asks for, most by libvips.

Pixels are upright sRGB by then, which every reader takes for granted; what else the file is to have
the image carries (see `blocks`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyvips

from picstore_imaging.blocks import keep_flags
from picstore_imaging.encoders import avif, jpeg, png, webp
from picstore_imaging.encoders.used import EncoderUsed, by_libvips, jpeg_library, told
from picstore_imaging.formats import Format
from picstore_imaging.spec import OutputSpec

_SAVERS: Final[dict[Format, tuple[str, Callable[[OutputSpec], dict[str, Any]]]]] = {
    Format.JPEG: ("jpegsave", jpeg.options),
    Format.PNG: ("pngsave", png.options),
    Format.WEBP: ("webpsave", webp.options),
}
_NAMES: Final = {Format.PNG: "libpng", Format.WEBP: "libwebp"}
"""Behind the savers that have but one library."""


def save(image: pyvips.Image, path: Path, spec: OutputSpec) -> EncoderUsed:
    """Encode `image`, which has the spec's size, to a file; raises `pyvips.Error`.

    Returns which encoder it was.
    """
    if spec.format is Format.AVIF:
        return avif.save(image, path, spec)
    saver, options = _SAVERS[spec.format]
    chosen = options(spec)
    getattr(image, saver)(str(path), keep=keep_flags(image), **chosen)
    name = jpeg_library() if spec.format is Format.JPEG else _NAMES[spec.format]
    return by_libvips(name, told(chosen))
