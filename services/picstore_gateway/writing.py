"""Writing bytes of an upload that may be interrupted: what has come is kept."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from picstore.upload.v1 import upload_pb2
from picstore_gateway.api import answer, media_type, path_values
from picstore_gateway.backends import Backends
from picstore_gateway.headers import sha256_of
from picstore_gateway.parameters import FINISH, fill, parameters_of, read_parameters
from picstore_gateway.resources import Operation
from picstore_gateway.routes import Route
from picstore_gateway.streams import Body, regrouped, send
from picstore_kit.errors import InvalidField

_FORM = "multipart/form-data"


def write_operation(route: Route, backends: Backends, places: Mapping[str, str]) -> Operation:
    """Return the operation of WriteUpload; `places` are as `routes.places_of` returns them."""
    parameters = parameters_of(route)

    async def serve(request: Request) -> Response:
        values = read_parameters(parameters, request.query_params.multi_items())
        if media_type(request.headers.get("content-type", "")) == _FORM:
            raise HTTPException(415, "the body must be the bytes, not a form")
        header = upload_pb2.WriteUploadHeader()
        for path, value in path_values(route, request).items():
            setattr(header, path.rpartition(".")[2], value)
        sha256 = values.pop("sha256", "")
        fill(header, values)
        if (digest := sha256_of(request.headers)) is not None:
            if header.checksum:
                raise InvalidField("content-digest", "must not come with a `checksum`")
            header.checksum = f"sha256 {base64.b64encode(digest).decode()}"
        finish = upload_pb2.Finish(sha256=sha256) if values.get(FINISH) else None
        if sha256 and finish is None:
            raise InvalidField("sha256", "must come with `finish`: it is the whole file's")
        upload = await write(backends, route, header, Body(request), finish)
        return answer(route, upload, places)

    return serve


async def write(
    backends: Backends,
    route: Route,
    header: upload_pb2.WriteUploadHeader,
    body: Body,
    finish: upload_pb2.Finish | None = None,
) -> upload_pb2.Upload:
    """Write a body, from the header's offset on, and return the upload as it is then.

    Raises:
        Cancelled: The client went away; what has come is kept nevertheless.
        PicstoreError: As the service raised it.
    """
    upload = await send(backends, route, _messages(header, body, finish))
    body.check()
    assert isinstance(upload, upload_pb2.Upload)  # by its route
    return upload


async def _messages(
    header: upload_pb2.WriteUploadHeader, body: Body, finish: upload_pb2.Finish | None
) -> AsyncIterator[upload_pb2.WriteUploadRequest]:
    """Yield the messages; those for a client that goes away end early, but in good order."""
    yield upload_pb2.WriteUploadRequest(header=header)
    offset = header.write_offset
    async for data in regrouped(body.so_far()):
        yield upload_pb2.WriteUploadRequest(chunk=upload_pb2.Chunk(offset=offset, data=data))
        offset += len(data)
    if finish is not None and not body.broken_off:
        yield upload_pb2.WriteUploadRequest(finish=finish)
