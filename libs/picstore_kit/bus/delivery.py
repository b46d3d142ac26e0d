"""What a worker's handler gets, and what it may answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from picstore_kit.bus.lanes import Lane

_DELAYS_S: Final = (5.0, 30.0, 120.0, 600.0)
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Ack:
    """The work is done, and recorded where the truth is: forget the message."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver the message again, to whoever is free then."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Terminate:
    """No delivery can ever succeed: put the message with the dead letters."""

    reason: str


Outcome = Ack | Retry | Terminate


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery of a job's message; the same message may come again, here or elsewhere."""

    payload: bytes
    headers: Mapping[str, str]
    subject: str
    lane: Lane
    num_delivered: int
    """1 the first time. Deliveries are not attempts: those are counted in Postgres."""
    heartbeat: Callable[[], Awaitable[None]]
    """Say at once that the work goes on; the worker does so by itself every few seconds."""


def retry_delay(attempt: int, *, jitter: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds to wait after the `attempt`-th failure, a fifth more or less.

    5 s, 30 s, 2 min, then 10 min: short enough for a hiccup, long enough for an outage.
    """
    base = _DELAYS_S[min(max(attempt, 1), len(_DELAYS_S)) - 1]
    return base * jitter(1 - _JITTER, 1 + _JITTER)
