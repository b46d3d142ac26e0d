"""A clock that the test sets."""

from __future__ import annotations

from datetime import datetime


class SettableClock:
    """Tells the time that it was told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now
