"""The operations that carry a file: its bytes go to the upload service as they come."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from picstore.upload.v1 import upload_pb2
from picstore_gateway.api import answer, media_type, path_values
from picstore_gateway.backends import Backends
from picstore_gateway.multipart import FormFile, FormReader
from picstore_gateway.resources import Operation
from picstore_gateway.routes import Route, field_at
from picstore_kit.errors import (
    Cancelled,
    FieldViolation,
    InvalidArgument,
    InvalidField,
    InvalidFields,
    Reason,
    ungrouped,
)

CHUNK_BYTES: Final = 256 * 1024
"""Size of the pieces in which a file is passed on."""

_QUEUED_MESSAGES: Final = 2
_FORM_TIMEOUT_S: Final = 60.0
_FORM: Final = "multipart/form-data"
_DIGEST: Final = re.compile(r"(?:^|,)\s*sha-256=(?P<value>[^,]*)")
_SHA256_BYTES: Final = 32
_UNSAID: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
"""Content types that say nothing of the file; the last is what curl sends when told nothing."""


def upload_operation(route: Route, backends: Backends, places: Mapping[str, str]) -> Operation:
    """Return the operation of a route; `places` are as `routes.places_of` returns them."""

    async def serve(request: Request) -> Response:
        upload = await _upload_of(route, request)
        requests = _messages(route, _header(route, request, upload), upload)
        return answer(route, await _send(backends, route, requests), places)

    return serve


def parameters_of(route: Route) -> list[str]:
    """Name the query parameters of a route that carries a file: the header's texts."""
    header = field_at(route.method.input_type, "header").message_type
    assert header is not None  # the contract's own header is a message
    in_path = {variable.rpartition(".")[2] for variable in route.variables}
    said_by_http = {"content_type", "size_bytes"}
    return [f.name for f in header.fields if f.name not in in_path | said_by_http]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A file that comes, and what was said of it."""

    texts: Mapping[str, str]
    content_type: str
    size_bytes: int | None
    sha256: str
    """In hexadecimal; empty if it is not known."""
    chunks: AsyncIterator[bytes]


async def _upload_of(route: Route, request: Request) -> _Upload:
    texts = _texts(route, request.query_params.multi_items())
    content_type = request.headers.get("content-type", "")
    sha256 = _sha256(request)
    if media_type(content_type) != _FORM:
        return _Upload(
            texts=texts,
            content_type=media_type(content_type),
            size_bytes=_content_length(request),
            sha256=sha256,
            chunks=_body(request),
        )
    if sha256:
        raise InvalidField("content-digest", "must not come with a form: it is not the file's")
    file = await _file_of(FormReader(content_type, _body(request)))
    in_form = _texts(route, list(file.fields.items()))
    name = {"filename": file.filename} if "filename" in parameters_of(route) else {}
    return _Upload(
        texts={**name, **in_form, **texts},
        content_type=media_type(file.content_type),
        size_bytes=None,
        sha256="",
        chunks=file.chunks,
    )


async def _file_of(form: FormReader) -> FormFile:
    """Read as far as the file; from there on it is the service that says when it takes too long."""
    try:
        async with asyncio.timeout(_FORM_TIMEOUT_S):
            return await form.file()
    except TimeoutError:
        raise InvalidArgument(
            Reason.UPLOAD_STALLED,
            f"no file began within {_FORM_TIMEOUT_S:g} seconds",
            metadata={"seconds": f"{_FORM_TIMEOUT_S:g}"},
        ) from None


def _header(route: Route, request: Request, upload: _Upload) -> Message:
    message = route.request_class()
    header = getattr(message, "header")  # noqa: B009  # a field of whatever class the route has
    for path, value in path_values(route, request).items():
        setattr(header, path.rpartition(".")[2], value)
    for name, text in upload.texts.items():
        setattr(header, name, text)
    if upload.content_type not in _UNSAID:
        header.content_type = upload.content_type
    if upload.size_bytes is not None:
        header.size_bytes = upload.size_bytes
    header.SetInParent()
    return message


async def _messages(route: Route, header: Message, upload: _Upload) -> AsyncIterator[Message]:
    yield header
    offset = 0
    async for data in _regrouped(upload.chunks):
        yield route.request_class(chunk=upload_pb2.Chunk(offset=offset, data=data))
        offset += len(data)
    yield route.request_class(end=upload_pb2.End(sha256=upload.sha256))


async def _regrouped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces of `CHUNK_BYTES`: a message for every TCP segment would cost more than it."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
    if buffer:
        yield bytes(buffer)


async def _send(backends: Backends, route: Route, messages: AsyncIterator[Message]) -> Message:
    """Pass the messages on, and stop to read as soon as the service has answered.

    A queue is between: were gRPC to read the request itself, what is wrong with the request would
    be lost in it, and it would go on to read after a refusal.
    """
    queue: asyncio.Queue[Message | None] = asyncio.Queue(_QUEUED_MESSAGES)

    async def read() -> None:
        async for message in messages:
            await queue.put(message)
        await queue.put(None)

    async def queued() -> AsyncIterator[Message]:
        while (message := await queue.get()) is not None:
            yield message

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            response = await backends.send(route, queued())
            reading.cancel()
    return response


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Cancelled(Reason.CANCELLED, "the client went away") from None


def _texts(route: Route, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    known = parameters_of(route)
    names = [name for name, _ in pairs]
    violations = [
        FieldViolation(field=name, description="is not a parameter")
        for name in names
        if name not in known
    ]
    violations += [
        FieldViolation(field=name, description="must be given once")
        for name in known
        if names.count(name) > 1
    ]
    if violations:
        raise InvalidFields(violations)
    return dict(pairs)


def _content_length(request: Request) -> int | None:
    """Return the length that the header gives; the server has seen to it that it is a number."""
    text = request.headers.get("content-length")
    return None if text is None else int(text)


def _sha256(request: Request) -> str:
    """Return the SHA-256 (hex) that the header `Content-Digest` (RFC 9530) gives, or nothing."""
    match = _DIGEST.search(request.headers.get("content-digest", ""))
    if match is None:
        return ""
    text = match["value"].strip()
    try:
        digest = base64.b64decode(text.strip(":"), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _SHA256_BYTES or text != f":{text.strip(':')}:":
        raise InvalidField("content-digest", "must be sha-256=:…: as RFC 9530 says")
    return digest.hex()
