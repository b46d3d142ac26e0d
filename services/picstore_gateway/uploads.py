"""The operations that carry a file: its bytes go to the upload service as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from picstore.catalog.v1 import image_pb2, image_service_pb2
from picstore.upload.v1 import upload_pb2
from picstore_gateway.api import answer, media_type, path_values
from picstore_gateway.backends import Backends
from picstore_gateway.headers import IDEMPOTENCY_KEY, sha256_of
from picstore_gateway.multipart import FormFile, FormReader
from picstore_gateway.parameters import (
    FINISH,
    WAIT,
    Parameter,
    fill,
    parameters_of,
    read_parameters,
)
from picstore_gateway.resources import Operation
from picstore_gateway.routes import Route, route_to
from picstore_gateway.streams import Body, regrouped, send
from picstore_gateway.writing import write_operation
from picstore_kit.errors import InvalidArgument, InvalidField, PicstoreError, Reason

_GET_IMAGE: Final = route_to("picstore.catalog.v1.ImageService.GetImage")
_FORM_TIMEOUT_S: Final = 60.0
_FORM: Final = "multipart/form-data"
_UNSAID: Final = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
"""Content types that say nothing of the file; the last is what curl sends when told nothing."""


def upload_operation(route: Route, backends: Backends, places: Mapping[str, str]) -> Operation:
    """Return the operation of a route; `places` are as `routes.places_of` returns them."""
    parameters = parameters_of(route)
    if FINISH in parameters:
        return write_operation(route, backends, places)

    async def serve(request: Request) -> Response:
        upload = await _upload_of(parameters, request)
        messages = _messages(route, _header(route, request, upload), upload)
        image = await send(backends, route, messages)
        if (wait := upload.values.get(WAIT)) is not None:
            image = await _waited_for(backends, image, wait)
        return answer(route, image, places)

    return serve


def said_type(content_type: str) -> str:
    """Return the media type in a header, or nothing if it says nothing of the file."""
    said = media_type(content_type)
    return "" if said in _UNSAID else said


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A file that comes, and what was said of it."""

    values: Mapping[str, Any]
    """Of the parameters."""
    content_type: str
    size_bytes: int | None
    sha256: str
    """In hexadecimal; empty if it is not known."""
    chunks: AsyncIterator[bytes]


async def _upload_of(parameters: Mapping[str, Parameter], request: Request) -> _Upload:
    values = read_parameters(parameters, request.query_params.multi_items())
    content_type = request.headers.get("content-type", "")
    digest = sha256_of(request.headers)
    sha256 = digest.hex() if digest is not None else ""
    body = Body(request).whole()
    if media_type(content_type) != _FORM:
        return _Upload(
            values=values,
            content_type=said_type(content_type),
            size_bytes=_content_length(request),
            sha256=sha256,
            chunks=body,
        )
    if sha256:
        raise InvalidField("content-digest", "must not come with a form: it is not the file's")
    file = await _file_of(FormReader(content_type, body))
    in_form = read_parameters(parameters, file.fields.items())
    return _Upload(
        values={"filename": file.filename, **in_form, **values},
        content_type=said_type(file.content_type),
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
    fill(header, upload.values)
    if "request_id" in header.DESCRIPTOR.fields_by_name and not header.request_id:
        header.request_id = request.headers.get(IDEMPOTENCY_KEY, "")
    header.content_type = upload.content_type
    if upload.size_bytes is not None:
        header.size_bytes = upload.size_bytes
    header.SetInParent()
    return message


async def _messages(route: Route, header: Message, upload: _Upload) -> AsyncIterator[Message]:
    yield header
    offset = 0
    async for data in regrouped(upload.chunks):
        yield route.request_class(chunk=upload_pb2.Chunk(offset=offset, data=data))
        offset += len(data)
    yield route.request_class(end=upload_pb2.End(sha256=upload.sha256))


async def _waited_for(backends: Backends, image: Message, wait: Duration) -> Message:
    """Return the picture as it is when it is ready or failed, or the time is up.

    The upload has succeeded: that its picture cannot be asked for does not change that.
    """
    assert isinstance(image, image_pb2.Image)  # only such routes have the parameter
    request = image_service_pb2.GetImageRequest(image_id=image.id, wait=wait)
    try:
        return await backends.call(_GET_IMAGE, request)
    except PicstoreError:
        return image


def _content_length(request: Request) -> int | None:
    """Return the length that the header gives; the server has seen to it that it is a number."""
    text = request.headers.get("content-length")
    return None if text is None else int(text)
