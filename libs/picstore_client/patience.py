"""How long something is tried again that does not get on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from picstore_kit.errors import (
    Cancelled,
    DeadlineExceeded,
    Internal,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
)

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.1
_MAX_PAUSE_S: Final = 10.0
_INCIDENTS: Final = 3
"""How often in a row Pic Store may fail for reasons of its own; it will hardly mend itself."""
_PASSING: Final = frozenset(
    {
        *(Reason.UPLOAD_BUSY, Reason.LEASE_LOST, Reason.UPLOAD_OFFSET_WRONG),
        *(Reason.UPLOAD_STALLED, Reason.CONFLICT_RETRY, Reason.OVERLOADED),
    }
)
"""Reasons of an upload that goes on all the same, from where it then is."""


class Patience:
    """Waits between attempts, longer and longer, until it has waited enough without progress."""

    def __init__(self, seconds: float) -> None:
        """Give up when there was no progress in `seconds` of waiting."""
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Begin anew: there is progress."""
        self._left = self._seconds
        self._pause = _FIRST_PAUSE_S
        self._incidents = 0

    async def wait(self, error: PicstoreError) -> None:
        """Wait until the next attempt is due, at least as long as the error asks for.

        Raises:
            PicstoreError: The error itself, if that would be too long.
        """
        pause = max(error.retry_after or 0.0, random.uniform(self._pause / 2, self._pause))
        self._left -= pause
        self._incidents += isinstance(error, Internal)
        if self._left < 0 or self._incidents > _INCIDENTS:
            raise error
        self._pause = min(self._pause * 2, _MAX_PAUSE_S)
        await asyncio.sleep(pause)


async def patiently(patience: Patience, call: Callable[[], Awaitable[T]]) -> T:
    """Call until there is an answer, or an error that does not pass.

    Raises:
        PicstoreError: What the last call raised.
    """
    while True:
        try:
            return await call()
        except PicstoreError as error:
            if not is_passing(error):
                raise
            await patience.wait(error)


def is_passing(error: PicstoreError) -> bool:
    """Whether the same may succeed later."""
    if isinstance(error, (Unavailable, DeadlineExceeded, Internal, Cancelled)):
        return True
    if isinstance(error, ResourceExhausted) and error.retry_after is not None:
        return True
    if error.reason is Reason.DEPENDENCY_UNAVAILABLE:
        return error.metadata.get("status", "").startswith("5")
    return error.reason in _PASSING
