"""JPEG by mozjpeg, as a libjpeg-turbo with options.

CPU of a 960 px photo: 4 ms plain, 8 ms with optimised Huffman tables (-4 % bytes), 13 ms
progressive (-5 %), 48 ms with trellis quantisation (-11 % at equal quality).
"""

from __future__ import annotations

from typing import Any

from picstore_imaging.spec import OutputSpec


def options(spec: OutputSpec) -> dict[str, Any]:
    """Effort 1 optimises the Huffman tables, 4 makes it progressive, 7 adds trellis quantisation.

    Colour is subsampled 4:2:0 below quality 90, as libvips does by default.
    """
    progressive, trellis = spec.effort >= 4, spec.effort >= 7
    return {
        "Q": spec.quality,
        "optimize_coding": spec.effort >= 1,
        "interlace": progressive,
        "optimize_scans": trellis,
        "trellis_quant": trellis,
        "overshoot_deringing": trellis,
    }
