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
from picstore_imaging.encoders.used import EncoderUsed
from picstore_imaging.samples import in_bytes
from picstore_imaging.sequence import with_plays
from picstore_imaging.spec import OutputSpec

_CODECS: Final = {AvifEncoder.SVT: "svt", AvifEncoder.AOM: "aom"}
_NAMES: Final = {AvifEncoder.SVT: "SVT-AV1", AvifEncoder.AOM: "libaom"}


def save(
    frames: Sequence[pyvips.Image],
    delays_ms: Sequence[int],
    plays: int,
    path: Path,
    spec: OutputSpec,
) -> EncoderUsed:
    """Encode frames of the spec's size to a file; where SVT-AV1 fails, libaom tries.

    The file has the metadata that the first frame carries. Returns which encoder it was. Raises
    `pyvips.Error`.
    """
    chosen = film_settings(spec, has_alpha=frames[0].hasalpha())
    try:
        encoded = _encode(frames, delays_ms, chosen)
    except RuntimeError:
        chosen = film_by_aom(spec)
        try:
            encoded = _encode(frames, delays_ms, chosen)
        except RuntimeError as error:
            raise pyvips.Error("libavif cannot encode it") from error
    path.write_bytes(with_plays(encoded, plays))
    return EncoderUsed(
        name=_NAMES[chosen.encoder],
        version=svt.version(_CODECS[chosen.encoder]),
        told=(
            f"speed {chosen.speed}, quality {chosen.quality}, {_subsampling(chosen)},"
            f" {chosen.bit_depth} bits"
        ),
    )


def some_of(frames: Sequence[pyvips.Image]) -> pyvips.Image:
    """Put the first, the middle and the last frame in a strip, in memory."""
    return _strip([frames[index] for index in _looked_at(len(frames))])


def decode_some(encoded: bytes) -> pyvips.Image:
    """Decode the same frames of a file; raises `pyvips.Error`."""
    try:
        decoder = svt.open_decoder(encoded)
        width, height, count, mode, *_ = decoder.get_info()
        # libvips reads them where they lie, so they have to outlive the strip's making.
        pixels = [decoder.get_frame(index)[0] for index in _looked_at(count)]
        frames = [
            pyvips.Image.new_from_memory(data, width, height, len(mode), "uchar") for data in pixels
        ]
        return _strip([frame.copy(interpretation="srgb") for frame in frames])
    except (RuntimeError, ValueError) as error:
        raise pyvips.Error("libavif cannot decode it") from error


def _looked_at(count: int) -> list[int]:
    return sorted({0, count // 2, count - 1})


def _strip(frames: Sequence[pyvips.Image]) -> pyvips.Image:
    strip = pyvips.Image.arrayjoin(list(frames), across=1).copy()
    strip.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    # Not the times of all the frames, which the first one may carry: those here follow each other.
    strip.set_type(pyvips.GValue.array_int_type, "delay", [1] * len(frames))
    return strip.copy_memory()


def _encode(
    frames: Sequence[pyvips.Image], delays_ms: Sequence[int], chosen: AvifSettings
) -> bytes:
    encoder = svt.open_encoder(
        frames[0],
        codec=_CODECS[chosen.encoder],
        subsampling=_subsampling(chosen),
        quality=chosen.quality or 0,
        speed=chosen.speed,
    )
    for frame, delay_ms in zip(frames, delays_ms, strict=True):
        pixels = in_bytes(frame)
        encoder.add(
            pixels.write_to_memory(),
            delay_ms,
            pixels.width,
            pixels.height,
            svt.MODES[pixels.bands],
            False,
        )
    encoded: bytes = encoder.finish()
    return encoded


def _subsampling(chosen: AvifSettings) -> str:
    return "4:2:0" if chosen.subsampled else "4:4:4"
