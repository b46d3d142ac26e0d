"""Calls that only listen to a stream: their places, their time, and who is on the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from picstore_kit.errors import (
    DeadlineExceeded,
    NotFound,
    Reason,
    ResourceExhausted,
    Unauthenticated,
)
from picstore_kit.ids import TeamId, UserId, new_id
from picstore_kit.rpc.auth import Principal, renew_principal, require_principal
from picstore_kit.rpc.credentials import BearerCredentials
from picstore_kit.settings import RPCSettings
from tests.contract.kit.conftest import EchoClient, Message, Wire, echo_message


def forever(ended: asyncio.Event) -> Any:
    async def say_one_thing(request: Message, _context: Any) -> AsyncIterator[Message]:
        try:
            yield request
            await asyncio.Event().wait()
        finally:
            ended.set()

    return say_one_thing


async def first(stream: Any) -> Any:
    return await anext(aiter(stream))


async def test_listeners_take_no_places_of_other_calls(wire: Wire) -> None:
    wire.servicer.on("Down", forever(asyncio.Event()))
    server = await wire.serve(RPCSettings(max_concurrent_rpcs=1, max_listeners=2, stop_grace_s=0.2))
    client = await wire.connect(server.address)
    streams = [client.down() for _ in range(2)]
    for stream in streams:
        await first(stream)

    assert (await client.unary("hello")).text == "hello"
    with pytest.raises(ResourceExhausted) as refused:
        await first(client.down())
    assert refused.value.reason is Reason.OVERLOADED


async def test_a_listener_who_goes_away_ends_the_handler(wire: Wire, client: EchoClient) -> None:
    ended = asyncio.Event()
    wire.servicer.on("Down", forever(ended))
    with capture_logs() as logs:
        stream = client.down()
        await first(stream)
        stream.cancel()
        async with asyncio.timeout(30):
            await ended.wait()
            while not any(line["event"] == "rpc.served" for line in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (served,) = [line for line in logs if line["event"] == "rpc.served"]
    assert served["code"] == "CANCELLED"


async def test_an_error_after_the_first_message_arrives_as_it_is(
    wire: Wire, client: EchoClient
) -> None:
    async def fail(request: Message, _context: Any) -> AsyncIterator[Message]:
        yield request
        raise NotFound.of("Image", "img_1")

    wire.servicer.on("Down", fail)
    stream = aiter(client.down())
    assert (await anext(stream)).text
    with pytest.raises(NotFound) as gone:
        await anext(stream)
    assert gone.value.resource is not None


async def test_a_stream_has_an_end(wire: Wire) -> None:
    wire.servicer.on("Down", forever(asyncio.Event()))
    server = await wire.serve(RPCSettings(stream_deadline_s=0.2, stop_grace_s=0.2))
    client = await wire.connect(server.address)
    stream = aiter(client.down())
    await anext(stream)
    with pytest.raises(DeadlineExceeded):
        await anext(stream)


async def test_whoever_calls_is_found_out_again_in_a_call_that_lasts(wire: Wire) -> None:
    one, other = (Principal(team_id=new_id(TeamId), user_id=new_id(UserId)) for _ in range(2))
    go_on = asyncio.Event()

    async def who(request: Message, _context: Any) -> AsyncIterator[Message]:
        yield echo_message()(text=str(require_principal().user_id))
        await go_on.wait()
        for _ in range(2):
            yield echo_message()(text=str((await renew_principal()).user_id))
            wire.keys.principals.clear()

    wire.servicer.on("DownForUsers", who)
    wire.keys.principals["key"] = one
    server = await wire.serve()
    client = await wire.connect(server.address, credentials=BearerCredentials(lambda: "key"))
    stream = aiter(client.down(method="DownForUsers"))
    assert (await anext(stream)).text == one.user_id

    wire.keys.principals["key"] = other
    go_on.set()

    assert (await anext(stream)).text == other.user_id
    with pytest.raises(Unauthenticated):
        await anext(stream)
