"""What a client cannot do: confuse a path, send without end, keep others waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest

from picstore_gateway import uploads
from picstore_gateway.app import SERVICES, application
from picstore_gateway.server import HTTPServer
from tests.contract.gateway.backend import Backend

AMBIGUOUS = [
    "/api/v1/images/img_1%2Fupload",
    "/api/v1/images/x/%2e%2e/img_1",
    "/api/v1/images/x/%2E./img_1",
    "/api/v1/images/x/../img_1",
    "/api/v1/images/./img_1",
    "/api/v1//images/img_1",
    "//api/v1/images/img_1",
    "/api/v1/images/img_1//",
    "/api/v1/images/img_1%00",
    "/api/v1/images/img_1%0d%0aX:%20y",
    "/api/v1/images/img_1%7f",
    "/api/v1/images/%c0%ae%c0%ae",
    "/api/v1/images/x%c0%afupload",
    "/api/v1/images/%e0%80%af",
    "/api/v1/images/%ff",
    "/docs/assets/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2fhtml/login.html",
]


async def exchange(address: str, request: bytes) -> tuple[int, dict[str, object]]:
    """Send bytes as they are; return the status and the body of the answer."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("path", AMBIGUOUS)
async def test_an_ambiguous_path_reaches_no_route(
    address: str, backend: Backend, path: str
) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, problem = await exchange(address, request.encode())
    assert (status, problem["reason"]) == (400, "FIELD_INVALID")
    assert not backend.calls


@pytest.mark.parametrize("path", ["/nothing", "/session", "/login", "/api/v1/me"])
async def test_a_host_that_is_none_is_not_our_fault(address: str, path: str) -> None:
    host, _, port = address.rpartition(":")
    for value in (b"[", b"[::1", b"a b", b"x:y"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET %b HTTP/1.1\r\nHost: %b\r\n" % (path.encode(), value))
        writer.write(b"Connection: close\r\n\r\n")
        assert int((await reader.read()).split()[1]) < 500
        writer.close()


@pytest.mark.parametrize("path", ["/api/v1/images/img%5F1", "/api/v1/images/%F0%9F%90%95", "/"])
async def test_an_escaped_path_is_the_path(address: str, backend: Backend, path: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        assert (await http.get(f"http://{address}{path}")).status_code in (200, 307)


@pytest.mark.parametrize("bytes_", [16 * 1024, 60_000])
async def test_a_head_that_comes_at_once_is_not_too_large_either(
    address: str, backend: Backend, bytes_: int
) -> None:
    head = "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"X-Large: {'x' * bytes_}\r\n\r\n"
    status, _ = await exchange(address, head.encode())
    assert status == 431
    assert not backend.calls


@pytest.fixture
async def impatient() -> AsyncIterator[str]:
    """The address of a gateway that waits for no more than a second."""

    async def ready() -> bool:
        return True

    async with grpc.aio.insecure_channel("127.0.0.1:9") as channel:
        app = application(dict.fromkeys(SERVICES, channel), ready=ready, version="1.2.3")
        server = HTTPServer(app, listen="127.0.0.1:0", stop_grace_s=1, idle_timeout_s=1)
        async with server:
            serving = asyncio.create_task(server.run())
            yield server.address
            serving.cancel()
            await asyncio.wait([serving])


async def drip(address: str, pieces: list[bytes]) -> bytes:
    """Send one piece after another, without an end, until the other side has closed."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    reading = asyncio.create_task(reader.read())
    while not reading.done():
        writer.write(pieces.pop(0) if pieces else b"x")
        await asyncio.wait([reading], timeout=0.2)
    writer.close()
    return await reading


@pytest.mark.parametrize(
    "pieces",
    [[b""] * 1000, [b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "]],
    ids=["nothing", "a head byte by byte"],
)
async def test_a_head_that_does_not_end_is_not_waited_for(
    impatient: str, pieces: list[bytes]
) -> None:
    async with asyncio.timeout(30):
        assert await drip(impatient, pieces) == b""


async def test_a_second_head_that_does_not_end_is_not_waited_for_either(impatient: str) -> None:
    async with asyncio.timeout(30):
        first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await drip(impatient, [first, b"GET /healthz HTTP/1.1\r\nX-Slow: "])
    assert answer.count(b"HTTP/1.1 200") == 1


async def test_slow_clients_keep_nobody_waiting(impatient: str) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        slow = [group.create_task(drip(impatient, [b"GET / HTTP/1.1\r\n"])) for _ in range(100)]
        async with httpx.AsyncClient(base_url=f"http://{impatient}", trust_env=False) as http:
            assert (await http.get("/healthz")).status_code == 200
    assert {task.result() for task in slow} == {b""}


async def test_a_form_whose_file_does_not_begin_is_not_waited_for(
    http: httpx.AsyncClient, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_FORM_TIMEOUT_S", 0.1)
    monkeypatch.setattr("picstore_gateway.lingering._SILENCE_S", 0.1)
    answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await answered.wait()

    async with asyncio.TaskGroup() as group, asyncio.timeout(30):
        asking = group.create_task(
            http.post(
                "/api/v1/projects/prj_1/quick_upload",
                content=body(),
                headers={"content-type": "multipart/form-data; boundary=x"},
            )
        )
        while not asking.done():
            await asyncio.wait([asking], timeout=1)
            answered.set()
    response = asking.result()
    assert (response.status_code, response.json()["reason"]) == (408, "UPLOAD_STALLED")
    assert not backend.calls
