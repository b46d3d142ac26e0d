"""The routes that carry a file: its bytes go to the upload service as they come."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from picstore.upload.v1 import upload_pb2
from picstore_gateway.api import created, path_values
from picstore_gateway.backends import Backends
from picstore_gateway.multipart import FormReader
from picstore_gateway.routes import Route, field_at
from picstore_kit.errors import Cancelled, FieldViolation, InvalidField, InvalidFields, Reason

CHUNK_BYTES: Final = 256 * 1024
"""Size of the pieces in which a file is passed on."""

_SHA256: Final = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
_UNSAID: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
"""Content types that say nothing of the file; the last is what curl sends when told nothing."""


def upload_endpoints(routes: list[Route], backends: Backends) -> list[Endpoint]:
    """Return an endpoint for every route that carries a file."""
    return [
        Endpoint(
            route.template, _endpoint(route, backends), methods=[route.verb], name=route.rpc_path
        )
        for route in routes
        if route.takes_bytes
    ]


def parameters_of(route: Route) -> list[str]:
    """Name the query parameters of a route that carries a file: the header's texts."""
    header = field_at(route.method.input_type, "header").message_type
    assert header is not None  # the contract's own header is a message
    in_path = {variable.rpartition(".")[2] for variable in route.variables}
    said_by_http = {"content_type", "size_bytes"}
    return [f.name for f in header.fields if f.name not in in_path | said_by_http]


def _endpoint(route: Route, backends: Backends) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        texts = _texts(route, request.query_params.multi_items())
        content_type = request.headers.get("content-type", "")
        body = _body(request)
        chunks: AsyncIterator[bytes] = body
        size: int | None = None
        if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
            file = await FormReader(content_type, body).file()
            form_texts = _texts(route, list(file.fields.items()))
            texts = {"filename": file.filename, **form_texts, **texts}
            content_type, chunks = file.content_type, file.chunks
        else:
            size = _content_length(request)
        texts = {name: text for name, text in texts.items() if name in parameters_of(route)}
        header = _header(route, request, texts, content_type=content_type, size=size)
        messages = _messages(route, header, chunks, sha256=_digest(request))
        async with aclosing(body), aclosing(messages):
            return created(await backends.send(route, messages))

    return serve


def _header(
    route: Route,
    request: Request,
    texts: dict[str, str],
    *,
    content_type: str,
    size: int | None,
) -> Message:
    message = route.request_class()
    header = getattr(message, "header")  # noqa: B009  # a field of whatever class the route has
    for path, value in path_values(route, request).items():
        setattr(header, path.rpartition(".")[2], value)
    for name, text in texts.items():
        setattr(header, name, text)
    if content_type.lower() not in _UNSAID:
        header.content_type = content_type
    if size is not None:
        header.size_bytes = size
    return message


async def _messages(
    route: Route, header: Message, chunks: AsyncIterator[bytes], *, sha256: str
) -> AsyncGenerator[Message, None]:
    yield header
    offset = 0
    async for data in _regrouped(chunks):
        yield route.request_class(chunk=upload_pb2.Chunk(offset=offset, data=data))
        offset += len(data)
    yield route.request_class(end=upload_pb2.End(sha256=sha256))


async def _regrouped(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield pieces of `CHUNK_BYTES`: a message for every TCP segment would cost more than it."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
    if buffer:
        yield bytes(buffer)


async def _body(request: Request) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Cancelled(Reason.CANCELLED, "the client went away") from None


def _texts(route: Route, pairs: list[tuple[str, str]]) -> dict[str, str]:
    known = parameters_of(route)
    unknown = [name for name, _ in pairs if name not in known]
    if unknown:
        raise InvalidFields(
            [FieldViolation(field=name, description="is not a parameter") for name in unknown]
        )
    return dict(pairs)


def _content_length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    return int(text) if text is not None and text.isdecimal() else None


def _digest(request: Request) -> str:
    """Return the SHA-256 (hex) that the header `Content-Digest` (RFC 9530) gives, or nothing."""
    text = request.headers.get("content-digest", "")
    match = _SHA256.search(text)
    if match is None:
        return ""
    try:
        return base64.b64decode(match[1], validate=True).hex()
    except binascii.Error as error:
        raise InvalidField("content-digest", "must be as RFC 9530 says") from error
