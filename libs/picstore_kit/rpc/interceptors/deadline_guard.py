"""Gives every call an end, and tells outgoing calls how much time is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from picstore_kit.errors import DeadlineExceeded, Reason
from picstore_kit.rpc.call import Call
from picstore_kit.rpc.deadline import deadline_in


class DeadlineGuard:
    """Stops handlers after the caller's deadline or the server's, whichever comes first."""

    def __init__(self, *, unary_s: float, stream_s: float) -> None:
        self._unary_s = unary_s
        self._stream_s = stream_s

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Cancel the handler when its time is up; health is watched for as long as one likes."""
        if call.infrastructure:
            yield
            return
        limit = self._stream_s if call.streaming else self._unary_s
        remaining = call.time_remaining()
        seconds = limit if remaining is None else min(limit, remaining)
        try:
            with deadline_in(seconds):
                async with asyncio.timeout(seconds) as timeout:
                    yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DeadlineExceeded(
                Reason.DEADLINE_EXCEEDED,
                f"the call was not done within {seconds:.3g} seconds",
                metadata={"seconds": f"{seconds:.3g}"},
            ) from None
