"""The gateway as a process: its log, its health, and how it stops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from structlog.testing import capture_logs

from picstore_gateway.app import SERVICES, application
from picstore_gateway.server import HTTPServer
from tests.contract.gateway.backend import Backend

PATH = "/api/v1/projects/prj_1/quick_upload"


async def test_every_request_is_a_line_in_the_log(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    with capture_logs() as lines:
        await http.get("/api/v1/me?page=1", headers={"authorization": "Bearer ps_x"})
    (line,) = lines
    assert line["event"] == "http.request"
    assert line["log_level"] == "info"
    assert (line["verb"], line["path"], line["status"]) == ("GET", "/api/v1/me", 400)
    assert "ps_x" not in str(line)


async def test_probes_are_only_for_debugging(http: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await http.get("/healthz")
    assert [line["log_level"] for line in lines] == ["debug"]


async def test_a_gateway_whose_services_are_not_ready_says_so() -> None:
    async def ready() -> bool:
        return False

    async with grpc.aio.insecure_channel("127.0.0.1:9") as channel:
        app = application(dict.fromkeys(SERVICES, channel), ready=ready, version="1.2.3")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
            response = await http.get("/healthz")
    assert (response.status_code, response.text) == (503, "not ready")


async def test_an_answer_does_not_wait_until_its_headers_are_acknowledged() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:9") as channel:
        app = application(dict.fromkeys(SERVICES, channel), ready=_ready, version="1.2.3")
        async with HTTPServer(app, listen="127.0.0.1:0", stop_grace_s=1) as server:
            assert server._listener is not None
            # What connections inherit; that they would be slow shows in no answer.
            assert server._listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def _ready() -> bool:
    return True


async def test_what_is_being_answered_when_it_stops_is_answered() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def ready() -> bool:
        begun.set()
        await go_on.wait()
        return True

    async with grpc.aio.insecure_channel("127.0.0.1:9") as channel:
        app = application(dict.fromkeys(SERVICES, channel), ready=ready, version="1.2.3")
        async with (
            HTTPServer(app, listen="127.0.0.1:0", stop_grace_s=20) as server,
            httpx.AsyncClient(trust_env=False) as http,
        ):
            url = f"http://{server.address}/healthz"
            serving = asyncio.create_task(server.run())
            asking = asyncio.create_task(http.get(url))
            await begun.wait()
            serving.cancel()
            await asyncio.sleep(0)
            go_on.set()
            assert (await asking).status_code == 200
            await asyncio.wait([serving])
            with pytest.raises(httpx.ConnectError):
                await http.get(url)


async def test_a_file_is_passed_on_while_it_comes(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield bytes(300_000)
        await backend.called.wait()  # else it would be held until its end
        yield bytes(10)

    assert (await http.post(PATH, content=body())).status_code == 201
    assert len(backend.calls["QuickUpload"].file) == 300_010
