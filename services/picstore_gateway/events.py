"""The operations that answer with a stream of messages, as server-sent events.

A message with a `kind` is an event of that name; one that only says that the stream is alive is a
comment. Before the first message nothing is sent, so whoever is refused gets a problem document
with its status: a method that streams says something as soon as it begins.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from picstore.catalog.v1.image_service_pb2 import WatchImagesResponse
from picstore_gateway.api import body_of, path_values
from picstore_gateway.backends import Backends
from picstore_gateway.problems import problem_body, status_of
from picstore_gateway.resources import Operation
from picstore_gateway.routes import Route
from picstore_gateway.transcoding import request_from, to_json
from picstore_kit.errors import PicstoreError
from picstore_kit.tasks import cancel

MEDIA_TYPE: Final = "text/event-stream"
ERROR: Final = "error"
"""The event that tells of an error, as a problem document, and ends the stream."""

_RETRY: Final = b"retry: 2000\n\n"
"""Milliseconds after which a browser that lost the stream asks for another."""
_HEARTBEAT: Final = b": heartbeat\n\n"
_HEADERS: Final = {
    "cache-control": "no-cache",
    # Proxies that gather answers would keep events back; nginx is told so.
    "x-accel-buffering": "no",
}
_KINDS: Final[Mapping[str, str]] = {
    WatchImagesResponse.Kind.Name(kind): name
    for kind, name in (
        (WatchImagesResponse.KIND_CURRENT, "current"),
        (WatchImagesResponse.KIND_COMMITTED, "image.committed"),
        (WatchImagesResponse.KIND_OUTPUT_READY, "output.ready"),
        (WatchImagesResponse.KIND_READY, "image.ready"),
        (WatchImagesResponse.KIND_FAILED, "image.failed"),
    )
}
"""The names of events where the contract calls them otherwise than their kind."""
_KIND: Final = "kind"
_PREFIX: Final = "KIND_"
_UNNAMED: Final = "message"
"""The name that the standard gives to events without one."""
_ALIVE: Final = "KIND_HEARTBEAT"


def event_operation(route: Route, backends: Backends, stopping: asyncio.Event) -> Operation:
    """Return the operation of a route that streams; its streams end when `stopping` is set."""

    async def serve(request: Request) -> Response:
        message = request_from(
            route,
            path=path_values(route, request),
            query=request.query_params.multi_items(),
            body=await body_of(request),
        )
        messages = backends.listen(route, message)
        try:
            first = await anext(messages, None)
        except BaseException:
            await messages.aclose()
            raise
        return _EventStream(first, messages, stopping)

    return serve


def event_of(message: Message) -> bytes:
    """Write a message as an event."""
    kind = _kind_of(message)
    return _HEARTBEAT if kind == _ALIVE else _event(_name_of(kind), to_json(message))


def names_of(message: Descriptor) -> list[str]:
    """Return the names that events of a message type can have."""
    field = message.fields_by_name.get(_KIND)
    kinds = [] if field is None or field.enum_type is None else field.enum_type.values[1:]
    return [*(_name_of(kind.name) for kind in kinds if kind.name != _ALIVE), ERROR]


def _name_of(kind: str) -> str:
    return _KINDS.get(kind) or kind.removeprefix(_PREFIX).lower() or _UNNAMED


def _kind_of(message: Message) -> str:
    """Return the name of a message's kind; empty if it has none."""
    field = message.DESCRIPTOR.fields_by_name.get(_KIND)
    if field is None or field.enum_type is None:
        return ""
    return str(field.enum_type.values_by_number[getattr(message, _KIND)].name)


def _event(name: str, data: bytes) -> bytes:
    """Write an event; JSON has no line breaks of its own."""
    return f"event: {name}\n".encode() + b"data: " + data + b"\n\n"


class _EventStream(Response):
    """Sends messages as they come, until they end, the client goes away or the gateway stops."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        first: Message | None,
        messages: AsyncGenerator[Message, None],
        stopping: asyncio.Event,
    ) -> None:
        super().__init__(headers=_HEADERS)
        # An answer of which nobody knows how long it is.
        del self.headers["content-length"]
        self._first = first
        self._messages = messages
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(head)
            if scope["method"] != "HEAD":
                await self._until_over(receive, send)
        finally:
            await self._messages.aclose()
        await send({"type": "http.response.body", "body": b""})

    async def _until_over(self, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send_all(send))
        others = (
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._stopping.wait()),
        )
        try:
            await asyncio.wait((sending, *others), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            await cancel(sending, *others)

    async def _send_all(self, send: Send) -> None:
        async def write(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        await write(_RETRY)
        if self._first is None:
            return
        await write(event_of(self._first))
        try:
            async for message in self._messages:
                await write(event_of(message))
        except PicstoreError as error:
            told = problem_body(error, status_of(error))
            await write(_event(ERROR, json.dumps(told, ensure_ascii=False).encode()))


async def _gone(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
