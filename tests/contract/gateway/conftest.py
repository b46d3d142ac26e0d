"""The gateway on a real HTTP server, in front of a backend that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio

from picstore_gateway.app import SERVICES, application
from picstore_gateway.backends import credential
from picstore_gateway.server import HTTPServer
from picstore_kit.rpc.channel import open_channel
from picstore_kit.rpc.credentials import BearerCredentials
from tests.contract.gateway.backend import Backend


@pytest.fixture
async def backend() -> Backend:
    return Backend()


PROXIES = (ip_network("127.0.0.2/32"), ip_network("10.0.0.0/8"))
"""Of the addresses that this machine can call from, one is that of a proxy."""


@pytest.fixture
def cors_origins() -> tuple[str, ...]:
    """Whose scripts may use the gateway; nobody else's, unless a test says so."""
    return ()


@pytest.fixture
async def address(
    backend: Backend, tmp_path: Path, cors_origins: tuple[str, ...]
) -> AsyncIterator[str]:
    """Where the gateway listens, as `host:port`."""
    socket = f"unix:{tmp_path / 'backend.sock'}"
    services = grpc.aio.server(handlers=[backend])
    health_pb2_grpc.add_HealthServicer_to_server(aio.HealthServicer(), services)
    services.add_insecure_port(socket)
    await services.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(services.stop, None)
        channel = await stack.enter_async_context(
            open_channel(socket, credentials=BearerCredentials(credential.get))
        )

        async def ready() -> bool:
            return True

        app = application(
            dict.fromkeys(SERVICES, channel),
            ready=ready,
            version="1.2.3",
            trusted_proxies=PROXIES,
            stopping=backend.stopping,
            cors_origins=cors_origins,
            tus_max_bytes=1_000_000,
        )
        server = await stack.enter_async_context(
            HTTPServer(app, listen="127.0.0.1:0", stop_grace_s=1)
        )
        serving = asyncio.create_task(server.run())
        yield server.address
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://{address}", trust_env=False, timeout=60
    ) as client:
        yield client
