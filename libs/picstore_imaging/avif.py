"""Which encoder makes an AVIF, and how: the effort scale of profiles on the measured frontier.

Bytes at equal SSIMULACRA2 and CPU time, both against libaom at its effort 4, the default of libvips
and sharp; photos of 720 px, one thread (`make bench-avif` draws it, docs/imaging.md explains it).

Pure: importable by every process.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from picstore_imaging.rules import Chroma
from picstore_imaging.spec import OutputSpec


class AvifEncoder(StrEnum):
    """An encoder of AV1."""

    SVT = "svt"
    AOM = "aom"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvifSettings:
    """What one encoder is told."""

    encoder: AvifEncoder
    speed: int
    """As the encoder counts: a preset of SVT-AV1, where more is faster, or libvips's effort for
    libaom, where more is slower."""
    quality: int | None
    """On the encoder's own scale; None is lossless."""
    bit_depth: int
    subsampled: bool
    """4:2:0; 4:4:4 otherwise."""


SUBSAMPLED_BELOW: Final = 90
"""From this quality on colour keeps its full resolution, as in libvips. For photos both take the
same bytes for the same score at 80; above, what 4:2:0 blurs is most of what is lost."""

_SVT_PRESETS: Final = (9, 8, 7, 6, 5, 4, 3)
"""By effort; see the table in docs/imaging.md. From there on libaom is the better one."""

_AOM_EFFORTS: Final = (0, 0, 0, 3, 3, 3, 3, 4)
"""By effort, where SVT-AV1 is no faster or cannot make the output. 1 and 2 are no bargain: 3 and
7 times the time of 0 for 3 and 7 % fewer bytes; and 5 takes 1.6 times that of 4 for none."""

_SVT_MIN_SIDE: Final = 4
_SVT_MAX_WIDTH: Final = 16_384
_SVT_MAX_HEIGHT: Final = 8_704

_SVT_MAX_FILM_AREA: Final = 1_000_000
"""Pixels of a frame, an alpha channel counted as a picture. It then takes 0.4 GB of memory and
0.5 of addresses; and where memory ends while it runs, it takes the process with it."""
_AOM_FILM_SPEED: Final = 6
"""As libavif counts, where more is faster: the fastest that is no real-time mode, in which photos
lose 5 dB at the same quality."""

_DEEP: Final = 10
_SHALLOW: Final = 8

_AOM_SCALE: Final = (0, 15, 30, 45, 54, 60, 66, 75, 85, 89, 100)
_SVT_SCALE: Final = (0, 11, 24, 38, 45, 53, 59, 71, 83, 88, 100)
"""The quality of SVT-AV1 that scores as that of libaom above it. With its `IQ` tune it is the same
from 160 to 1,280 px of width to within two, unlike with its default one."""


def settings(spec: OutputSpec, *, deep: bool = False, fine_colour: bool = False) -> AvifSettings:
    """Choose how an AVIF is made; `deep` pixels have more than 8 bits, and keep ten.

    Colour keeps its full resolution where it is fine, as in graphics, and at high quality. What the
    spec's options say of either goes before.

    SVT-AV1 wherever it is on the frontier and can: it has no 4:4:4, no lossless mode and limits of
    size, and its wheel takes 8 bits only.
    """
    bit_depth = _bit_depth(spec, deep=deep)
    if (
        spec.effort < len(_SVT_PRESETS)
        and _subsampled(spec, fine_colour=fine_colour)
        and bit_depth == _SHALLOW
        and _SVT_MIN_SIDE <= spec.width <= _SVT_MAX_WIDTH
        and _SVT_MIN_SIDE <= spec.height <= _SVT_MAX_HEIGHT
    ):
        return AvifSettings(
            encoder=AvifEncoder.SVT,
            speed=_SVT_PRESETS[spec.effort],
            quality=svt_quality(spec.quality or 0),
            bit_depth=bit_depth,
            subsampled=True,
        )
    return by_aom(spec, deep=deep, fine_colour=fine_colour)


def by_aom(spec: OutputSpec, *, deep: bool = False, fine_colour: bool = False) -> AvifSettings:
    """Say how libaom makes an AVIF, which it always can."""
    return AvifSettings(
        encoder=AvifEncoder.AOM,
        speed=_AOM_EFFORTS[min(spec.effort, len(_AOM_EFFORTS) - 1)],
        quality=None if spec.lossless else spec.quality,
        bit_depth=_bit_depth(spec, deep=deep),
        subsampled=_subsampled(spec, fine_colour=fine_colour),
    )


def film_settings(spec: OutputSpec, *, has_alpha: bool) -> AvifSettings:
    """Choose how an AVIF that moves is made: 8 bits, in 4:2:0 unless colour is to be kept.

    SVT-AV1 as far as its memory allows: it takes a quarter of the time of libaom.
    """
    area = spec.width * spec.height * (2 if has_alpha else 1)
    if (
        _subsampled(spec, fine_colour=False)
        and min(spec.width, spec.height) >= _SVT_MIN_SIDE
        and area <= _SVT_MAX_FILM_AREA
    ):
        return AvifSettings(
            encoder=AvifEncoder.SVT,
            speed=_SVT_PRESETS[min(spec.effort, len(_SVT_PRESETS) - 1)],
            quality=svt_quality(spec.quality or 0),
            bit_depth=_SHALLOW,
            subsampled=True,
        )
    return film_by_aom(spec)


def film_by_aom(spec: OutputSpec) -> AvifSettings:
    """Say how libaom makes an AVIF that moves."""
    return AvifSettings(
        encoder=AvifEncoder.AOM,
        speed=_AOM_FILM_SPEED,
        quality=spec.quality or 0,
        bit_depth=_SHALLOW,
        subsampled=_subsampled(spec, fine_colour=False),
    )


def looks_at_colour(spec: OutputSpec) -> bool:
    """Whether the pixels decide if colour keeps its full resolution."""
    return spec.options.chroma is None and not _keeps_colour(spec)


def _subsampled(spec: OutputSpec, *, fine_colour: bool) -> bool:
    if spec.options.chroma is not None and not spec.lossless:
        return spec.options.chroma is Chroma.SUBSAMPLED
    return not (fine_colour or _keeps_colour(spec))


def _keeps_colour(spec: OutputSpec) -> bool:
    return spec.lossless or (spec.quality or 0) >= SUBSAMPLED_BELOW


def _bit_depth(spec: OutputSpec, *, deep: bool) -> int:
    return spec.options.bit_depth or (_DEEP if deep else _SHALLOW)


def svt_quality(quality: int) -> int:
    """Translate a quality, which is libaom's, into that of SVT-AV1 with the same score."""
    above = min(bisect_right(_AOM_SCALE, quality), len(_AOM_SCALE) - 1)
    left, right = _AOM_SCALE[above - 1], _AOM_SCALE[above]
    low, high = _SVT_SCALE[above - 1], _SVT_SCALE[above]
    return round(low + (high - low) * (quality - left) / (right - left))
