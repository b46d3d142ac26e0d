"""What an encoder takes for a picture of a given score: bytes and CPU time between measured points.

Pure, so that its arithmetic can be tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import fmean
from typing import Final

TARGETS: Final = (65.0, 72.5, 80.0)
"""Scores at which encoders are compared: those of JPEG 58, of JPEG 66, which is the default for
dense displays, and of JPEG 80, which is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One encode of one picture."""

    score: float
    bytes: float
    cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An encoder beside the one that all are compared with."""

    bytes_ratio: float
    """At equal scores; the geometric mean over pictures and scores."""
    time_ratio: float
    """CPU time of all these encodes together."""
    cpu_ms: float
    """Of one encode, on average."""


class OutOfReach(ValueError):
    """The points do not lie on both sides of the score."""


def at_score(points: Sequence[Point], score: float) -> Point:
    """Interpolate between the neighbours, bytes by their logarithm; raises `OutOfReach`."""
    ordered = sorted(points, key=lambda point: point.score)
    for left, right in pairwise(ordered):
        if left.score <= score <= right.score and left.score < right.score:
            part = (score - left.score) / (right.score - left.score)
            return Point(
                score=score,
                bytes=exp(_between(log(left.bytes), log(right.bytes), part)),
                cpu_ms=_between(left.cpu_ms, right.cpu_ms, part),
            )
    raise OutOfReach(f"{score} is not within {[round(point.score, 1) for point in ordered]}")


def compare(
    measured: Sequence[Sequence[Point]], reference: Sequence[Sequence[Point]]
) -> Comparison:
    """Compare at every target; both hold the points of the same pictures in the same order."""
    ours = [at_score(points, target) for points in measured for target in TARGETS]
    theirs = [at_score(points, target) for points in reference for target in TARGETS]
    shares = [log(one.bytes / other.bytes) for one, other in zip(ours, theirs, strict=True)]
    cpu_ms = fmean(point.cpu_ms for point in ours)
    return Comparison(
        bytes_ratio=exp(fmean(shares)),
        time_ratio=cpu_ms / fmean(point.cpu_ms for point in theirs),
        cpu_ms=cpu_ms,
    )


def _between(left: float, right: float, part: float) -> float:
    return left + (right - left) * part
