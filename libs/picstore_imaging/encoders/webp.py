"""WebP by libwebp; its longest side is 16,383 px."""

from __future__ import annotations

from typing import Any

from picstore_imaging.spec import OutputSpec


def options(spec: OutputSpec) -> dict[str, Any]:
    """The effort is libwebp's method, 0 to 6: 2 is the default here, see `quality`."""
    if spec.lossless:
        return {"lossless": True, "effort": spec.effort}
    if spec.options.near_lossless is not None:
        return {"near_lossless": True, "Q": spec.options.near_lossless, "effort": spec.effort}
    return {"Q": spec.quality, "effort": spec.effort}
