"""A client that streams hears why it was refused, however much it had still to send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from picstore_kit.errors import InvalidArgument, Reason
from picstore_kit.rpc.credentials import BearerCredentials
from tests.contract.kit.conftest import EchoClient, Message, Wire

pytestmark = pytest.mark.timeout(120)

PIECES = 60
PIECE = "x" * 256 * 1024


async def much(client: EchoClient) -> AsyncIterator[Message]:
    for _ in range(PIECES):
        yield client.message(text=PIECE)


async def refuse_the_second(requests: AsyncIterator[Message], _context: Any) -> Message:
    first = await anext(requests)
    await anext(requests)
    raise InvalidArgument(Reason.LIMIT_BYTES, f"{len(first.text)} are enough")


@pytest.mark.parametrize("attempt", range(5))
async def test_a_handler_that_refuses_midway(wire: Wire, client: EchoClient, attempt: int) -> None:
    wire.servicer.on("Up", refuse_the_second)

    with pytest.raises(InvalidArgument) as caught:
        await client.up(much(client))

    assert caught.value.reason is Reason.LIMIT_BYTES


@pytest.mark.parametrize("attempt", range(5))
async def test_a_call_that_is_refused_before_its_handler(
    wire: Wire, plain_client: EchoClient, attempt: int
) -> None:
    async def metadata() -> tuple[tuple[str, str], ...]:
        pairs = await BearerCredentials(lambda: "a wrong key").metadata()
        return tuple((name, str(value)) for name, value in pairs)

    call: Any = plain_client.channel.stream_unary(
        "/picstore.test.v1.EchoService/Nowhere",
        request_serializer=plain_client.message.SerializeToString,
    )

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(much(plain_client), metadata=await metadata())

    assert caught.value.code() is not grpc.StatusCode.INTERNAL
    assert caught.value.code() in (
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    )


async def test_a_client_that_goes_away_is_not_waited_for(
    wire: Wire, plain_client: EchoClient
) -> None:
    refused = asyncio.Event()

    async def refuse(requests: AsyncIterator[Message], _context: Any) -> Message:
        await anext(requests)
        refused.set()
        raise InvalidArgument(Reason.LIMIT_BYTES, "enough")

    async def never_ending() -> AsyncIterator[Message]:
        yield plain_client.message(text="a")
        await asyncio.Event().wait()

    wire.servicer.on("Up", refuse)
    call = plain_client.up(never_ending())
    await refused.wait()
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await plain_client.unary("still there")).text == "still there"
