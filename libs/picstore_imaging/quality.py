"""How good and how small an output is where its profile does not say, and where efforts end.

Pure: importable by every process.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from picstore_imaging.formats import Format
from picstore_imaging.rules import AutoQuality, Density, FormatRule

DENSE_RATIO: Final = 1.5
"""From this density on the eye no longer sees single pixels, and the dense defaults apply."""

_QUALITY: Final = {Format.JPEG: 80, Format.WEBP: 86, Format.AVIF: 66}
"""Equal to the eye: the mean SSIMULACRA2 of four photos of 960 px, at the default efforts, is that
of JPEG 80 (79.8). Bytes: 100 %, 89 % and 58 %."""

_DENSE_QUALITY: Final = {Format.JPEG: 66, Format.WEBP: 78, Format.AVIF: 54}
"""Equal to the eye in the same way, at JPEG 66 (72.3), with 65 to 72 % of the above's bytes: shown
at half its size or less, an output hides the difference."""

SCORED_PIXELS: Final = 2_000_000
"""Of an output, at most, that are looked at when its quality is searched for."""

DENSE_SHIFT: Final = 7.0
"""How much lower an output for a dense display aims: as much as its default quality scores less,
7.4 points of SSIMULACRA2 for JPEG, 6.1 for WebP and 7.9 for AVIF."""

AUTO_BOUNDS: Final[Mapping[Format, tuple[int, int]]] = {
    Format.JPEG: (30, 95),
    Format.WEBP: (30, 98),
    Format.AVIF: (25, 89),
}
"""Between which a quality is searched for where a profile does not say. From 90 on an AVIF is 4:4:4
and so libaom's, for twice the time and more bytes than it gains; see `avif`."""

_USUAL_SCORES: Final = (50, 60, 65, 70, 75, 80, 85, 90)
_USUAL: Final[Mapping[Format, tuple[int, ...]]] = {
    Format.JPEG: (30, 38, 45, 56, 67, 78, 87, 92),
    Format.WEBP: (33, 41, 53, 67, 79, 85, 91, 97),
    Format.AVIF: (31, 39, 44, 50, 56, 64, 75, 88),
}
"""The qualities with these scores: the means of three photos at 320, 640 and 1,280 px, at the
default efforts. Single ones differ by 2 to 3 points at 80 and by 5 at 65."""

_EFFORT: Final = {Format.JPEG: 2, Format.PNG: 6, Format.WEBP: 2, Format.AVIF: 3}
"""WebP 2 takes 0.42 of the time of 4 (libwebp's default) for 4 % more bytes. AVIF 3 is SVT-AV1 at
its preset 6: a tenth of the time of libaom at effort 4, which others take for their default, for
7 % more bytes at equal SSIMULACRA2. AVIF 1 takes a third of that again for 7 % more."""

_MAX_EFFORT: Final = {Format.JPEG: 9, Format.PNG: 9, Format.WEBP: 6, Format.AVIF: 7}
"""WebP ends at 6. AVIF 7 is libaom's 4: its 5 takes 1.6 times as long and saves nothing, and noise
of 2.7 MP takes 11 CPU-s at 4, 34 at 6 and 159 at 9."""


def encoder_quality(rule: FormatRule, density: Density, *, ratio: float) -> int | None:
    """Resolve the quality of an output that really has `ratio`; None where it has none.

    That is where it is lossless, a WebP that is nearly so, or a palette without further wishes; and
    where the quality is found by what it looks like.
    """
    quality = density.quality or rule.quality
    if quality is None and rule.auto_quality is not None:
        return None
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


def automatic_quality(rule: FormatRule, density: Density, *, ratio: float) -> AutoQuality | None:
    """Resolve what the quality of an output that really has `ratio` is to reach, and its bounds.

    None where the quality is given: by the density, which goes before all that formats say.
    """
    wanted = rule.auto_quality
    if wanted is None or density.quality is not None:
        return None
    lowest, highest = AUTO_BOUNDS[rule.format]
    return replace(
        wanted,
        target=wanted.target - (DENSE_SHIFT if ratio >= DENSE_RATIO else 0),
        min_quality=min(lowest, wanted.max_quality or lowest)
        if wanted.min_quality is None
        else wanted.min_quality,
        max_quality=max(highest, wanted.min_quality or highest)
        if wanted.max_quality is None
        else wanted.max_quality,
    )


def usual_quality(format: Format, target: float) -> int:
    """Return the quality at which photos usually score `target`: where a search begins."""
    qualities, scores = _USUAL[format], _USUAL_SCORES
    above = min(max(bisect_right(scores, target), 1), len(scores) - 1)
    low, high = scores[above - 1], scores[above]
    step = (qualities[above] - qualities[above - 1]) / (high - low)
    return round(qualities[above - 1] + (target - low) * step)


def encoder_effort(rule: FormatRule) -> int:
    """Resolve the effort: the default where none is given, never more than the format's cap."""
    effort = _EFFORT[rule.format] if rule.effort is None else rule.effort
    return min(effort, _MAX_EFFORT[rule.format])
