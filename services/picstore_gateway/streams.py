"""The bytes of a request, passed on to a service as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request

from picstore_gateway.backends import Backends
from picstore_gateway.routes import Route
from picstore_kit.errors import Cancelled, Reason, ungrouped

CHUNK_BYTES: Final = 256 * 1024
"""Size of the pieces in which a file is passed on."""
HELD_S: Final = 5.0
"""Seconds after which a piece is passed on before it is full: to the service, bytes that trickle
are not to look like none."""

_QUEUED_MESSAGES: Final = 2


class Body:
    """The body of a request, and whether all of it has come."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.broken_off = False
        """Whether the client went away before the end; known once the bytes have been read."""

    async def so_far(self) -> AsyncIterator[bytes]:
        """Yield the bytes; those of a client that goes away end where it does."""
        try:
            async for chunk in self._request.stream():
                yield chunk
        except ClientDisconnect:
            self.broken_off = True

    async def whole(self) -> AsyncIterator[bytes]:
        """Yield the bytes to their end.

        Raises:
            Cancelled: The client went away.
        """
        async for chunk in self.so_far():
            yield chunk
        self.check()

    def check(self) -> None:
        """See that all of it has come.

        Raises:
            Cancelled: The client went away before.
        """
        if self.broken_off:
            raise Cancelled(Reason.CANCELLED, "the client went away")


async def regrouped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces of `CHUNK_BYTES`: a message for every TCP segment would cost more than it."""
    now = asyncio.get_running_loop().time
    buffer, passed_on = bytearray(), now()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= CHUNK_BYTES or (buffer and now() - passed_on >= HELD_S):
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
            passed_on = now()
    if buffer:
        yield bytes(buffer)


async def send(backends: Backends, route: Route, messages: AsyncIterator[Message]) -> Message:
    """Pass the messages on, and stop to read as soon as the service has answered.

    A queue is between: were gRPC to read the request itself, what is wrong with the request would
    be lost in it, and it would go on to read after a refusal.

    Raises:
        PicstoreError: As the service raised it, or as the messages did; then the call is cancelled.
    """
    queue: asyncio.Queue[Message | None] = asyncio.Queue(_QUEUED_MESSAGES)

    async def read() -> None:
        async for message in messages:
            await queue.put(message)
        await queue.put(None)

    async def queued() -> AsyncIterator[Message]:
        while (message := await queue.get()) is not None:
            yield message

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            response = await backends.send(route, queued())
            reading.cancel()
    return response
