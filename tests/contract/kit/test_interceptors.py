"""What is done around every call: logs, ids, limits, deadlines, checks of requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from picstore_kit.errors import DeadlineExceeded, InvalidField, Reason, ResourceExhausted
from picstore_kit.log import current_request_id
from picstore_kit.rpc.deadline import remaining_s
from picstore_kit.rpc.origin import Origin, current_origin
from picstore_kit.settings import RPCSettings

if TYPE_CHECKING:
    from tests.contract.kit.conftest import EchoClient, Wire


def _served(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if entry["event"] == "rpc.served"]


async def test_handlers_of_all_four_kinds_are_served(client: EchoClient) -> None:
    assert (await client.unary("hello")).text == "hello"
    assert [response.text async for response in client.down("a b")] == ["a", "b"]
    assert (await client.up(client.messages("a", "b"))).text == "a b"
    responses = client.both(client.messages("a", "b"))
    assert [response.text async for response in responses] == ["a", "b"]


async def test_requests_can_be_written_one_by_one(client: EchoClient) -> None:
    call = client.up()
    await call.write(client.message(text="a"))
    await call.write(client.message(text="b"))
    await call.done_writing()
    assert (await call).text == "a b"


async def test_every_call_is_logged_once_with_its_code(wire: Wire, client: EchoClient) -> None:
    with structlog.testing.capture_logs() as logs:
        await client.unary()
        with pytest.raises(InvalidField):
            await client.unary("")
    assert [(entry["code"], entry.get("reason")) for entry in _served(logs)] == [
        ("OK", None),
        ("INVALID_ARGUMENT", "FIELD_INVALID"),
    ]


async def test_caller_that_goes_away_cancels_the_handler_and_is_logged(
    wire: Wire, client: EchoClient
) -> None:
    started, closed_in = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def drip(request: Any, _context: Any) -> AsyncIterator[Any]:
        task = asyncio.current_task()
        try:
            while True:
                yield request
                started.set()
                await asyncio.Event().wait()
        finally:
            closed_in.set_result(asyncio.current_task() is task)

    wire.servicer.on("Down", drip)
    with structlog.testing.capture_logs() as logs:
        call = client.down("a")
        await anext(aiter(call))
        await started.wait()
        call.cancel()
        # A generator that is finalised elsewhere would leave its context managers to chance.
        assert await closed_in
        await _until(lambda: bool(_served(logs)))
    assert [entry["code"] for entry in _served(logs)] == ["CANCELLED"]


async def test_request_id_of_the_caller_is_taken_on(wire: Wire, client: EchoClient) -> None:
    seen: list[str | None] = []

    async def note(request: Any, _context: Any) -> Any:
        seen.append(current_request_id())
        return request

    wire.servicer.on("Unary", note)
    await client.unary(metadata=(("x-request-id", "r-1"),))
    await client.unary(metadata=(("x-request-id", "forged{}" * 40),))
    await client.unary()
    assert seen[0] == "r-1"
    assert len({*seen}) == 3
    assert all(request_id and request_id.isalnum() for request_id in seen[1:])


async def test_calls_over_the_limit_are_refused_but_health_answers(wire: Wire) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, _context: Any) -> Any:
        entered.set()
        await leave.wait()
        return request

    wire.servicer.on("Unary", wait)
    server = await wire.serve(RPCSettings(max_concurrent_rpcs=1))
    client = await wire.connect(server.address)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.unary())
        await entered.wait()
        with pytest.raises(ResourceExhausted) as caught:
            await client.unary()
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        response = await health.Check(health_pb2.HealthCheckRequest())
        leave.set()
    assert (caught.value.reason, caught.value.retry_after) == (Reason.OVERLOADED, 1.0)
    assert response.status == health_pb2.HealthCheckResponse.SERVING
    assert first.result().text == "hello"
    assert (await client.unary()).text == "hello"


async def test_server_ends_calls_whose_caller_would_wait_for_ever(wire: Wire) -> None:
    async def hang(_request: Any, _context: Any) -> Any:
        await asyncio.Event().wait()

    wire.servicer.on("Unary", hang)
    server = await wire.serve(RPCSettings(unary_deadline_s=0.05))
    client = await wire.connect(server.address, timeout_s=30)
    with pytest.raises(DeadlineExceeded) as caught:
        await client.unary()
    assert caught.value.metadata == {"seconds": "0.05"}


async def test_handler_knows_how_much_time_is_left(wire: Wire, client: EchoClient) -> None:
    budgets: list[float | None] = []

    async def note(request: Any, _context: Any) -> Any:
        budgets.append(remaining_s())
        return request

    wire.servicer.on("Unary", note)
    await client.unary(timeout=7)
    assert budgets[0] is not None
    assert 0 < budgets[0] < 7.5  # gRPC rounds what it writes on the wire up
    assert remaining_s() is None


async def test_timeout_within_a_handler_is_not_taken_for_the_callers(
    wire: Wire, plain_client: EchoClient
) -> None:
    async def fail(_request: Any, _context: Any) -> Any:
        raise TimeoutError("of a lock, say")

    wire.servicer.on("Unary", fail)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await plain_client.unary()
    assert caught.value.code() is grpc.StatusCode.INTERNAL


async def test_each_message_of_a_stream_is_checked(client: EchoClient) -> None:
    with pytest.raises(InvalidField) as caught:
        await client.up(client.messages("a", ""))
    assert caught.value.violations[0].field == "text"


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # a log line sets no event
            await asyncio.sleep(0.005)


async def test_handler_knows_where_the_call_comes_from(wire: Wire, client: EchoClient) -> None:
    origins: list[Origin] = []

    async def note(request: Any, _context: Any) -> Any:
        origins.append(current_origin())
        return request

    wire.servicer.on("Unary", note)
    await client.unary(metadata=(("x-forwarded-for", "192.0.2.66, 198.51.100.1"),))
    (origin,) = origins
    assert origin.method == "picstore.test.v1.EchoService/Unary"
    assert origin.client_address == "198.51.100.1"
    assert origin.user_agent.startswith("grpc-python")


async def test_peer_that_is_not_trusted_speaks_for_itself(wire: Wire) -> None:
    origins: list[Origin] = []

    async def note(request: Any, _context: Any) -> Any:
        origins.append(current_origin())
        return request

    wire.servicer.on("Unary", note)
    server = await wire.serve(RPCSettings(stop_grace_s=0.2, trusted_proxies=()))
    client = await wire.connect(server.address)
    await client.unary(metadata=(("x-forwarded-for", "198.51.100.1"),))
    assert [origin.client_address for origin in origins] == ["127.0.0.1"]
