"""The operations whose bodies are JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from picstore_gateway.backends import Backends
from picstore_gateway.headers import etag_header, take_headers
from picstore_gateway.resources import Operation
from picstore_gateway.routes import EMPTY, Route, variable_name
from picstore_gateway.transcoding import request_from, to_json
from picstore_kit.errors import InvalidArgument, Reason

MEDIA_TYPE: Final = "application/json"
MAX_BODY_BYTES: Final = 1024 * 1024
"""Largest JSON body; no message of the contract comes near it."""

_BODY_TIMEOUT_S: Final = 30.0
_ACCEPTED_TYPES: Final = frozenset(
    # The last is what curl sends when told nothing.
    {"", MEDIA_TYPE, "text/json", "application/x-www-form-urlencoded"}
)


def json_operation(route: Route, backends: Backends, places: Mapping[str, str]) -> Operation:
    """Return the operation of a route; `places` are as `routes.places_of` returns them."""

    async def serve(request: Request) -> Response:
        body = await body_of(request)
        if body and media_type(request.headers.get("content-type", "")) not in _ACCEPTED_TYPES:
            raise HTTPException(415, f"the body must be {MEDIA_TYPE}")
        message = request_from(
            route,
            path=path_values(route, request),
            query=request.query_params.multi_items(),
            body=body,
        )
        take_headers(route, message, request.headers)
        return answer(route, await backends.call(route, message), places)

    return serve


def answer(route: Route, message: Message, places: Mapping[str, str]) -> Response:
    """Return the response to a request that succeeded; if it made something, it says where."""
    if message.DESCRIPTOR is EMPTY:
        return Response(status_code=204)
    headers = etag_header(message)
    if route.creates and (location := _location(message, places)):
        headers["location"] = location
    return Response(
        to_json(message),
        status_code=201 if route.creates else 200,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def path_values(route: Route, request: Request) -> dict[str, str]:
    """Return the values in the path by the request fields that they are for."""
    return {name: request.path_params[variable_name(name)] for name in route.variables}


def media_type(content_type: str) -> str:
    """Return what a Content-Type header says without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _location(message: Message, places: Mapping[str, str]) -> str | None:
    """Return the path of the object that `message` is, or else of the one in it."""
    place = places.get(message.DESCRIPTOR.full_name)
    if place is not None:
        return f"{place}/{getattr(message, 'id')}"  # noqa: B009  # of whatever class it is
    parts = (value for field, value in message.ListFields() if field.message_type is not None)
    return next((found for part in parts if (found := _location(part, places))), None)


async def body_of(request: Request) -> bytes:
    """Return the body of a request that carries JSON.

    Raises:
        InvalidArgument: It is too large (LIMIT_BYTES).
        HTTPException: It did not arrive in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise InvalidArgument(
                        Reason.LIMIT_BYTES,
                        f"the body is larger than the {MAX_BODY_BYTES} bytes that are allowed",
                        metadata={"limit": str(MAX_BODY_BYTES)},
                    )
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive in {_BODY_TIMEOUT_S:g} s") from None
    return bytes(body)
