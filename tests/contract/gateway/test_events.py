"""Streams of messages become server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore_gateway.app import public_routes
from picstore_kit.errors import NotFound, Reason, ResourceExhausted, Unavailable
from tests.contract.gateway.backend import Backend

PATH = "/api/v1/images/img_1/events"
READY = Image(id="img_1", state=Image.STATE_READY)


def told(kind: WatchImagesResponse.Kind.ValueType, **fields: Any) -> WatchImagesResponse:
    return WatchImagesResponse(kind=kind, **fields)


CURRENT = told(WatchImagesResponse.KIND_CURRENT, image=READY)
HEARTBEAT = told(WatchImagesResponse.KIND_HEARTBEAT)


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_each_kind_is_an_event_of_its_name(http: httpx.AsyncClient, backend: Backend) -> None:
    kinds = WatchImagesResponse.Kind.values()[1:]
    backend.stream("WatchImage", [told(kind, image=READY, output=Output()) for kind in kinds])

    answer = await http.get(PATH)

    assert answer.status_code == 200
    assert answer.text.startswith("retry: 2000\n\nevent: current\n")
    names = [name for name, _ in events(answer.text)]
    assert names == ["current", "image.committed", "output.ready", "image.ready", "image.failed"]
    assert answer.text.endswith("\n\n: heartbeat\n\n")
    data = events(answer.text)[0][1]
    assert (data["kind"], data["image"]["state"]) == ("KIND_CURRENT", "STATE_READY")
    assert backend.calls["WatchImage"].request.image_id == "img_1"


async def test_nothing_on_the_way_keeps_events_back(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [CURRENT])
    headers = (await http.get(PATH)).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-length" not in headers
    assert headers["x-request-id"]


async def test_a_list_of_pictures_is_a_repeated_parameter(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    await http.get("/api/v1/projects/prj_1/events?image_ids=img_1&image_ids=img_2")
    request = backend.calls["WatchImages"].request
    assert (request.project_id, list(request.image_ids)) == ("prj_1", ["img_1", "img_2"])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound.of("Image", "img_1"), 404),
        (ResourceExhausted(Reason.OVERLOADED, "too many watch", retry_after=5), 429),
    ],
)
async def test_a_refusal_is_a_problem_with_its_status(
    http: httpx.AsyncClient, backend: Backend, error: Any, status: int
) -> None:
    backend.stream("WatchImage", [error])
    answer = await http.get(PATH)
    assert (answer.status_code, answer.json()["reason"]) == (status, error.reason)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_parameter_is_a_problem(http: httpx.AsyncClient) -> None:
    answer = await http.get(PATH, params={"since": "1"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "FIELD_INVALID")


async def test_an_error_within_the_stream_is_its_last_event(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    lost = Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "gone\nfor now", retry_after=1)
    backend.stream("WatchImage", [CURRENT, HEARTBEAT, lost])

    answer = await http.get(PATH)

    assert answer.status_code == 200
    (first, _), (name, problem) = events(answer.text)
    assert (first, name) == ("current", "error")
    assert (problem["status"], problem["reason"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert problem["request_id"] == answer.headers["x-request-id"]


async def _begun(answer: httpx.Response) -> AsyncIterator[str]:
    """Return the lines, of which the first have come."""
    lines = answer.aiter_lines()
    while not (await anext(lines)).startswith("data:"):
        pass
    return lines


async def test_a_client_that_goes_away_ends_the_call(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [CURRENT], endless=True)
    async with http.stream("GET", PATH) as answer:
        await _begun(answer)
        assert not backend.calls["WatchImage"].ended.is_set()
    async with asyncio.timeout(30):
        await backend.calls["WatchImage"].ended.wait()


async def test_a_gateway_that_stops_ends_its_streams(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [CURRENT], endless=True)
    async with http.stream("GET", PATH) as answer:
        lines = await _begun(answer)
        backend.stopping.set()
        async with asyncio.timeout(30):
            assert not [line async for line in lines if line]
            await backend.calls["WatchImage"].ended.wait()


async def test_only_the_head_of_a_stream_can_be_had(
    http: httpx.AsyncClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [CURRENT], endless=True)
    answer = await http.head(PATH)
    assert answer.headers["content-type"].startswith("text/event-stream")
    async with asyncio.timeout(30):
        await backend.calls["WatchImage"].ended.wait()


async def test_many_streams_leave_room_for_other_calls(
    http: httpx.AsyncClient, address: str, backend: Backend
) -> None:
    backend.stream("WatchImage", [CURRENT], endless=True)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://{address}", trust_env=False, limits=limits, timeout=60
    ) as many:
        answers = [
            await many.send(many.build_request("GET", PATH), stream=True) for _ in range(200)
        ]
        assert (await http.get("/api/v1/projects")).status_code == 200
        for answer in answers:
            await answer.aclose()


def test_each_method_that_streams_is_a_get() -> None:
    streaming = [route for route in public_routes() if route.streams]
    assert {route.method.name for route in streaming} >= {"WatchImage", "WatchImages"}
    assert {route.verb for route in streaming} == {"GET"}


@pytest.mark.parametrize(
    ("wait", "seconds", "nanos"), [("30s", 30, 0), ("1.5s", 1, 500_000_000), ("-1s", -1, 0)]
)
async def test_a_duration_is_a_query_parameter(
    http: httpx.AsyncClient, backend: Backend, wait: str, seconds: int, nanos: int
) -> None:
    await http.get("/api/v1/images/img_1", params={"wait": wait})
    request = backend.calls["GetImage"].request
    assert (request.wait.seconds, request.wait.nanos) == (seconds, nanos)


@pytest.mark.parametrize("wait", ["", "30", "s", "1m", "1.5 s", "nans", "1e3s", "9" * 30 + "s"])
async def test_what_is_no_duration_is_refused(http: httpx.AsyncClient, wait: str) -> None:
    answer = await http.get("/api/v1/images/img_1/picture", params={"wait": wait})
    assert answer.status_code == 400
    (violation,) = answer.json()["violations"]
    assert violation == {
        "field": "wait",
        "description": "must be a number of seconds such as 30s or 1.5s",
    }


async def test_a_call_that_waits_has_time_for_it(http: httpx.AsyncClient, backend: Backend) -> None:
    for wait, at_least, at_most in (("0s", 20, 31), ("50s", 70, 81), ("9999s", 80, 91)):
        await http.get("/api/v1/images/img_1", params={"wait": wait})
        remaining = backend.calls["GetImage"].remaining_s
        assert remaining is not None
        assert at_least < remaining < at_most
