"""How good and how small an output is where its profile does not say, and where efforts end.

Pure: importable by every process.
"""

from __future__ import annotations

from typing import Final

from picstore_imaging.formats import Format
from picstore_imaging.rules import Density, FormatRule

DENSE_RATIO: Final = 1.5
"""From this density on the eye no longer sees single pixels, and the dense defaults apply."""

_QUALITY: Final = {Format.JPEG: 80, Format.WEBP: 86, Format.AVIF: 66}
"""Equal to the eye: the mean SSIMULACRA2 of four photos of 960 px, at the default efforts, is that
of JPEG 80 (79.8). Bytes: 100 %, 89 % and 58 %."""

_DENSE_QUALITY: Final = {Format.JPEG: 66, Format.WEBP: 78, Format.AVIF: 54}
"""Equal to the eye in the same way, at JPEG 66 (72.3), with 65 to 72 % of the above's bytes: shown
at half its size or less, an output hides the difference."""

_EFFORT: Final = {Format.JPEG: 2, Format.PNG: 6, Format.WEBP: 2, Format.AVIF: 3}
"""WebP 2 takes 0.42 of the time of 4 (libwebp's default) for 4 % more bytes. AVIF 3 is SVT-AV1 at
its preset 6: a tenth of the time of libaom at effort 4, which others take for their default, for
7 % more bytes at equal SSIMULACRA2. AVIF 1 takes a third of that again for 7 % more."""

_MAX_EFFORT: Final = {Format.JPEG: 9, Format.PNG: 9, Format.WEBP: 6, Format.AVIF: 7}
"""WebP ends at 6. AVIF 7 is libaom's 4: its 5 takes 1.6 times as long and saves nothing, and noise
of 2.7 MP takes 11 CPU-s at 4, 34 at 6 and 159 at 9."""


def encoder_quality(rule: FormatRule, density: Density, *, ratio: float) -> int | None:
    """Resolve the quality of an output that really has `ratio`; None where it has none.

    That is where it is lossless, a WebP that is nearly so, or a palette without further wishes.
    """
    quality = density.quality or rule.quality
    if rule.lossless or rule.options.near_lossless is not None:
        return None
    if quality == 100 and rule.format in (Format.WEBP, Format.PNG) and not rule.options.colours:
        return None
    if quality is None:
        return (_DENSE_QUALITY if ratio >= DENSE_RATIO else _QUALITY).get(rule.format)
    return quality


def keeps_pixels(rule: FormatRule, quality: int | None) -> bool:
    """Whether an output with a quality that was resolved so is lossless."""
    options = rule.options
    return quality is None and options.near_lossless is None and options.colours is None


def encoder_effort(rule: FormatRule) -> int:
    """Resolve the effort: the default where none is given, never more than the format's cap."""
    effort = _EFFORT[rule.format] if rule.effort is None else rule.effort
    return min(effort, _MAX_EFFORT[rule.format])
