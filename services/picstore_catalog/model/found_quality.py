"""Where the search for a quality begins: at what was found for something like it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median_low

from picstore_imaging.formats import Format
from picstore_imaging.plan import OutputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundQuality:
    """What the quality of an output that is READY was found to be."""

    format: Format
    width: int
    height: int
    target: float
    """What it was to score."""
    quality: int


def start_quality(
    spec: OutputSpec, *, of_picture: Iterable[FoundQuality], of_profile: Iterable[FoundQuality]
) -> int | None:
    """Say where the search for an output's quality is to begin; None where nothing is known.

    At what the same picture has in that format, size and target, newest first; or else at the
    middle of what other pictures of the conversion profile have in that format and target.
    """
    if spec.auto_quality is None:
        return None
    target = spec.auto_quality.target
    for found in of_picture:
        same_size = (found.width, found.height) == (spec.width, spec.height)
        if found.format is spec.format and found.target == target and same_size:
            return found.quality
    alike = [
        found.quality
        for found in of_profile
        if found.format is spec.format and found.target == target
    ]
    return median_low(alike) if alike else None
