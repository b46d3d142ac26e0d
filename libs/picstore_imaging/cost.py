"""What an output will cost, estimated from its spec: CPU time, memory, and so its lane.

The tables were measured on photos of 1 to 13 MP with libvips 8.18.7, one thread, on a 2-core
x86-64 machine; read them as ratios. Pure: importable by every process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from picstore_imaging.avif import AvifEncoder, film_settings, settings
from picstore_imaging.facts import SourceFacts
from picstore_imaging.formats import Format, SourceFormat
from picstore_imaging.geometry import Size, scaled_size
from picstore_imaging.quality import SCORED_PIXELS
from picstore_imaging.shrink import at_once, jpeg_shrink
from picstore_imaging.spec import OutputSpec

DEAR_CPU_MS: Final = 1_500.0
"""From this estimate on an output goes to the slow lane: AVIF at its default effort from 5 MP, so
not in the usual ladder up to 2,560 px; AVIF 4 from 2.5 MP."""

_OVERHEAD_MS: Final = 1.0
"""Resize, crop and hand-over of the smallest output."""

_WEBP_TRIALS: Final = 3
"""How much dearer a frame of an animation is than a still: libwebp tries several ways to tell it by
the one before. 300 frames of 400 x 400 px at effort 2 take 5.8 s, 120 ns for each pixel."""

# CPU nanoseconds for each output pixel, by effort; the last entry holds for all higher efforts.
_LOSSY_NS: Final[dict[Format, tuple[float, ...]]] = {
    Format.JPEG: (5, 11, 11, 11, 16, 16, 16, 60),
    Format.PNG: (800,),  # A palette: nearly all of it is libimagequant's search.
    Format.WEBP: (25, 30, 36, 70, 80, 110, 150),
}
_AVIF_NS: Final[dict[AvifEncoder, dict[int, float]]] = {
    AvifEncoder.SVT: {9: 85, 8: 95, 7: 135, 6: 280, 5: 600, 4: 1_150, 3: 2_300},
    AvifEncoder.AOM: {0: 60, 3: 500, 4: 3_500},
}
"""By what the encoder calls its speed, for outputs of 1 to 4 MP. Smaller ones take up to twice as
much for each pixel, and noise three times."""
_FILM_NS: Final[dict[AvifEncoder, dict[int, float]]] = {
    AvifEncoder.SVT: {9: 50, 8: 75, 7: 105, 6: 140, 5: 190, 4: 240, 3: 450},
    AvifEncoder.AOM: {6: 550},
}
"""The same for each pixel of a frame of an AVIF that moves; noise takes twice as much."""
_FILM_ALPHA: Final = 1.4
"""How much dearer each is with an alpha channel."""
_LOSSLESS_NS: Final[dict[Format, tuple[float, ...]]] = {
    Format.PNG: (30, 55, 60, 70, 80, 90, 110, 200, 400, 750),
    Format.WEBP: (190, 350, 550, 600, 700, 850, 1_000),
    Format.AVIF: (220, 220, 220, 1_200, 1_200, 1_200, 1_200, 6_000),
}

_TRELLIS_NS: Final = 45
_SCANS_NS: Final = 40
"""What trellis quantisation and the search for scans add to a JPEG, for each pixel."""

_JPEG_SEARCHES: Final = 7
"""The effort from which on a JPEG has both anyway."""

_NEAR_LOSSLESS: Final = 4
"""How much dearer than lossless a WebP is that is nearly so."""

_SEARCH_ENCODES: Final = 3
"""How often an output is encoded whose quality is searched for; two are usual, five the most."""
_LOOK_NS: Final = {Format.JPEG: 8, Format.PNG: 0, Format.WEBP: 25, Format.AVIF: 45}
"""To decode what was encoded, for each pixel."""
_SCORE_NS: Final = 70
"""To score it, for each pixel that is looked at; as much again, once, for the original."""
_FRAMES_SCORED: Final = 3
_SCORE_BYTES: Final = 115
"""What is held meanwhile for each of these."""

# Bytes for each output pixel that the encoder takes beyond the pixels it is given.
_LOSSY_BYTES: Final = {Format.JPEG: 6, Format.PNG: 25, Format.WEBP: 6, Format.AVIF: 26}
_LOSSLESS_BYTES: Final = {Format.PNG: 4, Format.WEBP: 42, Format.AVIF: 38}

_ALPHA_BYTES: Final = 23
"""The same for an alpha channel, which WebP and AVIF encode as a picture of its own."""

# Bytes for each source pixel while a source is decoded whole. A JPEG keeps two bytes for each
# coefficient, AVIF, HEIC and WebP their planes and the RGB made of them, a GIF its frames and the
# strip that they become; a TIFF may come in floats.
_DECODE_BYTES: Final = {
    SourceFormat.JPEG: 4,
    SourceFormat.PNG: 8,
    SourceFormat.WEBP: 8,
    SourceFormat.AVIF: 15,
    SourceFormat.HEIC: 15,
    SourceFormat.GIF: 8,
    SourceFormat.TIFF: 16,
}
_STREAM_ROWS: Final = 512
"""Rows that a streaming decoder and the resize behind it hold between them."""

_FILM_BYTES: Final = {AvifEncoder.SVT: 320, AvifEncoder.AOM: 140}
"""For each pixel of a frame: SVT-AV1 looks ahead by dozens of frames, however many there are."""
_FILM_BASE_BYTES: Final = 60 * 1024 * 1024
_FILM_ALPHA_BYTES: Final = 1.6

_BASE_BYTES: Final = 80 * 1024 * 1024
"""A child that has loaded Python and libvips and converted one small picture."""


def estimate_cpu_ms(spec: OutputSpec, *, frames: int = 1) -> float:
    """Estimate the CPU time, in milliseconds, to make an output of an already decoded source.

    `frames` are those of an animation; an output that does not move shows one.
    """
    pixels = spec.width * spec.height
    moves = frames > 1 and spec.moves
    once = _once_ms(spec, frames=frames if moves else 1)
    if spec.auto_quality is None:
        return once
    look = pixels * (frames if moves else 1) * _LOOK_NS[spec.format] / 1e6
    score = _scored_pixels(spec, moves=moves) * _SCORE_NS / 1e6
    return _SEARCH_ENCODES * (once + look + score) + score


def _once_ms(spec: OutputSpec, *, frames: int) -> float:
    pixels = spec.width * spec.height
    if frames > 1 and spec.format is Format.AVIF:
        # Whether there is alpha a spec does not say; dear is what might be.
        chosen = film_settings(spec, has_alpha=True)
        each = _FILM_NS[chosen.encoder][chosen.speed] * _FILM_ALPHA
        return frames * (_OVERHEAD_MS + pixels * each / 1e6)
    still = _OVERHEAD_MS + pixels * _nanoseconds(spec) / 1e6
    return frames * _WEBP_TRIALS * still if frames > 1 else still


def _scored_pixels(spec: OutputSpec, *, moves: bool) -> int:
    """Count what is looked at: of an animation three frames."""
    return min(spec.width * spec.height, SCORED_PIXELS) * (_FRAMES_SCORED if moves else 1)


def _nanoseconds(spec: OutputSpec) -> float:
    if spec.format is Format.AVIF and not spec.lossless:
        chosen = settings(spec)
        return _AVIF_NS[chosen.encoder][chosen.speed]
    near = spec.options.near_lossless is not None
    by_effort = (_LOSSLESS_NS if spec.lossless or near else _LOSSY_NS)[spec.format]
    nanoseconds = by_effort[min(spec.effort, len(by_effort) - 1)]
    if near:
        nanoseconds *= _NEAR_LOSSLESS
    if spec.format is Format.JPEG and spec.effort < _JPEG_SEARCHES:
        nanoseconds += _TRELLIS_NS if spec.options.trellis else 0
        nanoseconds += _SCANS_NS if spec.options.optimise_scans else 0
    return nanoseconds


def is_dear(spec: OutputSpec, *, frames: int = 1) -> bool:
    """Whether an output belongs into the slow lane, so that it holds up no cheap one."""
    return estimate_cpu_ms(spec, frames=frames) >= DEAR_CPU_MS


def estimate_memory_bytes(source: SourceFacts, specs: Iterable[OutputSpec]) -> int:
    """Estimate the peak memory, in bytes, of one child that makes these outputs of this source.

    The decode, the ladder of sizes and the hungriest encoder, as if all were held at once.
    """
    bands = 4 if source.has_alpha else 3
    decoded = source.pixels * _DECODE_BYTES.get(source.format, 8)
    whole = Size(source.width, source.height)
    if not source.decoded_whole:
        decoded = source.width * min(source.height, _STREAM_ROWS) * bands
    rungs: set[Size] = set()
    encoder = 0
    for spec in specs:
        target = Size(spec.width, spec.height)
        rungs.add(scaled_size(spec.fit, target, whole))
        exact = spec.lossless or spec.options.near_lossless is not None
        if source.animated and spec.moves and spec.format is Format.AVIF:
            needed = _film_bytes(spec, has_alpha=source.has_alpha)
            if spec.auto_quality is not None:
                needed += _scored_bytes(spec, source)
            encoder = max(encoder, needed)
            continue
        each = (_LOSSLESS_BYTES if exact else _LOSSY_BYTES)[spec.format]
        each += bands + (_ALPHA_BYTES if source.has_alpha else 0)
        needed = spec.width * spec.height * each
        if spec.auto_quality is not None:
            needed += _scored_bytes(spec, source)
        encoder = max(encoder, needed)
    if source.format is SourceFormat.JPEG and not source.decoded_whole:
        decoded = max(decoded, _at_once_bytes(whole, rungs))
    ladder = sum(size.width * size.height * bands for size in rungs)
    return _BASE_BYTES + decoded + ladder + encoder


def _at_once_bytes(source: Size, rungs: Iterable[Size]) -> int:
    """What the pixels of a baseline JPEG take that is not streamed; 0 where it is."""
    shrink = min((jpeg_shrink(source, rung) for rung in rungs), default=1)
    shrunk = Size(source.width // shrink, source.height // shrink)
    return shrunk.width * shrunk.height * 3 if at_once(shrunk) else 0


def _scored_bytes(spec: OutputSpec, source: SourceFacts) -> int:
    """A copy to encode from, what is decoded, and the scoring; alpha is looked at twice."""
    bands = 4 if source.has_alpha else 3
    scored = _scored_pixels(spec, moves=source.animated and spec.moves)
    copies = spec.width * spec.height * 2 * bands
    return copies + scored * _SCORE_BYTES * (2 if source.has_alpha else 1)


def _film_bytes(spec: OutputSpec, *, has_alpha: bool) -> int:
    chosen = film_settings(spec, has_alpha=has_alpha)
    each = _FILM_BYTES[chosen.encoder]
    taken = _FILM_BASE_BYTES + spec.width * spec.height * each
    return round(taken * (_FILM_ALPHA_BYTES if has_alpha else 1))
