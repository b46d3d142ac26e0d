"""Waiting for pictures and watching them, through a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore_client import PicStoreClient, watching
from picstore_client.events import ServerEvent, events_in
from picstore_kit.errors import (
    FailedPrecondition,
    NotFound,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
)
from tests.contract.gateway.backend import Backend

CONVERTING = Image(id="img_1", state=Image.STATE_CONVERTING, pending_generation=1, etag="1")
READY = Image(id="img_1", state=Image.STATE_READY, generation=1, etag="2")
LOST = Unavailable(Reason.DEPENDENCY_UNAVAILABLE, "gone", retry_after=0.01)


def told(image: Image) -> WatchImagesResponse:
    return WatchImagesResponse(kind=WatchImagesResponse.KIND_CURRENT, image=image)


async def states(client: PicStoreClient) -> list[Image.State.ValueType]:
    return [event.image.state async for event in client.watch_image("img_1")]


async def test_waiting_is_one_long_call(client: PicStoreClient, backend: Backend) -> None:
    backend.answer("GetImage", READY)
    assert await client.wait_ready("img_1") == READY
    assert backend.calls["GetImage"].request.wait.seconds == 15


async def test_a_replacement_is_waited_for(client: PicStoreClient, backend: Backend) -> None:
    replaced = Image(state=Image.STATE_READY, generation=1, pending_generation=2, etag="1")
    seen: list[str] = []

    def on_change(image: Image) -> None:
        seen.append(image.etag)
        backend.answer("GetImage", READY)

    backend.answer("GetImage", replaced)
    assert await client.wait_ready("img_1", on_change=on_change) == READY
    assert seen == ["1", "2"]


async def test_a_replacement_that_failed_raises_why(
    client: PicStoreClient, backend: Backend
) -> None:
    failed = Image(
        filename="dog.jpg",
        state=Image.STATE_READY,
        failure_reason="IMAGE_CORRUPT",
        failure_message="it is broken",
    )
    backend.answer("GetImage", failed)
    with pytest.raises(FailedPrecondition) as error:
        await client.wait_ready("img_1")
    assert error.value.reason is Reason.IMAGE_CORRUPT


async def test_a_watch_ends_with_the_picture(client: PicStoreClient, backend: Backend) -> None:
    backend.stream("WatchImage", [told(CONVERTING), told(READY)], endless=True)
    assert await states(client) == [Image.STATE_CONVERTING, Image.STATE_READY]


async def test_outputs_that_take_long_are_waited_for(
    client: PicStoreClient, backend: Backend
) -> None:
    slow, done = Image(), Image()
    slow.CopyFrom(READY)
    slow.outputs.add(state=Output.STATE_QUEUED)
    done.CopyFrom(READY)
    done.outputs.add(state=Output.STATE_READY)
    backend.stream("WatchImage", [told(slow), told(done)], endless=True)
    assert len(await states(client)) == 2


async def test_a_stream_that_breaks_or_ends_is_followed_by_another(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.streams(
        "WatchImage",
        [told(CONVERTING), LOST],
        [LOST],
        [told(CONVERTING)],
        [ResourceExhausted(Reason.OVERLOADED, "busy", retry_after=0.01)],
        [told(READY)],
    )
    assert await states(client) == [Image.STATE_CONVERTING] * 2 + [Image.STATE_READY]
    assert backend.counts["WatchImage"] == 5


@pytest.mark.parametrize("error", [NotFound.of("Image", "img_1"), LOST])
async def test_what_does_not_pass_is_raised(
    client: PicStoreClient, backend: Backend, error: PicstoreError
) -> None:
    backend.stream("WatchImage", [error])
    with pytest.raises(type(error)) as raised:
        await states(client)
    assert raised.value.reason is error.reason


async def test_an_error_within_the_stream_is_raised(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [told(CONVERTING), NotFound.of("Image", "img_1")])
    with pytest.raises(NotFound):
        await states(client)


async def test_whoever_stops_watching_ends_the_call(
    client: PicStoreClient, backend: Backend
) -> None:
    backend.stream("WatchImage", [told(CONVERTING)], endless=True)
    async with aclosing(client.watch_image("img_1")) as events:
        await anext(events)
    async with asyncio.timeout(30):
        await backend.calls["WatchImage"].ended.wait()


@pytest.mark.parametrize("data", [b"<html>", b'{"image": 1}', b"\xff"])
async def test_an_event_that_is_not_pic_stores_is_an_error_of_pic_store(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(watching, "_ATTEMPTS", 1)
    answer = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=b"data: " + data + b"\n\n"
    )
    async with httpx.AsyncClient(
        base_url="http://x", transport=httpx.MockTransport(lambda request: answer)
    ) as http:
        with pytest.raises(Unavailable):
            await anext(watching.watch_image(http, "http://x", "img_1"))


async def chunked(text: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_events_are_read_however_they_arrive(size: int) -> None:
    text = (
        'retry: 2000\n\n: heartbeat\n\nevent: current\r\ndata: {"a":\u2028\r\ndata:1}\r\n\r\n'
        "event: half\ndata: x\n"
    ).encode()
    assert [event async for event in events_in(chunked(text, size))] == [
        ServerEvent(retry_s=2.0),
        ServerEvent(),
        ServerEvent(name="current", data='{"a":\u2028\n1}'.encode()),
    ]


async def test_an_event_without_end_is_not_kept() -> None:
    with pytest.raises(Unavailable):
        async for _ in events_in(chunked(b"data: " + bytes(5 * 1024 * 1024), 65536)):
            pass
