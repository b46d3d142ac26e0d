"""Failures within a window, and when there were too many.

Counted in the memory of this process, see docs/adr/0015: with N replicas of auth an attacker has N
times the attempts, which stay few, and no call waits for a shared counter.
"""

from __future__ import annotations

import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from picstore_kit.errors import Reason, ResourceExhausted

_LEAST_WAIT_S: Final = 1.0
_TIDY_ABOVE: Final = 10_000
"""Names that are remembered before those without recent failures are looked for and forgotten."""
_IPV6_SITE: Final = 64
"""Bits of an IPv6 address that stand for one site; whoever has one has all below (RFC 6177)."""


class Throttle:
    """Counts failures by who failed, in a moving window; only failures are ever counted.

    An empty name is nobody in particular, and never refused.
    """

    def __init__(self, limit: str) -> None:
        """`limit` is such as `10 per 15 minutes`.

        Raises:
            ValueError: It cannot be read.
        """
        self._limit: RateLimitItem = parse(limit)
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def is_over(self, who: str) -> bool:
        """Whether somebody has failed too often."""
        return bool(who) and not self._limiter.test(self._limit, who)

    def refuse(self, who: str) -> None:
        """Refuse somebody who has failed too often.

        Raises:
            ResourceExhausted: RATE_LIMITED, with the time after which it is worth trying again.
        """
        if not self.is_over(who):
            return
        reset_time, _ = self._limiter.get_window_stats(self._limit, who)
        wait = max(_LEAST_WAIT_S, reset_time - time.time())
        raise ResourceExhausted(
            Reason.RATE_LIMITED,
            f"too many attempts failed; try again in {wait:.0f} seconds",
            metadata={"limit": str(self._limit)},
            retry_after=wait,
        )

    def count(self, who: str) -> None:
        """Count a failure; those of somebody who is refused anyway do not prolong it."""
        if not who:
            return
        self._tidy()
        self._limiter.hit(self._limit, who)

    def _tidy(self) -> None:
        """Forget who has not failed lately; the storage itself keeps an empty list for each."""
        events = self._storage.events
        if len(events) > _TIDY_ABOVE:
            for name in [name for name, recent in list(events.items()) if not recent]:
                events.pop(name, None)


def network_of(address: str) -> str:
    """Return what failures from a network address are counted by; empty if it is not known."""
    if not address:
        return ""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_SITE), strict=False))
    return str(parsed)
