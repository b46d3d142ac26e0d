"""AVIF by SVT-AV1, and by libaom through libvips; `picstore_imaging.avif` decides which and how.

libvips sets libaom to all-intra and to tune for the eye (`iq`), as `svt` sets SVT-AV1. Pixels with
more than 8 bits become ten.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips

from picstore_imaging.avif import AvifEncoder, AvifSettings, by_aom, looks_at_colour, settings
from picstore_imaging.blocks import keep_flags
from picstore_imaging.encoders import svt
from picstore_imaging.encoders.fine_colour import has_fine_colour
from picstore_imaging.encoders.used import EncoderUsed, by_libvips, told
from picstore_imaging.samples import in_bytes
from picstore_imaging.spec import OutputSpec


def save(image: pyvips.Image, path: Path, spec: OutputSpec) -> EncoderUsed:
    """Encode `image` to a file; where SVT-AV1 fails, libaom tries. Raises `pyvips.Error`."""
    if not spec.deep:
        image = in_bytes(image)
    image = image.copy_memory()  # It is read twice; of what lies in memory nothing is copied.
    deep = image.format == "ushort"
    fine_colour = looks_at_colour(spec) and has_fine_colour(image)
    chosen = settings(spec, deep=deep, fine_colour=fine_colour)
    if chosen.encoder is AvifEncoder.SVT and chosen.quality is not None:
        try:
            path.write_bytes(svt.encode(image, preset=chosen.speed, quality=chosen.quality))
        except RuntimeError:
            # It has one error for everything. What libaom cannot make either has no AVIF; if memory
            # was the reason, libvips says so.
            chosen = by_aom(spec)
        else:
            return EncoderUsed(
                name="SVT-AV1",
                version=svt.version(),
                told=f"preset {chosen.speed}, quality {chosen.quality}, 4:2:0, 8 bits",
            )
    saver = options(chosen)
    image.heifsave(str(path), keep=keep_flags(image), **saver)
    return by_libvips("libaom", told(saver))


def options(chosen: AvifSettings) -> dict[str, Any]:
    """Say what libaom is to do as options of libvips's saver."""
    common = {"compression": "av1", "bitdepth": chosen.bit_depth, "effort": chosen.speed}
    if chosen.quality is None:
        return {**common, "lossless": True}
    subsampling = "on" if chosen.subsampled else "off"
    return {**common, "Q": chosen.quality, "subsample_mode": subsampling}
