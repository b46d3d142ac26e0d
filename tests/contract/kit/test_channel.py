"""What a channel adds to a call, repeats, and makes of errors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from picstore_kit.errors import DeadlineExceeded, NotFound, Reason, Unavailable
from picstore_kit.ids import TeamId
from picstore_kit.log import bound_request_id
from picstore_kit.rpc.auth import Principal, acting_as
from picstore_kit.rpc.deadline import deadline_in, remaining_s
from picstore_kit.settings import RPCSettings
from tests.contract.kit.conftest import ECHO

if TYPE_CHECKING:
    from tests.contract.kit.conftest import EchoClient, Wire


class Flaky:
    """Unavailable until it was asked `failures` times."""

    def __init__(self, failures: int) -> None:
        self.requests: list[Any] = []
        self._failures = failures

    async def __call__(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        if len(self.requests) <= self._failures:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "not yet")
        return request


async def test_call_with_a_request_id_is_repeated_under_the_same_id(
    wire: Wire, client: EchoClient
) -> None:
    flaky = Flaky(failures=2)
    wire.servicer.on("Unary", flaky)
    assert (await client.unary()).text == "hello"
    assert len(flaky.requests) == 3
    (request_id,) = {request.request_id for request in flaky.requests}
    assert request_id


async def test_request_id_of_the_caller_is_kept_and_its_message_untouched(
    client: EchoClient,
) -> None:
    request = client.message(text="hello")
    call: Any = client.channel.unary_unary(
        f"/{ECHO}/Unary",
        request_serializer=client.message.SerializeToString,
        response_deserializer=client.message.FromString,
    )
    assert (await call(client.message(text="hello", request_id="mine"))).request_id == "mine"
    assert (await call(request)).request_id != ""
    assert request.request_id == ""


async def test_only_unavailable_is_repeated(wire: Wire, client: EchoClient) -> None:
    requests = []

    async def fail(request: Any, _context: Any) -> Any:
        requests.append(request)
        raise NotFound.of("Image", "img_1")

    wire.servicer.on("Unary", fail)
    with pytest.raises(NotFound):
        await client.unary()
    assert len(requests) == 1


async def test_streams_are_not_repeated(wire: Wire, client: EchoClient) -> None:
    attempts = []

    async def fail(_requests: Any, _context: Any) -> Any:
        attempts.append(1)
        raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "not yet")

    wire.servicer.on("Up", fail)
    with pytest.raises(Unavailable):
        await client.up(client.messages("a"))
    assert len(attempts) == 1


async def test_draining_server_leaves_the_rotation(wire: Wire) -> None:
    served_by: list[str] = []

    def noting(name: str) -> Any:
        async def note(request: Any, _context: Any) -> Any:
            served_by.append(name)
            return request

        return note

    async def last(count: int) -> set[str]:
        for _ in range(count):
            await client.unary()
        return set(served_by[-count:])

    sibling = wire.sibling()
    wire.servicer.on("Unary", noting("first"))
    sibling.servicer.on("Unary", noting("second"))
    first, second = await wire.serve(), await sibling.serve()
    client = await wire.connect(f"ipv4:{first.address},{second.address}")
    async with asyncio.timeout(20):
        while await last(10) != {"first", "second"}:
            pass
        await first.draining()
        while await last(10) != {"second"}:
            pass
    assert await last(20) == {"second"}


async def test_no_call_is_made_without_time_left(wire: Wire, client: EchoClient) -> None:
    requests = Flaky(failures=0)
    wire.servicer.on("Unary", requests)
    with deadline_in(0.01), pytest.raises(DeadlineExceeded):
        await client.unary()
    assert requests.requests == []


async def test_call_from_within_a_call_has_less_time(wire: Wire, client: EchoClient) -> None:
    budgets: list[float] = []

    async def relay(request: Any, context: Any) -> Any:
        budgets.append(context.time_remaining())
        if len(budgets) < 3:
            return await client.unary(timeout=60)
        return request

    wire.servicer.on("Unary", relay)
    await client.unary(timeout=1)
    # 50 ms less at each hop, but gRPC rounds what it transmits up by as much as a per cent.
    assert all(budget <= limit for budget, limit in zip(budgets, (1.02, 0.97, 0.92), strict=True))


async def test_late_answer_is_deadline_exceeded(wire: Wire, client: EchoClient) -> None:
    async def hang(_request: Any, _context: Any) -> Any:
        await asyncio.Event().wait()

    wire.servicer.on("Unary", hang)
    with pytest.raises(DeadlineExceeded) as caught:
        await client.unary(timeout=0.1)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert remaining_s() is None


async def test_request_id_and_trace_travel_on(wire: Wire, client: EchoClient) -> None:
    headers: list[dict[str, Any]] = []

    async def relay(request: Any, context: Any) -> Any:
        headers.append(dict(context.invocation_metadata()))
        return await client.unary() if len(headers) < 2 else request

    wire.servicer.on("Unary", relay)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with bound_request_id("r-1"):
        await client.unary(metadata=(("traceparent", f"00-{trace}-00f067aa0ba902b7-01"),))
    assert [seen["x-request-id"] for seen in headers] == ["r-1", "r-1"]
    assert all(trace in seen["traceparent"] for seen in headers)


async def test_failing_credentials_fail_the_call(wire: Wire) -> None:
    class Broken:
        async def metadata(self) -> Any:
            raise Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "no token to be had")

    server = await wire.serve()
    client = await wire.connect(server.address, credentials=Broken())
    with acting_as(Principal(team_id=TeamId("tem_1"))), pytest.raises(Unavailable) as caught:
        await client.unary()
    assert caught.value.message == "no token to be had"
    with pytest.raises(Unavailable):
        await client.up(client.messages("a"))
    with pytest.raises(Unavailable):
        await anext(aiter(client.down()))


async def test_stream_of_responses_ends_in_our_error(wire: Wire, client: EchoClient) -> None:
    async def fail_in_the_middle(requests: Any, _context: Any) -> Any:
        async for request in requests:
            yield request
            raise NotFound.of("Image", "img_1")

    wire.servicer.on("Both", fail_in_the_middle)
    responses = client.both(client.messages("a", "b"))
    assert (await anext(aiter(responses))).text == "a"
    with pytest.raises(NotFound):
        await anext(aiter(responses))


async def test_a_server_that_is_being_replaced_is_waited_for(wire: Wire) -> None:
    async with wire.server() as server:
        client = await wire.connect(server.address, patience_s=30, timeout_s=60)
        await server.serving()
        await client.unary()

    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(client.unary())
        await asyncio.wait([call], timeout=0.2)
        assert not call.done()  # neither refused nor answered: nobody is there
        await wire.serve(RPCSettings(listen=server.address, stop_grace_s=0.2))

    assert call.result().text == "hello"


async def test_no_call_waits_longer_than_patience_for_a_server_that_is_gone(wire: Wire) -> None:
    async with wire.server() as server:
        client = await wire.connect(server.address, patience_s=0.1, timeout_s=900)
    with pytest.raises(Unavailable):
        await client.unary()
