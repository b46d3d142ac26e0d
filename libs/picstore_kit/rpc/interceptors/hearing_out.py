"""Lets a client that streams finish, for a while, before it is told that it was refused.

Python's asyncio client of gRPC reports INTERNAL instead of the server's status where a call ends
while it writes (seen in every third refusal of 10 MiB with grpcio 1.85). Whoever sends a large file
with a wrong key would hear of a fault of ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc

from picstore_kit.rpc.call import Call

LINGER_S: Final = 5.0
"""How long a refused client is still listened to."""


class HearingOut:
    """Reads what a refused client still sends, and drops it."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Pass the handler's error on when the client is done, or its time is up."""
        try:
            yield
        except Exception:  # whatever it is, the next interceptor translates it
            if call.request_streaming:
                await _drop_the_rest(call)
            raise


async def _drop_the_rest(call: Call) -> None:
    try:
        async with asyncio.timeout(LINGER_S):
            while await call.context.read() is not grpc.aio.EOF:
                pass
    except (TimeoutError, grpc.aio.BaseError):
        pass  # it goes on and on, or it is gone
