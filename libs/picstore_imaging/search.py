"""The search for the smallest quality that scores as well as is wanted, in few encodes.

Pure: importable by every process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_ENCODES: Final = 5

_SLOPE: Final = 0.6
"""Points of a score for each step of quality, before two encodes tell: the mean of JPEG, WebP and
AVIF between scores of 70 and 80."""
_FLATTEST, _STEEPEST = 0.2, 3.0
"""What is believed of two encodes: noise between neighbours says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[T]):
    """What a search came to."""

    quality: int
    score: float
    encodes: int
    """How many it took."""
    data: T
    """What `measure` gave with the score, such as the encoded file."""
    reached: bool
    """Whether it scores as well as is wanted; where not, it has the highest quality allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try(Generic[T]):
    quality: int
    score: float
    data: T


def find_quality(
    measure: Callable[[int], tuple[float, T]],
    *,
    start: int,
    lowest: int,
    highest: int,
    target: float,
    tolerance: float,
) -> Found[T]:
    """Find the smallest quality from `lowest` to `highest` that scores `target`, or nearly.

    `measure` encodes at a quality, once for each, and returns the score and what is to be kept. A
    score up to `tolerance` below the target is as good as the target; one up to `tolerance` above
    ends the search, as does one whose next lower quality is not good enough. What is found is the
    smallest quality of those that were tried and are good enough, after at most `MAX_ENCODES`.
    Where not even `highest` is, that is found. The same scores give the same result.

    Scores are taken to rise with quality; where they do not, it may be another quality that is
    good enough while a smaller one is too.
    """
    good: _Try[T] | None = None
    bad: _Try[T] | None = None
    tries: list[_Try[T]] = []
    quality = min(max(start, lowest), highest)
    while True:
        score, data = measure(quality)
        tried = _Try(quality=quality, score=score, data=data)
        tries.append(tried)
        if score >= target - tolerance:
            good = tried
        else:
            bad = tried
        encodes = len(tries)
        floor = lowest if bad is None else bad.quality + 1
        if good is not None:
            near = good.score <= target + tolerance
            if near or good.quality <= floor or encodes >= MAX_ENCODES:
                return _found(good, encodes, reached=True)
        elif bad is not None and bad.quality >= highest:
            return _found(bad, encodes, reached=False)
        ceiling = highest if good is None else good.quality - 1
        if good is None and encodes == MAX_ENCODES - 1:
            quality = ceiling  # The last one: what is wanted goes before what is small.
        else:
            quality = min(max(_guess(tries, good, bad, target), floor), ceiling)


def _found(best: _Try[T], encodes: int, *, reached: bool) -> Found[T]:
    return Found(
        quality=best.quality,
        score=best.score,
        encodes=encodes,
        data=best.data,
        reached=reached,
    )


def _guess(tries: list[_Try[T]], good: _Try[T] | None, bad: _Try[T] | None, target: float) -> int:
    """Say which quality would score the target if scores lay on a straight line."""
    last = tries[-1]
    if good is not None and bad is not None:
        # Scores rise ever more slowly, so the straight line meets the target too far up.
        return math.floor(bad.quality + (target - bad.score) / _slope(bad, good))
    slope = _slope(tries[-2], last) if len(tries) > 1 else _SLOPE
    return round(last.quality + (target - last.score) / slope)


def _slope(one: _Try[T], other: _Try[T]) -> float:
    slope = (other.score - one.score) / (other.quality - one.quality)
    return min(max(slope, _FLATTEST), _STEEPEST)
