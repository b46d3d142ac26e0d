"""Failures within a window, and when there were too many.

Counted in the memory of this process, see docs/adr/0015: with N replicas of auth an attacker has N
times the attempts, which stay few, and no request waits for a shared counter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from picstore_kit.errors import Reason, ResourceExhausted

_LEAST_WAIT_S: Final = 1.0


class Throttle:
    """Counts failures by who failed, in a moving window."""

    def __init__(self, limit: str, *, clock: Callable[[], float] = time.time) -> None:
        """`limit` is such as `10 per 15 minutes`.

        Raises:
            ValueError: It cannot be read.
        """
        self._limit: RateLimitItem = parse(limit)
        self._text = limit
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._clock = clock

    def refuse(self, who: str) -> None:
        """Refuse whoever has failed too often.

        Raises:
            ResourceExhausted: RATE_LIMITED, with the time after which it is worth trying again.
        """
        if not self._limiter.test(self._limit, who):
            raise self._error(who)

    def count(self, who: str) -> None:
        """Count a failure.

        Raises:
            ResourceExhausted: It is one too many (RATE_LIMITED).
        """
        if not self._limiter.hit(self._limit, who):
            raise self._error(who)

    def forgive(self, who: str) -> None:
        """Forget the failures of somebody who has succeeded."""
        self._limiter.clear(self._limit, who)

    def _error(self, who: str) -> ResourceExhausted:
        reset_time, _ = self._limiter.get_window_stats(self._limit, who)
        wait = max(_LEAST_WAIT_S, reset_time - self._clock())
        return ResourceExhausted(
            Reason.RATE_LIMITED,
            f"too many failed attempts; try again in {wait:.0f} seconds",
            metadata={"limit": self._text},
            retry_after=wait,
        )
