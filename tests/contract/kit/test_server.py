"""Health, reflection, addresses and the end of a server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from picstore_kit.errors import Unavailable, Unimplemented
from picstore_kit.rpc.health import LIVENESS
from picstore_kit.rpc.server import RPCServer
from picstore_kit.rpc.tokens import ServiceTokenVerifier
from picstore_kit.settings import RPCSettings
from tests.contract.kit.conftest import ECHO

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.kit.conftest import EchoClient, Wire

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def _health(client: EchoClient, service: str = "") -> int:
    stub: Any = health_pb2_grpc.HealthStub(client.channel)
    response: health_pb2.HealthCheckResponse = await stub.Check(
        health_pb2.HealthCheckRequest(service=service)
    )
    return response.status


async def test_health_is_not_serving_until_warm_and_after_drain(wire: Wire) -> None:
    async with wire.server() as server:
        client = await wire.connect_plainly(server.address)
        assert [await _health(client), await _health(client, ECHO)] == [NOT_SERVING, NOT_SERVING]
        assert await _health(client, LIVENESS) == SERVING
        await server.serving()
        assert [await _health(client), await _health(client, ECHO)] == [SERVING, SERVING]
        await server.draining()
        await server.serving()  # a probe that recovers meanwhile changes nothing
        assert [await _health(client), await _health(client, ECHO)] == [NOT_SERVING, NOT_SERVING]
        assert await _health(client, LIVENESS) == SERVING


async def test_stopping_server_finishes_running_calls(wire: Wire) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, _context: Any) -> Any:
        entered.set()
        await leave.wait()
        return request

    wire.servicer.on("Unary", wait)
    server = wire.server(RPCSettings(stop_grace_s=30))
    async with asyncio.TaskGroup() as tasks, server:
        await server.serving()
        client = await wire.connect(server.address)
        running = tasks.create_task(client.unary())
        await entered.wait()
        tasks.create_task(_set_soon(leave))
    assert running.result().text == "hello"


async def _set_soon(event: asyncio.Event) -> None:
    await asyncio.sleep(0)
    event.set()


async def test_address_names_the_port_that_was_free(wire: Wire) -> None:
    server = await wire.serve(RPCSettings(listen="127.0.0.1:0"))
    host, _, port = server.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


async def test_server_listens_on_a_unix_socket(wire: Wire, tmp_path: Path) -> None:
    server = await wire.serve(RPCSettings(listen=f"unix:{tmp_path}/echo.sock"))
    client = await wire.connect(server.address)
    assert (await client.unary()).text == "hello"


async def test_second_server_on_a_port_fails_at_once(wire: Wire) -> None:
    first = await wire.serve()
    with pytest.raises(RuntimeError):
        await wire.serve(RPCSettings(listen=first.address))


@pytest.mark.parametrize("allowed", [True, False])
async def test_reflection_can_be_turned_off(wire: Wire, allowed: bool) -> None:
    server = await wire.serve(RPCSettings(reflection=allowed))
    client = await wire.connect(server.address)
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)  # type: ignore[arg-type]  # aio works, too
    request = reflection_pb2.ServerReflectionRequest(list_services="")

    async def ask() -> list[str]:
        return [
            service.name
            async for response in stub.ServerReflectionInfo(iter([request]))
            for service in response.list_services_response.service
        ]

    if allowed:
        assert ECHO in await ask()
    else:
        with pytest.raises(Unimplemented):
            await ask()


async def test_service_outside_the_contract_is_refused_at_start(wire: Wire) -> None:
    with pytest.raises(KeyError):
        RPCServer(
            RPCSettings(),
            servicers=[(lambda _servicer, _server: None, object(), "picstore.none.v1.None")],
            authenticator=wire.keys,
            verifier=ServiceTokenVerifier(wire.authority),
        )


async def test_server_that_is_gone_is_unavailable_without_its_address(wire: Wire) -> None:
    async with wire.server() as server:
        client = await wire.connect(server.address, timeout_s=5)
    with pytest.raises(Unavailable) as caught:
        await client.unary()
    assert caught.value.message == f"{ECHO} does not answer"
    assert caught.value.metadata == {"service": ECHO}
