"""How one file was made: what was done to the pixels, by which encoder, and what it cost.

Pure: importable by every process. What a sandboxed child says of it is believed only by
`from_json`, which refuses what is not of the form and the size that a recipe has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_STEPS: Final = 64
MAX_STEP: Final = 200
"""Characters of one step."""
MAX_NAME: Final = 100
"""Characters of an encoder's name, its version or a metric's name."""
_MAX_WHOLE: Final = 2**31 - 1
_MAX_BYTES: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What was done for one output, or for a drawing."""

    steps: tuple[str, ...]
    """In their order, with their numbers, such as `scale 2560x1707 → 960x640 lanczos3`."""
    encoder: str
    """Such as `SVT-AV1`."""
    encoder_version: str
    """As far as the library tells it while it runs; otherwise that of what it is part of."""
    quality: int | None
    """On the scale of the profile; None where it has none, as what is lossless."""
    effort: int
    metric: str = ""
    """By which a quality was searched for; empty where it was given."""
    score: float | None = None
    """What the output has by the metric."""
    encodes: int = 1
    """How often it was encoded until it was this."""
    cpu_ms: int = 0
    """CPU time for this output alone, from the shared decode to the file."""
    decode_cpu_ms: int = 0
    """Its share of the decode that it has in common with the other outputs of the job."""
    peak_rss_bytes: int = 0
    """The most memory that the child held in the call until this output was written."""
    start_quality: int | None = None
    """Where the search for its quality began: begun there, it goes the same way. None where there
    was none, and in recipes from before this was kept."""

    def to_json(self) -> dict[str, Any]:
        """For the event of a sandboxed child, and JSONB columns."""
        return {**asdict(self), "steps": list(self.steps)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Recipe:
        """Read what `to_json` wrote; other fields beside are ignored.

        Raises:
            KeyError, TypeError, ValueError: It is no recipe, or larger than one may be.
        """
        steps = fields["steps"]
        if not isinstance(steps, list) or len(steps) > MAX_STEPS:
            raise ValueError("not a few steps")
        quality, score = fields.get("quality"), fields.get("score")
        start = fields.get("start_quality")
        return cls(
            steps=tuple(_text(step, MAX_STEP) for step in steps),
            encoder=_text(fields["encoder"], MAX_NAME),
            encoder_version=_text(fields["encoder_version"], MAX_NAME),
            quality=None if quality is None else _whole(quality, 100),
            effort=_whole(fields["effort"], 100),
            metric=_text(fields.get("metric", ""), MAX_NAME),
            score=None if score is None else _number(score),
            encodes=_whole(fields.get("encodes", 1), 1000),
            cpu_ms=_whole(fields.get("cpu_ms", 0), _MAX_WHOLE),
            decode_cpu_ms=_whole(fields.get("decode_cpu_ms", 0), _MAX_WHOLE),
            peak_rss_bytes=_whole(fields.get("peak_rss_bytes", 0), _MAX_BYTES),
            start_quality=None if start is None else _whole(start, 100),
        )


def printable(text: str, length: int = MAX_NAME) -> str:
    """Return what of a text from a file or a library can stand in a recipe."""
    return "".join(character for character in text if character.isprintable())[:length]


def _text(value: object, length: int) -> str:
    if not isinstance(value, str) or len(value) > length or not value.isprintable():
        raise ValueError("not a short line of text")
    return value


def _whole(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("not a number within its bounds")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError as error:  # a whole number is as long as its sender likes
        raise ValueError("not a number within its bounds") from error
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
