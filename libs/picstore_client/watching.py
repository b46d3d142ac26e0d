"""Waiting for a picture, and watching what happens to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

import httpx
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration

from picstore.catalog.v1.image_pb2 import Image, Output
from picstore.catalog.v1.image_service_pb2 import (
    DESCRIPTOR,
    GetImageRequest,
    WatchImageRequest,
    WatchImagesResponse,
)
from picstore_client.events import ERROR, ServerEvent, events_in
from picstore_client.problems import error_of, error_told, foreign, reason_of, unreachable
from picstore_client.transcoding import http_call
from picstore_kit.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    PicstoreError,
    Reason,
    ResourceExhausted,
    Unavailable,
)

LONGEST_WAIT_S: Final = 20.0
"""Of one call; below what proxies take for a server that hangs."""

_SETTLED: Final = frozenset({Image.STATE_READY, Image.STATE_FAILED})
_OPEN: Final = frozenset({Output.STATE_QUEUED, Output.STATE_CONVERTING})
_SHORT_WAIT_S: Final = 1.0
"""Of one call, where somebody wants to see each change."""
_PAUSE_MIN_S: Final = 0.05
_PAUSE_MAX_S: Final = 1.0
_ATTEMPTS: Final = 4
"""Streams that may fail one after the other without a word."""
_RETRY_MAX_S: Final = 5.0
_SILENCE_S: Final = 45.0
"""A stream says every 15 seconds that it is alive."""


class GetImage(Protocol):
    """Returns a picture, as `PicStoreClient.call` does for `GET_IMAGE`."""

    async def __call__(self, request: GetImageRequest, /) -> Image:
        """Call the method."""


async def wait_ready(
    get_image: GetImage,
    image_id: str,
    *,
    timeout_s: float,
    longest_wait_s: float,
    on_change: Callable[[Image], None] | None,
) -> Image:
    """Wait until pages can show the newest original of a picture.

    `longest_wait_s` is for one call. `on_change` is told of the picture when it has changed.

    Raises:
        FailedPrecondition: Nothing could be made of it, for the reason that the error has.
        DeadlineExceeded: It takes longer than `timeout_s` seconds.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _long_poll(get_image, image_id, longest_wait_s, on_change)
    except TimeoutError:
        raise DeadlineExceeded(
            Reason.DEADLINE_EXCEEDED,
            f"the picture is not converted after {timeout_s:g} s; its conversion goes on",
            metadata={"image": image_id},
        ) from None


def is_settled(image: Image) -> bool:
    """Whether a picture is ready or failed, and nothing is to replace what it has."""
    return image.state in _SETTLED and not image.pending_generation


def is_finished(image: Image) -> bool:
    """Whether a picture with its outputs is settled, and none of them is being made any more."""
    return is_settled(image) and not any(output.state in _OPEN for output in image.outputs)


def failure_of(image: Image) -> FailedPrecondition | None:
    """Return why nothing could be made of the newest original of a settled picture, if so."""
    if image.state != Image.STATE_FAILED and not image.failure_reason:
        return None
    return FailedPrecondition(
        reason_of(image.failure_reason),
        f"{image.filename} could not be converted: {image.failure_message}",
        metadata={"image": image.id},
    )


async def watch_image(
    http: httpx.AsyncClient, url: str, image_id: str
) -> AsyncGenerator[WatchImagesResponse, None]:
    """Yield how a picture is, and what happens to it until it is finished.

    A stream that breaks, or ends before that, is followed by another, which begins again with how
    the picture is then.

    Raises:
        PicstoreError: As Pic Store answered, or Unavailable if it does not, several times.
    """
    failures = 0
    while True:
        pause_s = _PAUSE_MIN_S
        try:
            async for event in _stream(http, url, image_id):
                pause_s = event.retry_s or pause_s
                if (message := _message_of(event)) is None:
                    continue
                failures = 0
                yield message
                if is_finished(message.image):
                    return
        except PicstoreError as error:
            failures += 1
            if not _may_pass(error) or failures == _ATTEMPTS:
                raise
            pause_s = max(pause_s, error.retry_after or 0.0, failures * _PAUSE_MAX_S)
        await asyncio.sleep(min(pause_s, _RETRY_MAX_S) * random.uniform(0.5, 1))


async def _long_poll(
    get_image: GetImage,
    image_id: str,
    longest_wait_s: float,
    on_change: Callable[[Image], None] | None,
) -> Image:
    # Whoever wants to see changes sees how it is now, and looks more often.
    wait_s = longest_wait_s if on_change is None else 0.0
    pause_s = _PAUSE_MIN_S
    now = asyncio.get_running_loop().time
    etag = None
    while True:
        began = now()
        wait = Duration()
        wait.FromMilliseconds(round(1000 * wait_s))
        image = await get_image(GetImageRequest(image_id=image_id, wait=wait if wait_s else None))
        if on_change is not None and image.etag != etag:
            on_change(image)
        etag = image.etag
        if is_settled(image):
            failure = failure_of(image)
            if failure is not None:
                raise failure
            return image
        if now() - began < wait_s / 2:  # a server that stops does not wait
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _PAUSE_MAX_S)
        wait_s = longest_wait_s if on_change is None else min(longest_wait_s, _SHORT_WAIT_S)


async def _stream(
    http: httpx.AsyncClient, url: str, image_id: str
) -> AsyncGenerator[ServerEvent, None]:
    """Yield the events of one stream."""
    method = DESCRIPTOR.services_by_name["ImageService"].methods_by_name["WatchImage"]
    call = http_call(method, WatchImageRequest(image_id=image_id))
    timeout = httpx.Timeout(http.timeout.write, connect=http.timeout.connect, read=_SILENCE_S)
    headers = {"accept": "text/event-stream"}
    try:
        async with http.stream(call.verb, call.path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                await answer.aread()
                raise error_of(answer)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise foreign(answer)
            async for event in events_in(answer.aiter_bytes()):
                yield event
    except httpx.TransportError as error:
        raise unreachable(url, error) from error


def _message_of(event: ServerEvent) -> WatchImagesResponse | None:
    """Read what an event says; None if it says nothing.

    Raises:
        PicstoreError: It tells of an error.
        Unavailable: It is not Pic Store's.
    """
    if event.name == ERROR:
        raise error_told(event.data)
    if not event.data:
        return None
    try:
        return json_format.Parse(event.data, WatchImagesResponse(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError):
        raise Unavailable(
            Reason.DEPENDENCY_UNAVAILABLE, "an event is not as Pic Store writes it"
        ) from None


def _may_pass(error: PicstoreError) -> bool:
    busy = isinstance(error, ResourceExhausted) and error.reason is Reason.OVERLOADED
    return busy or isinstance(error, Unavailable)
