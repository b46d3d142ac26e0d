"""AVIF that moves, by libavif, which libvips does not ask for it: SVT-AV1, or libaom.

Frames refer to each other, so a still background is coded once. SVT-AV1 is not tuned for stills
here, which took 15 to 30 % more bytes and half as much time again at equal score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyvips

from picstore_imaging.avif import AvifEncoder, AvifSettings, film_by_aom, film_settings
from picstore_imaging.encoders import svt
from picstore_imaging.samples import in_bytes
from picstore_imaging.sequence import with_plays
from picstore_imaging.spec import OutputSpec

_CODECS: Final = {AvifEncoder.SVT: "svt", AvifEncoder.AOM: "aom"}
_DEFAULT_DELAY_MS: Final = 100
"""A sample has to last: what browsers take where a GIF says 0."""


def save(
    frames: Sequence[pyvips.Image],
    delays_ms: Sequence[int],
    plays: int,
    path: Path,
    spec: OutputSpec,
) -> None:
    """Encode frames of the spec's size to a file; where SVT-AV1 fails, libaom tries.

    The file has the metadata that the first frame carries. Raises `pyvips.Error`.
    """
    chosen = film_settings(spec, has_alpha=frames[0].hasalpha())
    try:
        encoded = _encode(frames, delays_ms, chosen)
    except RuntimeError:
        try:
            encoded = _encode(frames, delays_ms, film_by_aom(spec))
        except RuntimeError as error:
            raise pyvips.Error("libavif cannot encode it") from error
    path.write_bytes(with_plays(encoded, plays))


def _encode(
    frames: Sequence[pyvips.Image], delays_ms: Sequence[int], chosen: AvifSettings
) -> bytes:
    encoder = svt.open_encoder(
        frames[0],
        codec=_CODECS[chosen.encoder],
        subsampling="4:2:0" if chosen.subsampled else "4:4:4",
        quality=chosen.quality or 0,
        speed=chosen.speed,
    )
    for frame, delay_ms in zip(frames, delays_ms, strict=True):
        pixels = in_bytes(frame)
        encoder.add(
            pixels.write_to_memory(),
            delay_ms or _DEFAULT_DELAY_MS,
            pixels.width,
            pixels.height,
            svt.MODES[pixels.bands],
            False,
        )
    encoded: bytes = encoder.finish()
    return encoded
