"""Times as people write them: `90d` and `2h` for how long, a date or a time for when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_PART: Final = re.compile(r"(\d+)([smhdw])")
_SPAN: Final = re.compile(r"(?:\d+[smhdw])+")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    """Return the time that `90d`, `1h30m` or `45s` stands for.

    Raises:
        ValueError: It stands for none.
    """
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: write it like 90d, 24h, 1h30m or 45s")
    try:
        return timedelta(**_sums(text))
    except OverflowError:
        raise ValueError(f"{text!r} is too long a time") from None


def _sums(text: str) -> dict[str, int]:
    sums = dict.fromkeys(_UNITS.values(), 0)
    for count, unit in _PART.findall(text):
        sums[_UNITS[unit]] += int(count)
    return sums


def past(text: str, *, now: datetime) -> datetime:
    """Return the time `2h` before `now`, or the one that is written as in `moment`."""
    return _before(now, span(text), text) if _SPAN.fullmatch(text) else moment(text)


def coming(text: str, *, now: datetime) -> datetime:
    """Return the time `90d` after `now`, or the one that is written as in `moment`."""
    return _before(now, -span(text), text) if _SPAN.fullmatch(text) else moment(text)


def _before(now: datetime, length: timedelta, text: str) -> datetime:
    try:
        return now - length
    except OverflowError:
        raise ValueError(f"{text!r} is too long a time") from None


def moment(text: str) -> datetime:
    """Return a time such as `2026-01-31` or `2026-01-31T12:00:00+01:00`; UTC if no zone is said.

    Raises:
        ValueError: It is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write it like 2h, 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
