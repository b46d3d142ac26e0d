"""PNG by libpng and zlib-ng, its palettes by libimagequant."""

from __future__ import annotations

from typing import Any

from picstore_imaging.spec import OutputSpec


def options(spec: OutputSpec) -> dict[str, Any]:
    """The effort is zlib's level; a quality makes a palette of at most 256 colours.

    All row filters are tried where pixels are true colour: a photo shrinks by a third. Of a
    palette's indexes no filter can foresee the next.
    """
    if spec.lossless:
        return {"compression": spec.effort, "filter": "all"}
    return {"compression": spec.effort, "filter": "none", "palette": True, "Q": spec.quality}
